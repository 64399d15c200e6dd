// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"encoding/json"
	"fmt"
)

// MaxNote is how long a note about a pod may be, in bytes.
const MaxNote = 1024

// note is what an agent leaves about a pod to the next one, which may run for long
// before an API server tells it: series would have other labels until then.
type note struct {
	Namespace  string            `json:"namespace"`
	Name       string            `json:"name"`
	Workload   string            `json:"workload"`
	Kind       string            `json:"kind"`
	Containers map[string]string `json:"containers,omitempty"` // names by ID
}

// noteOf writes what there is to say about the pod. Containers for which there is no
// room have no name after a restart until the API server tells it.
func noteOf(p Pod) (string, error) {
	n := note{p.Namespace, p.Name, p.Workload, p.Kind, map[string]string{}}
	text, err := json.Marshal(n)
	for _, c := range p.Containers {
		if c.ID == "" {
			continue
		}
		n.Containers[c.ID] = c.Name
		longer, err := json.Marshal(n)
		if err != nil {
			return "", err
		}
		if len(longer) > MaxNote {
			break
		}
		text = longer
	}
	return string(text), err
}

// remember leaves a note about the pod, if there is something new to say.
func (w *Workloads) remember(p *pod) error {
	if !p.changed {
		return nil
	}
	text, err := noteOf(p.Pod)
	if err != nil {
		return fmt.Errorf("note pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	if text != p.note {
		if err := w.kernel.SetNote(p.UID, text); err != nil {
			return fmt.Errorf("note pod %s/%s: %w", p.Namespace, p.Name, err)
		}
	}
	p.note, p.changed = text, false
	return nil
}

// recall takes over the notes of an earlier agent. One that cannot be read is as
// good as none.
func (w *Workloads) recall() error {
	notes, err := w.kernel.Notes()
	if err != nil {
		return fmt.Errorf("read notes: %w", err)
	}
	for uid, text := range notes {
		p := w.pod(uid)
		p.note = text
		var n note
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			w.opts.Logger.Warn("what an earlier agent noted about a pod cannot be read", "uid", uid, "err", err)
			continue
		}
		p.recalled = true
		p.Namespace, p.Name, p.Workload, p.Kind = n.Namespace, n.Name, n.Workload, n.Kind
		for id, name := range n.Containers {
			p.Containers = append(p.Containers, Container{ID: id, Name: name})
		}
	}
	return nil
}

// forgetPod deletes the note about a pod that is over.
func (w *Workloads) forgetPod(p *pod) error {
	if p.note == "" {
		return nil
	}
	if err := w.kernel.DeleteNote(p.UID); err != nil {
		return fmt.Errorf("delete note about pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	p.note = ""
	return nil
}
