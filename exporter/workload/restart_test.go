// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/workload"
)

// numbers are those in use, by path.
func (k *world) numbers(paths ...string) map[string]uint32 {
	all := map[string]uint32{}
	for _, path := range paths {
		all[path] = k.cgroups[k.id(path)].Workload
	}
	return all
}

// TestRestart: a new agent takes the numbers over, and what they are in scope
// of, before it hears of a pod.
func TestRestart(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	scopes := []policy.Scoped{podScope("app", "web"), {Scope: policy.Scope{Container: selector("name", "main")}}}
	setScopes(t, w, scopes...)
	w.SetPod(web(1, "main", "proxy"))
	k.mkdir(containerPath(1, "main") + "/nested")
	k.mkdir(containerPath(1, "proxy"))
	refresh(t, w)
	paths := []string{podPath(1), containerPath(1, "main"), containerPath(1, "main") + "/nested", containerPath(1, "proxy")}
	numbers, bitmaps := k.numbers(paths...), maps.Clone(k.scopes)

	same := func(when string) {
		t.Helper()
		if diff := cmp.Diff(numbers, k.numbers(paths...)); diff != "" {
			t.Errorf("%s: numbers (-before +after):\n%s", when, diff)
		}
		if diff := cmp.Diff(bitmaps, k.scopes); diff != "" {
			t.Errorf("%s: scopes (-before +after):\n%s", when, diff)
		}
	}
	w = k.start()
	same("after the start")
	setScopes(t, w, scopes...)
	refresh(t, w)
	refresh(t, w)
	same("without an API server")
	w.SetPod(web(2, "main"))
	if n := k.pods[uid(2)]; n <= 4 {
		t.Errorf("a new pod has number %d of an old one", n)
	}
	bitmaps[k.pods[uid(2)]] = k.scopes[k.pods[uid(2)]]
	w.SetPod(web(1, "main", "proxy"))
	same("with an API server")
	for path, container := range map[string]string{paths[0]: "", paths[1]: "main", paths[2]: "main", paths[3]: "proxy"} {
		if got := w.Labels(k.id(path)); got != labels(web(1), container) {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if s := w.Stats(); s.LatePods+s.LateContainers > 0 {
		t.Errorf("stats: %+v", s)
	}
}

// TestRestartBeforeScopes: programs of the earlier agent go on with its scopes
// until this one has some.
func TestRestartBeforeScopes(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"), policy.Scoped{Scope: policy.Scope{Host: true}})
	w.SetPod(web(1, "main"))
	k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	before := maps.Clone(k.scopes)
	w = k.start()
	w.Replace([]workload.Pod{web(1, "main")})
	refresh(t, w)
	if diff := cmp.Diff(before, k.scopes); diff != "" {
		t.Errorf("scopes (-before +after):\n%s", diff)
	}
}

// TestRestartWithOtherScopes: the number of a scope that went is no longer in
// the bitmaps, so a new scope that gets it selects nothing by mistake.
func TestRestartWithOtherScopes(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	old := podScope("app", "web")
	setScopes(t, w, old, old)
	w.SetPod(web(1, "main"))
	k.mkdir(podPath(1))
	w = k.start()
	other := podScope("app", "db")
	set := func(numbers map[string]uint32, scopes ...policy.Scoped) {
		t.Helper()
		if err := w.SetScopes(numbers, scopes); err != nil {
			t.Fatal(err)
		}
	}
	if !k.selected(podPath(1), 1) {
		t.Fatal("the pod is not in scope")
	}
	set(map[string]uint32{other.Key(): 70}, other)
	if k.selected(podPath(1), 1) {
		t.Error("the pod is in a scope that is no longer in force")
	}
	set(map[string]uint32{other.Key(): 70, old.Key(): 1}, other, old)
	if k.selected(podPath(1), 1) || k.selected(podPath(1), 70) {
		t.Error("a pod of which nothing is known is in a new scope")
	}
	w.SetPod(web(1, "main"))
	if !k.selected(podPath(1), 1) || k.selected(podPath(1), 70) {
		t.Error("the pod is in the wrong scope")
	}
}

// TestRestartWithFewerPods: what ended while no agent ran is let go of, and a
// pod that was late in between is found.
func TestRestartWithFewerPods(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"))
	w.Replace([]workload.Pod{web(1, "main"), web(2, "main"), web(3, "main")})
	ended, last := k.mkdir(containerPath(1, "main")), k.mkdir(containerPath(2, "main"))
	refresh(t, w)
	k.rmdir(podPath(1))
	k.mkdir(containerPath(4, "main"))
	k.series[ended], k.series[last] = 23, 29

	w = k.start()
	setScopes(t, w, podScope("app", "web"))
	w.Replace([]workload.Pod{web(2, "main"), web(4, "main")})
	if _, ok := k.pods[uid(3)]; ok {
		t.Error("a pod that is no longer there still has an entry")
	}
	if !k.selected(containerPath(4, "main"), 0) || w.Stats().LatePods != 1 {
		t.Errorf("the new pod is not in scope, or not late: %+v", w.Stats())
	}
	for range 3 {
		refresh(t, w)
		w.MarkRead()
	}
	want := map[workload.Labels]int{{Namespace: "shop", Pod: "web-2", Workload: "web"}: 29}
	if diff := cmp.Diff(want, k.exposed(w)); diff != "" {
		t.Errorf("exposed (-want +got):\n%s", diff)
	}
}
