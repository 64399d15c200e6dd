// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/workload"
)

// TestLabelsWithoutServer: an agent that is started while the API server is away
// has the labels of the one before, and none of pods that nobody was told of.
func TestLabelsWithoutServer(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	w.SetPod(web(1, "main", "proxy"))
	main, proxy := k.mkdir(containerPath(1, "main")), k.mkdir(containerPath(1, "proxy"))
	unknown := k.mkdir(containerPath(2, "main"))
	refresh(t, w)
	// The status of a container comes later than the pod.
	w.SetPod(web(3, "main?"))
	late := k.mkdir(containerPath(3, "main"))
	w.SetPod(web(3, "main"))

	w = k.start()
	refresh(t, w)
	tests := map[uint64]workload.Labels{
		main: labels(web(1), "main"), proxy: labels(web(1), "proxy"), late: labels(web(3), "main"),
		unknown: untold(2, "main"),
	}
	for id, want := range tests {
		if diff := cmp.Diff(want, w.Labels(id)); diff != "" {
			t.Errorf("labels of cgroup %d (-want +got):\n%s", id, diff)
		}
	}
	if s := w.Stats(); s.Pods != 0 || s.UnknownPods != 3 {
		t.Errorf("%d pods and %d unknown ones, before an API server told of any", s.Pods, s.UnknownPods)
	}
}

// TestNotesEnd: of pods that are over nothing is left, whether they end while an
// agent runs or while none does.
func TestNotesEnd(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	over := func() {
		t.Helper()
		for range 5 {
			refresh(t, w)
			w.MarkRead()
		}
		if len(k.notes) > 0 {
			t.Errorf("%d notes are left", len(k.notes))
		}
	}
	pods := func() (all []workload.Pod) {
		for n := range 100 {
			w.SetPod(web(n, "main"))
			k.mkdir(containerPath(n, "main"))
			all = append(all, web(n, "main"))
		}
		refresh(t, w)
		if len(k.notes) != len(all) {
			t.Errorf("%d notes of %d pods", len(k.notes), len(all))
		}
		return all
	}
	for n, p := range pods() {
		k.rmdir(podPath(n))
		w.DeletePod(p.UID)
	}
	over()
	for n := range pods() {
		k.rmdir(podPath(n))
	}
	w = k.start()
	w.Replace(nil)
	over()
}

// TestNoteOfManyContainers: a note has the pod's names in any case.
func TestNoteOfManyContainers(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprint("container-", i))
	}
	p := web(1, names...)
	p.Namespace, p.Name = strings.Repeat("n", 63), strings.Repeat("p", 253)
	p.Workload, p.Kind = strings.Repeat("w", 253), "ReplicationController"
	w.SetPod(p)
	id := k.mkdir(podPath(1))
	refresh(t, w)
	w = k.start()
	want := workload.Labels{Namespace: p.Namespace, Pod: p.Name, Workload: p.Workload, Kind: p.Kind}
	if diff := cmp.Diff(want, w.Labels(id)); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// TestBadNote: a note that cannot be read is as good as none.
func TestBadNote(t *testing.T) {
	k := newWorld(t)
	k.notes[uid(1)] = "{"
	w := k.start()
	id := k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	if got, want := w.Labels(id), untold(1, "main"); got != want {
		t.Errorf("labels %+v, want %+v", got, want)
	}
}
