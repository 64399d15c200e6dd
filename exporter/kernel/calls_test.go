// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// waiting is a rule whose only filter is one of the result, which is always 0.
func waiting() match.Input {
	result := policy.ArgFilter{Operator: policy.Equal, Values: []policy.Range{{}}}
	return match.Input{Rules: []match.Rule{{
		Slot:      1,
		Return:    match.Arg{Source: match.Source{Kind: match.Constant}, Type: "int"},
		Selectors: []policy.Selector{{Return: []policy.ArgFilter{result}}},
	}}}
}

// ends are the programs that run where a function is called, and where it returns.
func ends(t *testing.T, k *Kernel, in match.Input) (entry, exit *ebpf.Program) {
	t.Helper()
	var programs []*ebpf.Program
	for _, in.Exit = range []bool{false, true} {
		body, err := match.Compile(in)
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, loadTwin(t, k, body))
	}
	return programs[0], programs[1]
}

// sweepable makes the rule one of an attached matcher.
func sweepable(t *testing.T, k *Kernel, in match.Input) {
	t.Helper()
	keys, err := match.Waiting(in)
	if err != nil {
		t.Fatal(err)
	}
	k.attached["test"] = &attachment{points: []*point{{waiting: keys}}}
	if err := k.openCalls(); err != nil {
		t.Fatal(err)
	}
}

// sweep returns how many calls wait after a sweep.
func sweep(t *testing.T, k *Kernel) int {
	t.Helper()
	if err := k.SweepCalls(); err != nil {
		t.Fatal(err)
	}
	return k.calls.waiting
}

// A call that waits is kept by a sweep until its task is gone.
func TestSweepCalls(t *testing.T) {
	k := open(t)
	in := waiting()
	sweepable(t, k, in)
	entry, exit := ends(t, k, in)

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runTwin(t, entry, nil)
	awaitThread(t, func() { runTwin(t, entry, nil) })
	before := sweep(t, k)
	runTwin(t, exit, nil)
	if diff := cmp.Diff([]int{1, 0, 1}, []int{before, sweep(t, k), int(total(t, k, 1))}); diff != "" {
		t.Errorf("calls after the other thread ended, after the return, and count (-want +got):\n%s", diff)
	}
}

// awaitThread runs f in a thread of its own, until that is gone.
func awaitThread(t *testing.T, f func()) {
	t.Helper()
	id := make(chan int)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends
		if unix.Gettid() != os.Getpid() {
			f()
		}
		id <- unix.Gettid()
	}()
	thread := <-id
	if thread == os.Getpid() { // the first thread of a process never ends before it
		awaitThread(t, f)
		return
	}
	for {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread)); err != nil {
			return
		}
		runtime.Gosched()
	}
}

// What another version of a rule remembered is not its own, and goes.
func TestSweepChangedRule(t *testing.T) {
	k := open(t)
	before, after := waiting(), waiting()
	after.Rules[0].Selectors = append(after.Rules[0].Selectors, after.Rules[0].Selectors[0])
	entry, _ := ends(t, k, before)
	_, exit := ends(t, k, after)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runTwin(t, entry, nil)
	runTwin(t, exit, nil)
	sweepable(t, k, before)
	kept := sweep(t, k)
	sweepable(t, k, after)
	if diff := cmp.Diff([]int{0, 1, 0}, []int{int(total(t, k, 1)), kept, sweep(t, k)}); diff != "" {
		t.Errorf("count, and calls before and after the change (-want +got):\n%s", diff)
	}
}

// A call that finds no room is a loss, and there is room again after a sweep.
func TestCallsFull(t *testing.T) {
	k := open(t)
	in := waiting()
	sweepable(t, k, in)
	entry, exit := ends(t, k, in)
	table := k.maps.byName[bpf.RawTPMapCalls]
	for i := range table.MaxEntries() {
		// Where no memory is, no task is.
		if err := table.Put(bpf.CallKey{Rule: k.attached["test"].points[0].waiting[0], Task: 8, Frame: uint64(i)}, bpf.CallValue{Tgid: 1}); err != nil {
			t.Fatal(err)
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	call := func() {
		runTwin(t, entry, nil)
		runTwin(t, exit, nil)
	}
	call()
	losses, err := k.readLosses()
	if err != nil {
		t.Fatal(err)
	}
	full := total(t, k, 1)
	left := sweep(t, k)
	call()
	if diff := cmp.Diff([]uint64{1, 0, 0, 1}, []uint64{losses["calls_full"], full, uint64(left), total(t, k, 1)}); diff != "" {
		t.Errorf("losses, count when full, calls left, count after (-want +got):\n%s", diff)
	}
}

// A hook with a filter of the result makes its calls sweepable.
func TestSweepIsReady(t *testing.T) {
	k := open(t)
	p, err := policy.Parse("a.yaml", []byte(`apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: a}
spec:
  kprobes:
  - call: sys_setuid
    return: true
    returnArg: {index: 0, type: int}
    selectors: [{matchReturnArgs: [{index: 0, operator: Equal, values: ["-1"]}]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, ready := range []bool{true, false} {
		policies := []*policy.Policy{p}
		if !ready {
			policies = nil
		}
		if _, err := k.Apply(plan.Build(policies, k.Facts(), plan.Options{})); err != nil {
			t.Fatal(err)
		}
		if rules := k.waitingRules(); (len(rules) > 0) != ready || k.calls.forget == nil {
			t.Errorf("rules %v and program %v, want them: %t", rules, k.calls.forget, ready)
		}
	}
}
