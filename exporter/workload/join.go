// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

// pod is a pod and what the kernel knows of it. The host is one without a UID.
type pod struct {
	Pod
	host  bool
	known bool // the API server has told of it
	gone  bool // the API server has told of its end
	// recalled says that an earlier agent was told of it, and left the names.
	recalled bool
	note     string // that the kernel has for the next agent
	changed  bool   // the API server has told something since the note was made
	entry    uint32
	whole    *group            // nil until it has a number
	parts    map[string]*group // by name of the container
	adopted  []*group          // an earlier agent's, for containers not known yet
	cgroups  int
	late     bool // it was counted as late
	idle     int  // for how many times of Refresh it was over, without cgroups
}

// groups are all groups of the pod.
func (p *pod) groups() iter.Seq[*group] {
	return func(yield func(*group) bool) {
		if p.whole != nil && !yield(p.whole) {
			return
		}
		for _, g := range p.adopted {
			if !yield(g) {
				return
			}
		}
		for _, g := range p.parts {
			if !yield(g) {
				return
			}
		}
	}
}

// number is that of the pod's processes whose container is not known.
func (p *pod) number() uint32 {
	switch {
	case p.host:
		return hostNumber
	case p.whole == nil || !p.whole.written:
		return strangersNumber
	}
	return p.whole.number
}

// container is the container of this name.
func (p *pod) container(name string) Container {
	for _, c := range p.Containers {
		if c.Name == name {
			return c
		}
	}
	return Container{Name: name}
}

// cgroup is a cgroup of the kernel's and what is known of it.
type cgroup struct {
	Cgroup
	pod       *pod
	place     Place
	found     bool   // the path is known
	searches  int    // how often it was looked for
	container string // name, once known. It stays when the container is replaced
	wrong     bool   // the kernel's entry has another pod
	seen      uint64 // in which round
	// When and at which reading the kernel had released it.
	released     time.Time
	releasedRead uint64
}

func (c *cgroup) labels() Labels {
	p := c.pod
	if !p.known && !p.recalled {
		return Labels{Namespace: Unknown, Pod: p.UID, Workload: Unknown, Container: c.place.Container}
	}
	return Labels{Namespace: p.Namespace, Pod: p.Name, Workload: p.Workload, Kind: p.Kind, Container: c.container}
}

// pod returns the pod with this UID, a new one if need be.
func (w *Workloads) pod(uid string) *pod {
	p := w.pods[uid]
	if p == nil {
		p = &pod{Pod: Pod{UID: uid}, parts: map[string]*group{}}
		w.pods[uid] = p
	}
	return p
}

// enter notes a cgroup that the kernel has.
func (w *Workloads) enter(entry Cgroup) *cgroup {
	c := &cgroup{Cgroup: entry, pod: w.pod(entry.Pod), seen: w.round}
	c.pod.cgroups++
	w.cgroups[c.ID] = c
	return c
}

// drop forgets a cgroup that the kernel no longer has.
func (w *Workloads) drop(c *cgroup) {
	c.pod.cgroups--
	delete(w.cgroups, c.ID)
}

// move corrects the pod of a cgroup.
func (w *Workloads) move(c *cgroup, uid string) {
	c.pod.cgroups--
	c.pod = w.pod(uid)
	c.pod.cgroups++
	c.Pod, c.wrong = uid, true
}

// adopt takes over what an earlier agent left: the numbers of pods and, by the
// cgroups that have them, of containers.
func (w *Workloads) adopt() error {
	pods, err := w.kernel.Pods()
	if err != nil {
		return fmt.Errorf("read pods: %w", err)
	}
	cgroups, err := w.kernel.Cgroups()
	if err != nil {
		return fmt.Errorf("read cgroups: %w", err)
	}
	for _, number := range []uint32{hostNumber, strangersNumber} {
		g := w.groups[number]
		if g.bits, err = w.kernel.Scopes(number); err != nil {
			return fmt.Errorf("read scopes of workload %d: %w", number, err)
		}
		g.written = true
	}
	if err := w.recall(); err != nil {
		return err
	}
	for uid, number := range pods {
		p := w.pod(uid)
		p.entry = number
		if p.whole, err = w.adoptNumber(p, number); err != nil {
			return err
		}
	}
	w.observe(cgroups)
	for _, c := range w.cgroups {
		if c.pod.host {
			continue
		}
		g, err := w.adoptNumber(c.pod, c.Workload)
		if err != nil {
			return err
		}
		if g != nil {
			c.pod.adopted = append(c.pod.adopted, g)
		}
	}
	return nil
}

// adoptNumber makes the number the pod's, or returns nil if it is somebody's.
func (w *Workloads) adoptNumber(p *pod, number uint32) (*group, error) {
	if w.groups[number] != nil || number >= w.opts.Numbers {
		return nil, nil
	}
	bits, err := w.kernel.Scopes(number)
	if err != nil {
		return nil, fmt.Errorf("read scopes of workload %d: %w", number, err)
	}
	g := &group{number: number, pod: p, bits: bits, written: true}
	w.groups[number] = g
	return g, nil
}

// observe compares what the kernel has with what is known of it.
func (w *Workloads) observe(entries []Cgroup) {
	w.round++
	for _, entry := range entries {
		c := w.cgroups[entry.ID]
		if c == nil {
			c = w.enter(entry)
		}
		c.seen, c.Workload = w.round, entry.Workload
		if entry.Released && c.released.IsZero() {
			c.Released, c.released, c.releasedRead = true, w.opts.Now(), w.reads
		}
	}
	for _, c := range w.cgroups {
		if c.seen != w.round {
			w.drop(c)
		}
	}
}

// scan looks for the paths of cgroups in the file system, below those of pods
// only where it is wanted. If the kernel lacks cgroups it looks everywhere and
// enters them.
func (w *Workloads) scan(wanted map[*pod]bool) error {
	var p problems
	enter := w.incomplete
	w.incomplete = false
	err := walk(w.opts.CgroupRoot, func(id uint64, path string) bool {
		place := Locate(path)
		if place.Pod == "" {
			return true
		}
		c := w.cgroups[id]
		if c == nil && enter {
			entry := Cgroup{ID: id, Workload: w.pod(place.Pod).number(), Pod: place.Pod}
			if err := w.kernel.SetCgroup(entry); err != nil {
				p.add(fmt.Errorf("enter cgroup %s: %w", path, err))
				w.incomplete = true
				return true
			}
			c = w.enter(entry)
		}
		if c != nil && !c.found {
			place.Container = strings.Clone(place.Container) // do not keep the path
			c.place, c.found = place, true
			if c.Pod != place.Pod {
				w.move(c, place.Pod)
			}
		}
		return enter || wanted[w.pods[place.Pod]]
	})
	if err != nil {
		w.incomplete = w.incomplete || enter
		p.add(err)
	}
	return p.err()
}
