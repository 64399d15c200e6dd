// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/exporter/workload"
)

// labels are those of web(n, ...).
func labels(p workload.Pod, container string) workload.Labels {
	return workload.Labels{Namespace: p.Namespace, Pod: p.Name, Workload: p.Workload, Kind: p.Kind, Container: container}
}

// TestPodBeforeCgroup: what the API server tells in time is in scope from its
// first instruction, without the agent being asked.
func TestPodBeforeCgroup(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"), podScope("app", "db"), policy.Scoped{Scope: policy.Scope{Host: true}})
	w.SetPod(web(1, "main?"))
	k.mkdir(containerPath(1, "main") + "/init.scope")
	k.mkdir("system.slice/sshd.service")

	for _, path := range []string{podPath(1), containerPath(1, "main"), containerPath(1, "main") + "/init.scope"} {
		if got := []bool{k.selected(path, 0), k.selected(path, 1), k.selected(path, 2)}; !slices.Equal(got, []bool{true, false, false}) {
			t.Errorf("%s: in scopes %v", path, got)
		}
	}
	if !k.selected("system.slice/sshd.service", 2) || k.selected("system.slice/sshd.service", 0) {
		t.Error("the host is in the wrong scopes")
	}
	refresh(t, w)
	k.now = k.now.Add(time.Second)
	w.SetPod(web(1, "main"))
	for path, want := range map[string]workload.Labels{
		podPath(1):                               labels(web(1), ""),
		containerPath(1, "main"):                 labels(web(1), "main"),
		containerPath(1, "main") + "/init.scope": labels(web(1), "main"),
		"system.slice/sshd.service":              {},
	} {
		if diff := cmp.Diff(want, w.Labels(k.id(path))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	want := workload.Stats{Pods: 1, Containers: 1, Cgroups: 3}
	if diff := cmp.Diff(want, w.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

// TestCgroupBeforePod: a pod that the API server tells of late is put into its
// scopes then, with all cgroups, also those made in the meantime.
func TestCgroupBeforePod(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"))
	k.mkdir(podPath(1))
	k.now = k.now.Add(2 * time.Second)
	k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	if got, want := w.Labels(k.id(containerPath(1, "main"))), untold(1, "main"); got != want {
		t.Errorf("before the API server tells: %+v, want %+v", got, want)
	}
	if got := w.Stats(); got.UnknownPods != 1 || got.UnknownContainers != 1 {
		t.Errorf("stats: %+v", got)
	}

	k.now = k.now.Add(time.Second)
	nested := containerPath(1, "main") + "/nested"
	k.before["SetCgroup"] = func() { k.mkdir(nested) } // its parent has the old number still
	w.SetPod(web(1, "main"))
	for _, path := range []string{podPath(1), containerPath(1, "main"), nested} {
		if !k.selected(path, 0) {
			t.Errorf("%s is not in scope", path)
		}
	}
	w.SetPod(web(1, "main"))
	refresh(t, w)
	if got := w.Labels(k.id(nested)); got != labels(web(1), "main") {
		t.Errorf("nested: %+v", got)
	}
	want := workload.Stats{Pods: 1, Containers: 1, Cgroups: 3, LatePods: 1, LatePodDelay: time.Second}
	if diff := cmp.Diff(want, w.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

// TestPodCgroupBeforePod: nothing runs in the pod's own cgroup, so a pod that is
// known when its first container gets one is not late.
func TestPodCgroupBeforePod(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"))
	k.mkdir(podPath(1))
	k.now = k.now.Add(time.Second)
	w.SetPod(web(1, "main"))
	k.mkdir(containerPath(1, "main"))
	if !k.selected(containerPath(1, "main"), 0) {
		t.Error("not in scope")
	}
	refresh(t, w)
	if s := w.Stats(); s.LatePods != 0 {
		t.Errorf("late: %+v", s)
	}
}

// TestCgroupWhilePod: a cgroup that is made just before the kernel knows its pod
// is in scope when the agent has heard of the pod.
func TestCgroupWhilePod(t *testing.T) {
	for name, tell := range map[string]func(*workload.Workloads){
		"SetPod":  func(w *workload.Workloads) { w.SetPod(web(1, "main?")) },
		"Replace": func(w *workload.Workloads) { w.Replace([]workload.Pod{web(1, "main?")}) },
	} {
		t.Run(name, func(t *testing.T) {
			k := newWorld(t)
			w := k.start()
			setScopes(t, w, podScope("app", "web"))
			k.before["SetPod"] = func() { k.mkdir(podPath(1)) }
			tell(w)
			if !k.selected(podPath(1), 0) {
				t.Error("not in scope")
			}
		})
	}
}

// TestContainerKnownLate: of a pod with several containers those are selected
// late that not all would be, and no sooner.
func TestContainerKnownLate(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, policy.Scoped{Scope: policy.Scope{Container: selector("name", "main")}})
	w.SetPod(web(1, "main?"))
	w.SetPod(web(2, "main?", "proxy?"))
	k.mkdir(containerPath(1, "main"))
	k.mkdir(containerPath(2, "main") + "/nested")
	k.mkdir(containerPath(2, "proxy"))
	k.mkdir(containerPath(2, "sandbox"))
	if !k.selected(containerPath(1, "main"), 0) {
		t.Error("the only container of a pod is not in scope from the beginning")
	}
	if k.selected(containerPath(2, "main"), 0) {
		t.Error("a container that may be another is in scope")
	}
	k.now = k.now.Add(3 * time.Second)
	w.SetPod(web(1, "main"))
	w.SetPod(web(2, "main", "proxy"))
	for path, want := range map[string]bool{
		containerPath(1, "main"): true, containerPath(2, "main"): true, containerPath(2, "main") + "/nested": true,
		containerPath(2, "proxy"): false, containerPath(2, "sandbox"): false, podPath(2): false,
	} {
		if k.selected(path, 0) != want {
			t.Errorf("%s: in scope: %t, want %t", path, !want, want)
		}
	}
	if got := w.Labels(k.id(containerPath(2, "sandbox"))); got != labels(web(2), "") {
		t.Errorf("sandbox: %+v, want no container", got)
	}
	want := workload.Stats{
		Pods: 2, Containers: 3, UnknownContainers: 1, Cgroups: 7,
		LateContainers: 1, LateContainerDelay: 3 * time.Second,
	}
	if diff := cmp.Diff(want, w.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

// TestContainerRestarts: the container that was replaced keeps its name, and the
// new one has the same number.
func TestContainerRestarts(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"))
	w.SetPod(web(1, "main"))
	first := k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	k.rmdir(containerPath(1, "main"))
	second := k.mkdir(containerPath(1, "again"))
	p := web(1, "main")
	p.Containers[0].ID = containerID("again")
	w.SetPod(p)
	for _, id := range []uint64{first, second} {
		if got := w.Labels(id); got != labels(web(1), "main") {
			t.Errorf("cgroup %d: %+v", id, got)
		}
	}
	if k.cgroups[first].Workload != k.cgroups[second].Workload {
		t.Errorf("numbers %d and %d", k.cgroups[first].Workload, k.cgroups[second].Workload)
	}
}

// TestLabelChange: a running pod changes scopes at once, and keeps its number.
func TestLabelChange(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"), podScope("app", "db"))
	w.SetPod(web(1, "main"))
	k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	number := k.cgroups[k.id(containerPath(1, "main"))].Workload
	p := web(1, "main")
	p.Labels = map[string]string{"app": "db"}
	k.calls = nil
	w.SetPod(p)
	for _, path := range []string{podPath(1), containerPath(1, "main")} {
		if k.selected(path, 0) || !k.selected(path, 1) {
			t.Errorf("%s is in the old scope", path)
		}
	}
	if got := k.cgroups[k.id(containerPath(1, "main"))].Workload; got != number {
		t.Errorf("number %d became %d", number, got)
	}
	for _, call := range k.calls {
		if !strings.HasPrefix(call, "SetScopes ") {
			t.Errorf("a change of labels calls %s", call)
		}
	}
}

// TestShortLivedCgroups: a cgroup that came and went between two looks is the
// pod's, or its container's if it was made in one.
func TestShortLivedCgroups(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	w.SetPod(web(1, "main", "init"))
	k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	nested := k.mkdir(containerPath(1, "main") + "/nested")
	whole := k.mkdir(containerPath(1, "init"))
	k.rmdir(containerPath(1, "main") + "/nested")
	k.rmdir(containerPath(1, "init"))
	refresh(t, w)
	if got := w.Labels(nested); got != labels(web(1), "main") {
		t.Errorf("nested: %+v", got)
	}
	if got := w.Labels(whole); got != labels(web(1), "") {
		t.Errorf("container: %+v", got)
	}
}

// TestOlderCgroups: those that were there before the programs are entered top
// down, so that what is made in them meanwhile is theirs too.
func TestOlderCgroups(t *testing.T) {
	k := newWorld(t)
	k.blind = true
	k.mkdir(containerPath(1, "main") + "/nested")
	k.mkdir("system.slice/cron.service")
	k.blind = false
	between := containerPath(1, "main") + "/between"
	k.before["SetCgroup"] = func() { // the first is the pod's
		k.before["SetCgroup"] = func() { // the container's: not entered yet
			k.before["SetCgroup"] = func() { k.mkdir(between) } // the nested one's
		}
	}
	w := k.start()
	setScopes(t, w, podScope("app", "web"))
	w.SetPod(web(1, "main"))
	for path, want := range map[string]workload.Labels{
		podPath(1):                           labels(web(1), ""),
		containerPath(1, "main"):             labels(web(1), "main"),
		containerPath(1, "main") + "/nested": labels(web(1), "main"),
		between:                              labels(web(1), "main"),
		"system.slice/cron.service":          {},
	} {
		if diff := cmp.Diff(want, w.Labels(k.id(path))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		if k.selected(path, 0) != (want.Pod != "") {
			t.Errorf("%s: in scope: %t", path, k.selected(path, 0))
		}
	}
	if s := w.Stats(); s.LatePods != 1 { // of the one that the program noted
		t.Errorf("stats: %+v", s)
	}
}

// TestPodInPod: a container cannot leave its pod by making a cgroup with the
// name of another's, as a kubelet in it does.
func TestPodInPod(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	setScopes(t, w, podScope("app", "web"))
	w.SetPod(web(1, "main"))
	inner := containerPath(1, "main") + "/" + podPath(2) + "/cri-containerd-" + containerID("inner") + ".scope"
	k.mkdir(inner)
	refresh(t, w)
	if got := w.Labels(k.id(inner)); got != labels(web(1), "main") || !k.selected(inner, 0) || k.cgroups[k.id(inner)].Pod != uid(1) {
		t.Errorf("labels %+v, entry %+v", got, k.cgroups[k.id(inner)])
	}
	refresh(t, w)
	refresh(t, w)
	if s := w.Stats(); s.Pods != 1 || s.UnknownPods != 0 {
		t.Errorf("stats: %+v", s)
	}
}

// TestWithoutAPIServer: what the names of cgroups say is known, and only scopes
// that select every pod select these.
func TestWithoutAPIServer(t *testing.T) {
	k := newWorld(t)
	w := k.start()
	all := policy.Scoped{Scope: policy.Scope{Pod: &policy.LabelSelector{}}}
	setScopes(t, w, podScope("app", "web"), all, policy.Scoped{Namespace: "shop"})
	k.mkdir(containerPath(1, "main"))
	refresh(t, w)
	if got, want := w.Labels(k.id(containerPath(1, "main"))), untold(1, "main"); got != want {
		t.Errorf("labels %+v, want %+v", got, want)
	}
	if k.selected(podPath(1), 0) || !k.selected(podPath(1), 1) || k.selected(podPath(1), 2) {
		t.Error("an unknown pod is in the wrong scopes")
	}
	w.Replace(nil) // the list may be older than the pod
	if got := w.Stats(); got.UnknownPods != 1 {
		t.Errorf("stats: %+v", got)
	}
	k.series[k.id(containerPath(1, "main"))] = 23
	k.rmdir(containerPath(1, "main"))
	for range 2 {
		refresh(t, w)
		w.MarkRead()
	}
	if got := w.Expired(); got != nil {
		t.Errorf("the pod goes on, expired: %v", got)
	}
	k.rmdir(podPath(1))
	for range 4 {
		refresh(t, w)
		w.MarkRead()
	}
	if len(k.series)+len(k.cgroups) > 0 {
		t.Errorf("left: series %v, cgroups %v", k.series, k.cgroups)
	}
}
