// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"maps"
	"testing"
	"time"

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
	ended := k.mkdir(containerPath(1, "main") + "/ended")
	refresh(t, w)
	k.rmdir(containerPath(1, "main") + "/ended")
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
	// Its path is not known to the new agent, but what it was made in.
	if got := w.Labels(ended); got != labels(web(1), "main") {
		t.Errorf("a cgroup that ended: %+v", got)
	}
	if s := w.Stats(); s.LatePods+s.LateContainers > 0 {
		t.Errorf("stats: %+v", s)
	}
}

// TestRestartWithFewerNumbers: a number there is no bitmap for is not used.
func TestRestartWithFewerNumbers(t *testing.T) {
	k := newWorld(t)
	k.pods[uid(1)] = 99
	w := k.start(func(o *workload.Options) { o.Numbers = 50 })
	w.SetPod(web(1, "main"))
	if n := k.pods[uid(1)]; n != 2 {
		t.Errorf("number %d, want the first", n)
	}
}

// TestRestartAfterMerge: counts of a pod that has gone are kept where the next
// agent finds their name.
func TestRestartAfterMerge(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	first, second := web(1, "main"), web(2, "main")
	second.Name = first.Name
	w.SetPod(first)
	k.series[k.mkdir(containerPath(1, "main"))] = 23
	refresh(t, w)
	w.DeletePod(uid(1))
	w.SetPod(second)
	k.rmdir(podPath(1))
	refresh(t, w)
	k.now = k.now.Add(time.Second)
	nested := containerPath(2, "main") + "/nested"
	k.series[k.mkdir(nested)] = 29
	refresh(t, w)
	k.rmdir(nested)
	for range 3 {
		refresh(t, w)
		w.MarkRead()
	}
	w = k.start()
	w.Replace([]workload.Pod{second})
	want := map[workload.Labels]int{{Namespace: "shop", Pod: "web-1", Workload: "web"}: 52}
	if diff := cmp.Diff(want, k.exposed(w)); diff != "" {
		t.Errorf("exposed (-want +got):\n%s", diff)
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

// TestRestartWithSomeScopes: until all policies are known, the bits of those that
// only an earlier agent knew stay, on the host too; then they go or stay with the
// policy.
func TestRestartWithSomeScopes(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	host := policy.Scoped{Scope: policy.Scope{Host: true}}
	web1, file, gone := podScope("app", "web"), podScope("tier", "front"), podScope("app", "gone")
	numbers := map[string]uint32{host.Key(): 3, web1.Key(): 70, file.Key(): 5, gone.Key(): 6}
	set := func(set func(map[string]uint32, []policy.Scoped) error, scopes ...policy.Scoped) {
		t.Helper()
		if err := set(numbers, scopes); err != nil {
			t.Fatal(err)
		}
	}
	set(w.SetScopes, host, web1)
	w.SetPod(web(1, "main"))
	k.mkdir(podPath(1))

	w = k.start()
	set(w.SetSomeScopes, file)
	selected := func() [3]bool {
		return [3]bool{k.scopes[0][0]>>3&1 != 0, k.selected(podPath(1), 70), k.selected(podPath(1), 5)}
	}
	if got := selected(); got != [3]bool{true, true, false} {
		t.Errorf("host, pod by the earlier agent's scope, pod by a new one: %v", got)
	}
	w.SetPod(web(1, "main")) // the pods are told of before the policies
	if got := selected(); got != [3]bool{true, true, false} {
		t.Errorf("when the pod is known: %v", got)
	}
	set(w.SetScopes, file, web1)
	if got := selected(); got != [3]bool{false, true, false} {
		t.Errorf("when all policies are known: %v", got)
	}

	w = k.start()
	set(w.SetSomeScopes, file)
	set(w.SetScopes, file, web1) // the policies are told of before the pods
	if got := selected(); got != [3]bool{false, true, false} {
		t.Errorf("before the pod is known: %v", got)
	}
}
