// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	setuid     = "kprobe:__sys_setuid"
	setgid     = "kprobe:__sys_setgid"
	userns     = "kprobe:create_user_ns"
	privileges = "privileges-raise"
)

// execve is the hook label of the system call on this machine.
func execve() string {
	if runtime.GOARCH == "arm64" {
		return "kprobe:__arm64_sys_execve"
	}
	return "kprobe:__x64_sys_execve"
}

func TestReferencePolicies(t *testing.T) {
	a := startAgent(t, reference()...)
	self := *triggerFlag
	trigger(t, self, "repeat", "23", "setuid", "1")
	trigger(t, self, "repeat", "23", "setuid", "0") // no privilege changes hands: not counted
	trigger(t, self, "repeat", "5", "setgid", "4294967295")
	trigger(t, self, "repeat", "23", "userns", "unshare")
	trigger(t, self, "at", "/usr/bin/sudo", "repeat", "23", "exec", "/usr/bin/sudo")
	trigger(t, self, "repeat", "23", "exec", self) // execve by another binary: not counted

	want := []string{
		event("/usr/bin/sudo", execve(), "sudo-invocations", 23),
		event(self, setgid, privileges, 5),
		event(self, setuid, privileges, 23),
		event(self, userns, privileges, 23),
	}
	sort.Strings(want)
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

func TestUserNamespaceByClone(t *testing.T) {
	a := startAgent(t, reference()...)
	trigger(t, *triggerFlag, "repeat", "23", "userns", "clone")
	calls := 23
	if _, err := os.Stat("/proc/self/ns/time"); err == nil { // 5.6, later than clone3
		trigger(t, *triggerFlag, "repeat", "23", "userns", "clone3")
		calls += 23
	}
	want := []string{event(*triggerFlag, userns, privileges, calls)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

func TestZeroBeforeFirstEvent(t *testing.T) {
	oncePerKernel(t)
	a := startAgent(t, reference()...)
	if got := a.events(); len(got) != 0 {
		t.Errorf("labelled series before any event: %v", got)
	}
	totals := a.family("tetrameter_policy_hook_events_total")
	if len(totals) != 6 || sum(t, totals) != 0 {
		t.Errorf("totals before any event: %v, want 6 zeros", totals)
	}
	last := a.family("tetrameter_policy_hook_last_event_timestamp_seconds")
	if len(last) != 6 || sum(t, last) != 0 {
		t.Errorf("timestamps before any event: %v, want 6 zeros", last)
	}
}

func TestProcessOlderThanAgent(t *testing.T) {
	oncePerKernel(t)
	old := startWaiting(t, "repeat", "23", "setuid", "1")
	a := startAgent(t, reference()...)
	old.goOn(t)
	old.finish(t)
	want := []string{event(*triggerFlag, setuid, privileges, 23)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

func TestShortLivedBinaries(t *testing.T) {
	oncePerKernel(t)
	a := startAgent(t, reference()...)
	dir := t.TempDir()
	var want []string
	for i := range 23 {
		path := copyTrigger(t, filepath.Join(dir, fmt.Sprintf("program-%02d", i)))
		trigger(t, path, "setuid", "1")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		want = append(want, event(path, setuid, privileges, 1))
	}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

// Paths around the boundaries of the chunks in which the kernel keeps them.
func TestPathLengths(t *testing.T) {
	oncePerKernel(t)
	a := startAgent(t, reference()...)
	base := t.TempDir()
	var want []string
	for _, length := range []int{123, 124, 125, 247, 248, 249, 496, 1024, 2000} {
		path := base
		for len(path) < length {
			path += "/" + strings.Repeat("d", min(200, max(1, length-len(path)-1)))
		}
		path = copyTrigger(t, path[:length-1]+"x")
		trigger(t, path, "setuid", "1")
		want = append(want, event(path, setuid, privileges, 1))
	}
	sort.Strings(want)
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

// An executable that is gone when its process makes its first event has the
// name that /proc/PID/exe shows.
func TestDeletedBinary(t *testing.T) {
	oncePerKernel(t)
	a := startAgent(t, reference()...)
	path := copyTrigger(t, filepath.Join(t.TempDir(), "gone"))
	saved := *triggerFlag
	*triggerFlag = path
	w := startWaiting(t, "repeat", "23", "setuid", "1")
	*triggerFlag = saved
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.goOn(t)
	w.finish(t)
	want := []string{event(path+" (deleted)", setuid, privileges, 23)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

func TestManyEventsOnAllCPUs(t *testing.T) {
	manyEvents(t, func(task int) int { return task % runtime.NumCPU() })
}

// Tasks that take one CPU from each other, on some kernels in the middle of a
// program that counts.
func TestManyEventsOnOneCPU(t *testing.T) {
	manyEvents(t, func(int) int { return 0 })
}

// manyEvents causes 10 000 events from two tasks on the CPUs that they get.
func manyEvents(t *testing.T, cpu func(task int) int) {
	const each = 5000
	a := startAgent(t, reference()...)
	var running []*waiting
	for task := range 2 {
		running = append(running, startWaiting(t, "cpu", fmt.Sprint(cpu(task)), "repeat", fmt.Sprint(each), "setuid", "1"))
	}
	for _, w := range running {
		w.goOn(t)
	}
	for _, w := range running {
		w.finish(t)
	}
	events := a.events()
	missed := sum(t, a.family("tetrameter_hook_missed_events_total"))
	if *attachFlag != "auto" && *attachFlag != "kprobe" && missed > 0 {
		// Forced on a preemptible kernel, where auto takes kprobes: then what
		// was missed is known.
		if got := sum(t, events) + missed; got != 2*each {
			t.Errorf("%d counted or missed, want %d", got, 2*each)
		}
		return
	}
	want := []string{event(*triggerFlag, setuid, privileges, 2*each)}
	if diff := cmp.Diff(want, events); diff != "" || missed != 0 {
		t.Errorf("%d missed, exposition (-want +got):\n%s", missed, diff)
	}
}

// With room for four series the others are counted as ~other, and the sum stays
// what happened.
func TestSeriesMapFull(t *testing.T) {
	oncePerKernel(t)
	a := startAgent(t, append(reference(), "--max-series", "4", "--max-series-per-cgroup", "4")...)
	dir := t.TempDir()
	for i := range 10 {
		path := copyTrigger(t, filepath.Join(dir, fmt.Sprintf("program-%02d", i)))
		trigger(t, path, "repeat", "23", "setuid", "1")
	}
	events := a.events()
	if got := sum(t, events); got != 230 {
		t.Errorf("sum of all series is %d, want 230: %v", got, events)
	}
	other := `tetragon_policy_events_total{binary="~other",hook="kprobe:__sys_setuid",namespace="~other",pod="~other",policy="privileges-raise",workload="~other"} 138`
	if len(events) != 5 || sum(t, events, other) != 138 {
		t.Errorf("exposition %v, want four series and\n%s", events, other)
	}
	if got := sum(t, a.family("tetrameter_policy_hook_events_total")); got != 230 {
		t.Errorf("totals are %d, want 230", got)
	}
	if got := sum(t, a.family("tetrameter_policy_hook_overflow_events_total")); got != 138 {
		t.Errorf("overflow is %d, want 138", got)
	}
}

// A cgroup's quota leaves room for others; what is beyond is ~other.
func TestCgroupQuota(t *testing.T) {
	oncePerKernel(t)
	a := startAgent(t, append(reference(), "--max-series", "64", "--max-series-per-cgroup", "3")...)
	dir := t.TempDir()
	for i := range 5 {
		trigger(t, copyTrigger(t, filepath.Join(dir, fmt.Sprint(i))), "repeat", "23", "setuid", "1")
	}
	events := a.events()
	if got := sum(t, events, `binary="~other"`); got != 46 || sum(t, events) != 115 {
		t.Errorf("~other has %d of %d events, want 46 of 115: %v", got, sum(t, events), events)
	}
}

func TestLabelFilter(t *testing.T) {
	oncePerKernel(t)
	a := startAgent(t, append(reference(), "--metrics-label-filter", "namespace")...)
	for _, name := range []string{"one", "two"} {
		trigger(t, copyTrigger(t, filepath.Join(t.TempDir(), name)), "repeat", "23", "setuid", "1")
	}
	want := []string{event("", setuid, privileges, 46)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
	if got := sum(t, a.family("tetrameter_map_entries"), `map="series"`); got != 1 {
		t.Errorf("the kernel has %d series, want 1: filtered labels are not to be in keys", got)
	}
}

func TestModule(t *testing.T) {
	a := startAgent(t, reference()...)
	hook := "kprobe:security_kernel_read_file"
	if *moduleFlag == "" {
		// This kernel takes no modules: the hook says so.
		info := a.family("tetrameter_hook_info")
		if sum(t, info, hook, `attach="unsupported"`) != 1 || sum(t, info, `attach="unsupported"`, `reason=""`) != 0 {
			t.Errorf("hook info %v, want %s unsupported with a reason", info, hook)
		}
		states := a.family("tetrameter_policy_state")
		if sum(t, states, "monitor-kernel-modules", `state="error"`) != 1 {
			t.Errorf("states %v, want monitor-kernel-modules in error", states)
		}
		return
	}
	trigger(t, *triggerFlag, "module", *moduleFlag)
	want := []string{event(*triggerFlag, hook, "monitor-kernel-modules", 1)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}
