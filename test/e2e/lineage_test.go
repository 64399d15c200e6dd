// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lineagePolicy counts setuid(-1), which nobody else calls, where a selector
// matches.
func lineagePolicy(name, selector string) string {
	return fmt.Sprintf(`apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: %s}
spec:
  kprobes:
  - call: __sys_setuid
    syscall: false
    args: [{index: 0, type: int}]
    selectors:
    - matchArgs: [{index: 0, operator: Equal, values: ["-1"]}]
      %s
`, name, selector)
}

// follow is a filter on what a process descends from.
func follow(filter, operator, path string) string {
	return fmt.Sprintf("%s: [{operator: %s, values: [/nowhere, %q], followChildren: true}]", filter, operator, path)
}

// family are copies of the trigger, which tell by their names what they are.
type family struct {
	t        *testing.T
	dir      string
	policies string
	want     []string
}

func newFamily(t *testing.T) *family {
	return &family{t: t, dir: t.TempDir(), policies: t.TempDir()}
}

func (f *family) copy(name string) string {
	path := filepath.Join(f.dir, name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return copyTrigger(f.t, path)
}

func (f *family) policy(name, selector string) {
	writePolicy(f.t, f.policies, name+".yaml", lineagePolicy(name, selector))
}

// expect tells which policies count the 23 events of a program.
func (f *family) expect(program string, policies ...string) {
	for _, p := range policies {
		f.want = append(f.want, event(program, setuid, p, 23))
	}
}

func (f *family) check(a *agent) {
	f.t.Helper()
	sort.Strings(f.want)
	if diff := cmp.Diff(f.want, a.events()); diff != "" {
		f.t.Errorf("exposition (-want +got):\n%s\nhooks:\n%s", diff, strings.Join(a.family("tetrameter_hook_info"), "\n"))
	}
	if lost := a.family("tetrameter_bpf_losses_total"); sum(f.t, lost) != 0 {
		f.t.Errorf("losses: %v", lost)
	}
}

// run makes a program call setuid 23 times; the words before it say who starts
// it, and how.
func (f *family) run(program string, by ...string) {
	f.t.Helper()
	args := append(by, program, "repeat", "23", "setuid", "-1")
	trigger(f.t, args[0], args[1:]...)
}

// Processes that descend from a program count, however they came about and
// whether or not those in between still live.
func TestFollowChildren(t *testing.T) {
	f := newFamily(t)
	shell, other := f.copy("shell"), f.copy("other")
	f.policy("child", follow("matchBinaries", "In", shell))
	f.policy("stranger", follow("matchBinaries", "NotIn", shell))
	f.policy("grandchild", follow("matchParentBinaries", "In", shell))
	before := f.startWaiting(f.copy("older"), shell, "child")
	a := startAgent(t, "--policy-dir", f.policies)
	before.goOn(t)
	before.finish(t)
	f.expect(f.copy("older"), "child", "grandchild")
	for name, by := range map[string][]string{
		"forked":   {shell, "child"},
		"vforked":  {shell, "vfork"},
		"orphaned": {other, "child", shell, "child", other, "orphan"},
		"deep":     {shell, "child", other, "child", other, "vfork"},
		"threaded": {shell, "child", other, "thread"},
	} {
		f.run(f.copy(name), by...)
		if name == "orphaned" {
			f.expect(f.copy(name), "child") // its parent is init
		} else {
			f.expect(f.copy(name), "child", "grandchild")
		}
	}
	f.run(f.copy("sibling"), other, "child", shell, "sibling")
	f.expect(f.copy("sibling"), "child") // the parent is other
	f.run(f.copy("become"), shell, "thread")
	f.expect(f.copy("become"), "child")
	f.run(shell)
	f.expect(shell, "child")
	f.run(f.copy("stranger"), other, "child")
	f.expect(f.copy("stranger"), "stranger")
	f.check(a)
}

// startWaiting starts a program, by others, that acts only on goOn.
func (f *family) startWaiting(program string, by ...string) *waiting {
	f.t.Helper()
	args := append(by, program, "wait", "repeat", "23", "setuid", "-1")
	return startProgram(f.t, args[0], args[1:]...)
}

// A list that a policy brings later is known of processes that run already, and
// one that takes the place of another has nothing of it.
func TestFollowChildrenReload(t *testing.T) {
	f := newFamily(t)
	shell, other := f.copy("shell"), f.copy("other")
	f.policy("first", follow("matchBinaries", "In", other))
	a := startAgent(t, "--policy-dir", f.policies)
	old := f.startWaiting(f.copy("old"), other, "child", shell, "child")
	still := f.startWaiting(f.copy("still"), other, "child")
	f.policy("second", follow("matchBinaries", "In", shell))
	a.eventually("a second list", func() bool { return a.state("second", "enabled") })
	if err := os.Remove(filepath.Join(f.policies, "first.yaml")); err != nil {
		t.Fatal(err)
	}
	a.eventually("the first is gone", func() bool { return !a.state("first", "enabled") })
	f.policy("third", follow("matchBinaries", "NotIn", f.copy("nobody")))
	a.eventually("a third list", func() bool { return a.state("third", "enabled") })
	for _, w := range []*waiting{old, still} {
		w.goOn(t)
		w.finish(t)
	}
	f.run(f.copy("new"), f.copy("nobody"), "child", shell, "child")
	f.expect(f.copy("old"), "second", "third")
	f.expect(f.copy("still"), "third")
	f.expect(f.copy("new"), "second")
	f.check(a)
}

// What is known of processes outlives the agent, and goes on being kept.
func TestFollowChildrenWithoutAgent(t *testing.T) {
	f := newFamily(t)
	shell, other := f.copy("shell"), f.copy("other")
	f.policy("follow", follow("matchBinaries", "In", shell))
	a := startAgent(t, "--policy-dir", f.policies)
	if !a.allPinned() {
		return // TestKillAndRestartUnderLoad checks what such a kernel exposes
	}
	a.kill()
	f.run(f.copy("meanwhile"), shell, "child", other, "orphan")
	orphan := f.startWaiting(f.copy("orphan"), shell, "orphan")
	a.start()
	orphan.goOn(t)
	orphan.finish(t)
	f.expect(f.copy("meanwhile"), "follow")
	f.expect(f.copy("orphan"), "follow")
	f.check(a)
}

// A change counts once, at the first event after it, for each policy. What a
// program does not change itself but is born with is none.
func TestChanges(t *testing.T) {
	f := newFamily(t)
	namespaces := `matchNamespaceChanges: [{operator: %s, values: [%s]}]`
	capabilities := `matchCapabilityChanges: [{type: Effective, operator: %s, values: [%s]}]`
	f.policy("uts", fmt.Sprintf(namespaces, "In", "Uts, Mnt"))
	f.policy("not-net", fmt.Sprintf(namespaces, "NotIn", "Net"))
	f.policy("not-uts", fmt.Sprintf(namespaces, "NotIn", "Uts"))
	f.policy("nice", fmt.Sprintf(capabilities, "In", "CAP_SYS_NICE, CAP_CHOWN"))
	f.policy("not-chown", fmt.Sprintf(capabilities, "NotIn", "CAP_CHOWN"))
	f.policy("not-nice", fmt.Sprintf(capabilities, "NotIn", "CAP_SYS_NICE"))
	a := startAgent(t, "--policy-dir", f.policies)
	mover, user := f.copy("mover"), f.copy("user")
	trigger(t, mover, "repeat", "23", "namespace")
	f.expect(mover, "uts", "not-net")
	trigger(t, user, "repeat", "23", "capability")
	f.expect(user, "nice", "not-chown")
	trigger(t, f.copy("both"), "capability")
	for _, policy := range []string{"nice", "not-chown"} {
		f.want = append(f.want, event(f.copy("both"), setuid, policy, 1))
	}
	f.run(f.copy("nothing"), f.copy("parent"), "child")
	f.check(a)
}
