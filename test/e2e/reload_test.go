// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writePolicy replaces a policy file at once, as careful editors do.
func writePolicy(t *testing.T, dir, file, text string) {
	t.Helper()
	draft := filepath.Join(dir, "."+file)
	if err := os.WriteFile(draft, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(draft, filepath.Join(dir, file)); err != nil {
		t.Fatal(err)
	}
}

// setuidPolicy counts setuid calls with one user id.
func setuidPolicy(name string, uid int) string {
	return fmt.Sprintf(`apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: %s
spec:
  kprobes:
  - call: __sys_setuid
    syscall: false
    args:
    - index: 0
      type: int
    selectors:
    - matchArgs:
      - index: 0
        operator: Equal
        values: ["%d"]
`, name, uid)
}

func (a *agent) state(policy, state string) bool {
	a.t.Helper()
	lines := a.family("tetrameter_policy_state")
	return sum(a.t, lines, fmt.Sprintf("policy=%q", policy), fmt.Sprintf("state=%q", state)) == 1
}

func TestPolicyDirectory(t *testing.T) {
	oncePerKernel(t)
	dir := t.TempDir()
	writePolicy(t, dir, "one.yaml", setuidPolicy("one", 1))
	a := startAgent(t, "--policy-dir", dir)
	self := *triggerFlag
	trigger(t, self, "repeat", "23", "setuid", "1")

	writePolicy(t, dir, "two.yaml", setuidPolicy("two", 2))
	a.eventually("the added policy", func() bool { return a.state("two", "enabled") })
	trigger(t, self, "repeat", "23", "setuid", "2")
	want := []string{event(self, setuid, "one", 23), event(self, setuid, "two", 23)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("after adding (-want +got):\n%s", diff)
	}

	writePolicy(t, dir, "two.yaml", strings.Replace(setuidPolicy("two", 3), "operator: Equal", "operator: Equals", 1))
	a.eventually("the error", func() bool { return sum(t, a.family("tetrameter_policy_load_errors_total")) == 1 })
	if log := a.log.String(); !strings.Contains(log, filepath.Join(dir, "two.yaml")+":15:") || !strings.Contains(log, "Equal") {
		t.Errorf("the log does not say where the bad operator is:\n%s", log)
	}
	trigger(t, self, "setuid", "2") // the good version still counts
	want[1] = event(self, setuid, "two", 24)
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("after breaking (-want +got):\n%s", diff)
	}

	if err := os.Remove(filepath.Join(dir, "one.yaml")); err != nil {
		t.Fatal(err)
	}
	a.eventually("the removed policy", func() bool { return !a.state("one", "enabled") })
	trigger(t, self, "repeat", "23", "setuid", "1")
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("after removing (-want +got):\n%s", diff)
	}
	a.eventually("the removed series", func() bool { return len(a.events()) == 1 })
}

// Other policies on the same hook come and go while events happen; this one
// misses none and counts none twice.
func TestReloadUnderLoad(t *testing.T) {
	dir := t.TempDir()
	writePolicy(t, dir, "stays.yaml", setuidPolicy("stays", 1))
	a := startAgent(t, "--policy-dir", dir)
	for i := range *reloadFlag {
		load := startWaiting(t, "repeat", "23", "pause", "10000", "setuid", "1")
		load.goOn(t)
		name := fmt.Sprintf("passes-%d", i)
		writePolicy(t, dir, "passes.yaml", setuidPolicy(name, 5))
		a.eventually("reload", func() bool { return a.state(name, "enabled") })
		load.finish(t)
	}
	want := []string{event(*triggerFlag, setuid, "stays", 23**reloadFlag)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s\nmissed by the kernel: %v", diff, a.family("tetrameter_hook_missed_events_total"))
	}
	if lost := a.family("tetrameter_bpf_losses_total"); sum(t, lost) != 0 {
		t.Errorf("losses: %v", lost)
	}
}

// A hundred policies of five selectors share a hook, and one program.
func TestManyPolicies(t *testing.T) {
	oncePerKernel(t)
	const policies = 100
	dir := t.TempDir()
	var want []string
	for i := range policies {
		name := fmt.Sprintf("policy-%02d", i)
		text := setuidPolicy(name, 1000+i)
		for j := range 3 {
			text += fmt.Sprintf("    - matchArgs:\n      - {index: 0, operator: InRange, values: [\"%d:%d\"]}\n", 2000+10*j, 3005+i)
			text += "      matchCapabilities:\n      - {type: Effective, operator: In, values: [CAP_SYS_ADMIN]}\n"
		}
		text += fmt.Sprintf("    - matchArgs:\n      - {index: 0, operator: Equal, values: [\"77\"]}\n      matchBinaries:\n"+
			"      - {operator: In, values: [/nowhere/%d, %s]}\n", i, *triggerFlag)
		writePolicy(t, dir, name+".yaml", text)
		want = append(want, event(*triggerFlag, setuid, name, 23))
	}
	a := startAgent(t, "--policy-dir", dir)
	trigger(t, *triggerFlag, "repeat", "23", "setuid", "77")
	trigger(t, *triggerFlag, "repeat", "5", "setuid", "78")
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

// A file that was never good does not keep the others from counting.
func TestBadFileAtStart(t *testing.T) {
	oncePerKernel(t)
	dir := t.TempDir()
	writePolicy(t, dir, "bad.yaml", "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: bad}\nspec: {kprobs: []}\n")
	writePolicy(t, dir, "good.yaml", setuidPolicy("good", 1))
	a := startAgent(t, "--policy-dir", dir)
	if !a.state("bad", "load_error") || !a.state("good", "enabled") {
		t.Errorf("states: %v", a.family("tetrameter_policy_state"))
	}
	trigger(t, *triggerFlag, "repeat", "23", "setuid", "1")
	want := []string{event(*triggerFlag, setuid, "good", 23)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}
