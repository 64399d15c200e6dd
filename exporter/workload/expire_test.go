// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/workload"
)

// TestDeletedPodStillRuns: the labels of a pod stay while it has a cgroup, and
// its numbers until its series were read.
func TestDeletedPodStillRuns(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"))
	w.SetPod(web(1, "main"))
	id := k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	k.series[id] = 23
	numbers := []uint32{k.pods[uid(1)], k.cgroups[id].Workload}
	w.DeletePod(uid(1))
	w.DeletePod(uid(1))
	for range 5 {
		refresh(t, w)
		w.MarkRead()
	}
	if got := w.Labels(id); got != labels(web(1), "main") {
		t.Errorf("labels %+v", got)
	}
	if !k.selected(containerPath(1, "main"), 0) {
		t.Error("a pod that runs is not in scope because it was deleted")
	}

	k.rmdir(podPath(1))
	refresh(t, w)
	for reads := range 2 {
		if got := w.Expired(); got != nil {
			t.Errorf("expired after %d readings: %v", reads, got)
		}
		w.SetPod(web(10+reads, "main"))
		if n := k.pods[uid(10+reads)]; slices.Contains(numbers, n) {
			t.Errorf("number %d is given to another pod", n)
		}
		w.MarkRead()
	}
	if got := w.Expired(); len(got) != 2 || !slices.Contains(got, id) {
		t.Errorf("expired %v, want the pod's and the container's", got)
	}
	k.calls = nil
	refresh(t, w)
	if len(k.series) > 0 || len(k.cgroups) > 0 || w.Expired() != nil {
		t.Errorf("left: series %v, cgroups %v", k.series, k.cgroups)
	}
	refresh(t, w)
	w.SetPod(web(3, "main"))
	if n := k.pods[uid(3)]; !slices.Contains(numbers, n) {
		t.Errorf("number %d, want one of %v, which are free", n, numbers)
	}
}

// TestNumberNotFreedTooEarly: a cgroup may show only after its pod was deleted,
// with the number that the pod had.
func TestNumberNotFreedTooEarly(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"))
	w.SetPod(web(1, "main"))
	number := k.pods[uid(1)]
	k.blind = true // the program has read the number and not entered the cgroup yet
	id := k.mkdir(podPath(1))
	w.DeletePod(uid(1))
	refresh(t, w)
	k.cgroups[id] = workload.Cgroup{ID: id, Workload: number, Created: k.now, Pod: uid(1)}
	w.SetPod(web(2, "main"))
	if n := k.pods[uid(2)]; n == number {
		t.Errorf("number %d is given to another pod while a cgroup has it", n)
	}
	if got := w.Labels(id); got != labels(web(1), "") {
		t.Errorf("labels %+v", got)
	}
}

// TestRetention: if nobody reads, series go after a time.
func TestRetention(t *testing.T) {
	k := newWorld(t)
	w := k.start(func(o *workload.Options) { o.Retention = 10 * time.Minute })
	w.SetPod(web(1, "main"))
	k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	w.DeletePod(uid(1))
	k.rmdir(podPath(1))
	refresh(t, w)
	k.now = k.now.Add(10*time.Minute - 1)
	if got := w.Expired(); got != nil {
		t.Errorf("expired too early: %v", got)
	}
	k.now = k.now.Add(1)
	if got := w.Expired(); len(got) != 2 {
		t.Errorf("expired %v, want 2", got)
	}
}

// TestSeriesGoOn: cgroups that end in a pod that goes on leave their counts in
// one of them, so the pod's series never goes down, and entries do not pile up.
func TestSeriesGoOn(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	w.SetPod(web(1, "main"))
	k.mkdir(podPath(1))
	total := 0
	for _, restart := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		p := web(1, "main")
		p.Containers[0].ID = containerID(restart)
		k.series[k.mkdir(containerPath(1, restart))] = 23
		w.SetPod(p)
		total += 23
		k.rmdir(containerPath(1, restart))
		for range 3 {
			refresh(t, w)
			want := map[workload.Labels]int{{Namespace: "shop", Pod: "web-1", Workload: "web"}: total}
			if diff := cmp.Diff(want, k.exposed(w)); diff != "" {
				t.Fatalf("exposed (-want +got):\n%s", diff)
			}
			w.MarkRead()
		}
		if len(k.cgroups) > 3 {
			t.Errorf("%d entries", len(k.cgroups))
		}
	}
	if got := w.Expired(); got != nil {
		t.Errorf("expired %v", got)
	}
}

// TestRecreatedPod: a pod with the name of one before it (StatefulSet) is another
// pod, but has the same series if the other's has not gone.
func TestRecreatedPod(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"))
	first, second := web(1, "main"), web(2, "main")
	second.Name, second.Labels = first.Name, map[string]string{"app": "db"}
	w.SetPod(first)
	id := k.mkdir(containerPath(1, "main"))
	k.series[id] = 23
	refresh(t, w)
	k.rmdir(podPath(1))
	w.SetPod(second)
	w.DeletePod(uid(1))
	other := k.mkdir(containerPath(2, "main"))
	if k.selected(containerPath(2, "main"), 0) {
		t.Error("the new pod is in the scope of the old")
	}
	if k.cgroups[id].Workload == k.cgroups[other].Workload {
		t.Error("both have the same number")
	}
	k.series[other] = 29
	for range 6 {
		want := map[workload.Labels]int{{Namespace: "shop", Pod: "web-1", Workload: "web"}: 52}
		refresh(t, w)
		if diff := cmp.Diff(want, k.exposed(w)); diff != "" {
			t.Fatalf("exposed (-want +got):\n%s", diff)
		}
		w.MarkRead()
	}
	w.DeletePod(uid(2))
	k.rmdir(podPath(2))
	for range 6 {
		refresh(t, w)
		w.MarkRead()
	}
	if len(k.series)+len(k.cgroups)+len(k.pods) > 0 || w.Stats() != (workload.Stats{}) {
		t.Errorf("left: %v, %v, %v, %+v", k.series, k.cgroups, k.pods, w.Stats())
	}
}

// TestPodComesBack: a pod that is deleted and told of again (a static one) has
// its entry again.
func TestPodComesBack(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"))
	w.SetPod(web(1, "main"))
	k.mkdir(podPath(1))
	refresh(t, w)
	w.DeletePod(uid(1))
	w.SetPod(web(1, "main"))
	k.mkdir(containerPath(1, "main"))
	if !k.selected(containerPath(1, "main"), 0) {
		t.Error("not in scope")
	}
}

// TestSharedSeries: without the pod's name, all pods of a workload have one
// series, which lasts as long as any of them.
func TestSharedSeries(t *testing.T) {
	k := newWorld(t)
	w := k.start(func(o *workload.Options) {
		o.Series = func(l workload.Labels) workload.Labels { return workload.Labels{Workload: l.Workload} }
	})
	total := 0
	exposed := func() (sum int) {
		for id, n := range k.series {
			if w.Labels(id).Workload == "web" {
				sum += n
			}
		}
		return sum
	}
	for n := range 9 {
		w.SetPod(web(n, "main"))
		k.series[k.mkdir(containerPath(n, "main"))] = 23
		total += 23
		refresh(t, w)
		if n == 0 {
			continue
		}
		w.DeletePod(uid(n - 1))
		k.rmdir(podPath(n - 1))
		for range 3 {
			refresh(t, w)
			w.MarkRead()
			if got := exposed(); got != total {
				t.Fatalf("pod %d: %d counts, want %d", n, got, total)
			}
		}
		if len(k.cgroups) > 5 {
			t.Errorf("%d entries", len(k.cgroups))
		}
	}
}

// TestLabelsOfForgotten: a scrape that read the counters just before has the
// labels of what is forgotten, and of what is merged, a minute later nobody.
func TestLabelsOfForgotten(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	w.SetPod(web(1, "main"))
	id := k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	k.rmdir(containerPath(1, "main"))
	k.rmdir(podPath(1))
	w.DeletePod(web(1).UID)
	refresh(t, w)
	for range 2 {
		w.MarkRead()
	}
	refresh(t, w) // within a scrape
	if _, ok := k.cgroups[id]; ok {
		t.Fatal("not forgotten")
	}
	if got := w.Labels(id); got != labels(web(1), "main") {
		t.Errorf("labels %+v", got)
	}
	k.now = k.now.Add(2 * time.Minute)
	other := k.mkdir(containerPath(2, "main"))
	k.rmdir(containerPath(2, "main"))
	k.rmdir(podPath(2))
	refresh(t, w)
	for range 2 {
		w.MarkRead()
	}
	refresh(t, w)
	if got := w.Labels(id); got != (workload.Labels{}) {
		t.Errorf("labels %+v of what nobody asks for any more", got)
	}
	if got := w.Labels(other); got.Pod != web(2).UID {
		t.Errorf("labels %+v of what is just forgotten", got)
	}
}

// TestUnknownPodsAreNotTheHost: what a pod counted that nobody told of is not part
// of the host's series, which would go down when the pod is over or gets its names.
func TestUnknownPodsAreNotTheHost(t *testing.T) {
	k := newWorld(t)
	w := k.start(func(o *workload.Options) {
		o.Series = func(l workload.Labels) workload.Labels {
			return workload.Labels{Namespace: l.Namespace, Workload: l.Workload}
		}
	})
	host := func(when string) {
		t.Helper()
		sum := 0
		for id, n := range k.series {
			if l := w.Labels(id); l.Namespace == "" && l.Workload == "" {
				sum += n
			}
		}
		if sum != 5 {
			t.Errorf("%s: the host has %d events, want 5", when, sum)
		}
	}
	k.series[k.mkdir("system.slice/sshd.service")] = 5
	k.series[k.mkdir(containerPath(1, "main"))] = 23
	k.series[k.mkdir(containerPath(2, "main"))] = 29
	refresh(t, w)
	host("two pods that are not known")
	w.SetPod(web(1, "main"))
	host("one is known")
	k.rmdir(podPath(2))
	for range 5 {
		refresh(t, w)
		w.MarkRead()
	}
	host("one is over")
}
