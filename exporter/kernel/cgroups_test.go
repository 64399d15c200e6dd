// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

const (
	podUID    = "0aa1b2c3-4d5e-6f70-8192-a3b4c5d6e7f8"
	configUID = "c1f0aa1b2c34d5e6f708192a3b4c5d6e" // of a static pod
)

// watch returns a Kernel that watches cgroups, and a new cgroup for the test.
func watch(t *testing.T) (*Kernel, string) {
	t.Helper()
	k := open(t)
	root, err := k.WatchCgroups()
	if err != nil {
		t.Fatal(err)
	}
	return k, makeCgroup(t, root, fmt.Sprintf("tetrameter-test-%d", os.Getpid()))
}

func makeCgroup(t *testing.T, parent, name string) string {
	t.Helper()
	dir := filepath.Join(parent, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	return dir
}

func cgroupID(t *testing.T, dir string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// known returns what the kernel notes, without the times.
func known(t *testing.T, k *Kernel) map[uint64]Cgroup {
	t.Helper()
	list, err := k.Cgroups()
	if err != nil {
		t.Fatal(err)
	}
	cgroups := map[uint64]Cgroup{}
	for _, c := range list {
		if age := time.Since(c.Created); !c.Created.IsZero() && (age < -time.Minute || age > time.Minute) {
			t.Errorf("cgroup %d was made %v ago", c.ID, age)
		}
		c.Created = time.Time{}
		cgroups[c.ID] = c
	}
	return cgroups
}

// TestCgroupNames: the pod is read out of the names that kubelets give.
func TestCgroupNames(t *testing.T) {
	k, dir := watch(t)
	underscored := strings.ReplaceAll(podUID, "-", "_")
	want := map[uint64]Cgroup{}
	for name, pod := range map[string]string{
		"pod" + podUID:                                                     podUID,
		"kubepods-pod" + underscored + ".slice":                            podUID,
		"kubepods-besteffort-pod" + underscored + ".slice":                 podUID,
		"kubelet-kubepods-burstable-pod" + underscored + ".slice":          podUID,
		"kubepods-burstable-pod" + configUID + ".slice":                    configUID,
		"pod" + configUID:                                                  configUID,
		"besteffort":                                                       "",
		"kubepods.slice":                                                   "",
		"cri-containerd-" + strings.Repeat("ab", 32) + ".scope":            "",
		"pod" + podUID[:35]:                                                "",
		strings.Repeat("x", 100) + "-pod" + underscored + ".slice":         podUID,
		strings.Repeat("x", 255-len(".slice")-40) + underscored + ".slice": "",
		"poe" + podUID:                                                     "",
	} {
		made := makeCgroup(t, dir, name)
		if id := cgroupID(t, made); pod != "" {
			want[id] = Cgroup{ID: id, Workload: WorkloadUnknown, Pod: pod}
		}
	}
	if diff := cmp.Diff(want, known(t, k)); diff != "" {
		t.Errorf("cgroups (-want +got):\n%s", diff)
	}
}

// TestCgroupTree: what is made inside a pod is the pod's, with the workload its
// parent has by then; what is removed is said to be.
func TestCgroupTree(t *testing.T) {
	k, dir := watch(t)
	if err := k.SetPod(podUID, 7); err != nil {
		t.Fatal(err)
	}
	pod := makeCgroup(t, dir, "pod"+podUID)
	container := makeCgroup(t, pod, strings.Repeat("cd", 32))
	// The agent learns which container it is.
	id := cgroupID(t, container)
	if err := k.SetCgroup(Cgroup{ID: id, Workload: 8, Pod: podUID}); err != nil {
		t.Fatal(err)
	}
	inner := makeCgroup(t, container, "init.scope")
	foreign := makeCgroup(t, inner, "pod"+configUID) // a kubelet in a pod
	unknown := makeCgroup(t, dir, "pod"+configUID)
	below := makeCgroup(t, unknown, "main")
	want := map[uint64]Cgroup{}
	for dir, c := range map[string]Cgroup{
		pod:       {Workload: 7, Pod: podUID},
		container: {Workload: 8, Pod: podUID},
		inner:     {Workload: 8, Pod: podUID},
		foreign:   {Workload: 8, Pod: podUID},
		unknown:   {Workload: WorkloadUnknown, Pod: configUID},
		below:     {Workload: WorkloadUnknown, Pod: configUID, Removed: true},
	} {
		c.ID = cgroupID(t, dir)
		want[c.ID] = c
	}
	if err := os.Remove(below); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, known(t, k)); diff != "" {
		t.Errorf("cgroups (-want +got):\n%s", diff)
	}
}

// TestCgroupEntries: the agent corrects and deletes what the kernel notes.
func TestCgroupEntries(t *testing.T) {
	k, dir := watch(t)
	gone := makeCgroup(t, dir, "pod"+configUID)
	id := cgroupID(t, gone)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	if err := k.SetPod(podUID, 7); err != nil {
		t.Fatal(err)
	}
	if err := k.SetCgroup(Cgroup{ID: id, Workload: 9, Pod: configUID}); err != nil {
		t.Fatal(err)
	}
	if got := known(t, k)[id]; !got.Removed || got.Workload != 9 {
		t.Errorf("a removed cgroup became %+v", got)
	}
	if err := k.DeleteCgroup(id); err != nil {
		t.Fatal(err)
	}
	if got, ok := known(t, k)[id]; ok {
		t.Errorf("a deleted cgroup is still %+v", got)
	}
	if err := k.DeletePod(podUID); err != nil {
		t.Fatal(err)
	}
	if pods, err := k.Pods(); len(pods) > 0 || err != nil {
		t.Errorf("pods are %v (%v) after the only one was deleted", pods, err)
	}
}

// enter moves this process into a cgroup, and back at the end.
func enter(t *testing.T, dir string) {
	t.Helper()
	move := func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0)
	}
	if err := move(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := move(filepath.Dir(dir)); err != nil {
			t.Error(err)
		}
	})
}

// TestScopeBits: a policy counts where the bit of its scope is set, from one
// moment to the next, and in the series of the cgroup.
func TestScopeBits(t *testing.T) {
	k, dir := watch(t)
	scope := policy.Scoped{Scope: policy.Scope{Pod: &policy.LabelSelector{}}}
	numbers, err := k.ScopeNumbers([]policy.Scoped{{Scope: policy.Scope{Host: true}}, scope})
	if err != nil {
		t.Fatal(err)
	}
	body, err := match.Compile(match.Input{Rules: []match.Rule{{Slot: 1, Scope: scope}}, Scopes: numbers})
	if err != nil {
		t.Fatal(err)
	}
	prog := loadTwin(t, k, body)
	if err := k.SetPod(podUID, 7); err != nil {
		t.Fatal(err)
	}
	runTwin(t, prog, nil) // the host's
	pod := makeCgroup(t, dir, "pod"+podUID)
	enter(t, pod)
	runTwin(t, prog, nil) // no bit yet
	var bits [bpf.ScopesMax / 64]uint64
	bits[numbers[scope.Key()]/64] = 1 << (numbers[scope.Key()] % 64)
	if err := k.SetScopes(7, bits); err != nil {
		t.Fatal(err)
	}
	for range 23 {
		runTwin(t, prog, nil)
	}
	if err := k.SetScopes(7, [bpf.ScopesMax / 64]uint64{}); err != nil {
		t.Fatal(err)
	}
	runTwin(t, prog, nil)
	if n := total(t, k, 1); n != 23 {
		t.Errorf("counted %d events in scope, want 23", n)
	}
	n, err := k.reader.readAll(k.maps.byName[bpf.RawTPMapSeries])
	if err != nil || n != 1 || k.reader.keys[0].Cgroup != cgroupID(t, pod) {
		t.Errorf("%d series of cgroup %d (%v), want one of %d", n, k.reader.keys[0].Cgroup, err, cgroupID(t, pod))
	}
	const heir = 1 << 40
	if err := k.Merge(heir, []uint64{cgroupID(t, pod)}); err != nil {
		t.Fatal(err)
	}
	if n, err := k.reader.readAll(k.maps.byName[bpf.RawTPMapSeries]); err != nil || n != 1 || k.reader.keys[0].Cgroup != heir {
		t.Errorf("%d series of cgroup %d (%v) after merging, want one of %d", n, k.reader.keys[0].Cgroup, err, uint64(heir))
	}
	if count, first, _ := sum(k.reader.values[:len(k.reader.values)/len(k.reader.keys)]); count != 23 || first == 0 {
		t.Errorf("merged to %d events since %d, want 23", count, first)
	}
	if err := k.Forget([]uint64{heir}); err != nil {
		t.Fatal(err)
	}
	if n, err := k.reader.readAll(k.maps.byName[bpf.RawTPMapSeries]); n != 0 || err != nil {
		t.Errorf("%d series (%v) of a forgotten cgroup", n, err)
	}
}

// TestScopeNumbers: a scope keeps its number while it is wanted, and numbers
// run out with an error that says so.
func TestScopeNumbers(t *testing.T) {
	k := open(t)
	scopes := func(from, to int) (list []policy.Scoped) {
		for i := from; i < to; i++ {
			list = append(list, policy.Scoped{Namespace: fmt.Sprint("n", i)})
		}
		return list
	}
	ask := func(list []policy.Scoped, want int) map[string]uint32 {
		t.Helper()
		numbers, err := k.ScopeNumbers(list)
		used := map[uint32]bool{}
		for _, n := range numbers {
			used[n] = true
		}
		if err != nil || len(numbers) != want || len(used) != want {
			t.Fatalf("%d scopes have %d numbers (%v), want %d", len(numbers), len(used), err, want)
		}
		return numbers
	}
	first := ask(append(scopes(0, 300), scopes(0, 10)...), 300)
	ask(scopes(200, 1400), 1024-200) // the first 200 are still tested by programs
	if err := k.scopes.release(); err != nil {
		t.Fatal(err)
	}
	second := ask(scopes(200, 1400), 1024)
	for _, s := range scopes(200, 300) {
		if first[s.Key()] != second[s.Key()] {
			t.Errorf("scope %s had number %d and got %d", s.Key(), first[s.Key()], second[s.Key()])
		}
	}
	again, err := openScopeNumbers(k.maps)
	if diff := cmp.Diff(k.scopes.byHash, again.byHash); diff != "" || err != nil {
		t.Errorf("after a restart (%v) numbers differ (-want +got):\n%s", err, diff)
	}
}
