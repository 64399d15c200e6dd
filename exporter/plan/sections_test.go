// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// parseSpec reads a policy from its spec.
func parseSpec(t *testing.T, name, spec string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(name+".yaml", []byte("apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: "+name+"}\nspec:\n"+spec))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSections shows what becomes of hooks of every section.
func TestSections(t *testing.T) {
	lsm := full()
	lsm.refused = map[plan.Kind]string{plan.LSM: "bpf is not among the security modules (lsm=)"}
	tests := []struct {
		name   string
		kernel fakeKernel
		specs  []string
	}{
		{"kprobe and fentry", full(), []string{"  kprobes: [{call: tcp_connect, syscall: false}]\n  fentries: [{call: tcp_connect, syscall: false}]\n"}},
		{"system call and function", full(), []string{`  kprobes:
  - {call: sys_setuid, syscall: true}
  - {call: __x64_sys_setuid, syscall: false}
`}},
		{"system call and function with an argument", full(), []string{`  kprobes:
  - {call: sys_setuid, syscall: true}
  - call: __x64_sys_setuid
    syscall: false
    args: [{index: 0, type: uint64}]
    selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["1"]}]}]
`, "  kprobes: [{call: sys_setuid}]\n"}},
		{"tracepoint", full(), []string{tracepoint("sched", "sched_process_exec", false, "index: 4, type: auto"), tracepoint("sched", "sched_process_exec", false, "index: 5, type: int")}},
		{"tracepoint with a common field", full(), []string{tracepoint("sched", "sched_process_exec", false, "index: 3, type: int")}},
		{"no such tracepoint", full(), []string{tracepoint("sched", "nothing", false, "index: 5, type: int")}},
		{"raw tracepoint", full(), []string{tracepoint("sched", "sched_process_exec", true, "index: 1, type: int")}},
		{"raw tracepoint with a field", full(), []string{tracepoint("sched", "sched_process_exec", true, "index: 0, type: int, resolve: parent.pid")}},
		{"both tracepoints", full(), []string{`  tracepoints:
  - {subsystem: sched, event: sched_process_exec}
  - {subsystem: sched, event: sched_process_exec, raw: true}
`}},
		{"lsm", full(), []string{"  lsmhooks: [{hook: bprm_check}]\n"}},
		{"lsm by other means", lsm, []string{"  lsmhooks: [{hook: bprm_check}]\n"}},
		{"lsm by a tracepoint", withoutLSM(onlyTracepoints()), []string{`  lsmhooks:
  - hook: bprm_check
    args: [{index: 0, type: linux_binprm}]
    selectors: [{matchArgs: [{index: 0, operator: Postfix, values: [sh]}]}]
`}},
		{"uprobe", full(), []string{uprobe("symbols: [readline, readline+0x10, nothing]"), uprobe("symbols: [readline]")}},
		{"uprobe by offset", full(), []string{uprobe("offsets: [0x10]"), uprobe("addrs: [0x400123]")}},
		{"uprobe of a file that is not there", full(), []string{strings.ReplaceAll(uprobe("symbols: [readline]"), "bash", "zsh")}},
		{"usdt", full(), []string{usdt(0), usdt(1), usdt(2)}},
	}
	var all strings.Builder
	for _, test := range tests {
		var policies []*policy.Policy
		for i, spec := range test.specs {
			policies = append(policies, parseSpec(t, string(rune('a'+i)), spec))
		}
		fmt.Fprintf(&all, "# %s\n%s", test.name, render(plan.Build(policies, test.kernel, plan.Options{})))
	}
	golden(t, "testdata/sections.golden", all.String())
}

func withoutLSM(k fakeKernel) fakeKernel {
	k.refused[plan.LSM] = "bpf is not among the security modules (lsm=)"
	return k
}

// tracepoint is a spec with a filter on one argument.
func tracepoint(subsystem, event string, raw bool, arg string) string {
	operator := "operator: Equal, values: [\"1\"]"
	if strings.Contains(arg, "auto") {
		operator = "operator: Prefix, values: [/usr/]"
	}
	return fmt.Sprintf(`  tracepoints:
  - subsystem: %s
    event: %s
    raw: %t
    args: [{%s}]
    selectors: [{matchArgs: [{args: [0], %s}]}]
`, subsystem, event, raw, arg, operator)
}

func uprobe(where string) string {
	return fmt.Sprintf("  uprobes: [{path: /bin/bash, %s}]\n", where)
}

func usdt(arg int) string {
	return fmt.Sprintf(`  usdts:
  - path: /bin/bash
    provider: bash
    name: start
    args: [{index: %d, type: int32}]
    selectors: [{matchArgs: [{index: %[1]d, operator: Equal, values: ["1"]}]}]
`, arg)
}

// A rule keeps the scope of its policy, and scopes are listed for numbering.
func TestScopes(t *testing.T) {
	labels := &policy.LabelSelector{Requirements: []policy.Requirement{{Key: "app", Operator: "Exists"}}}
	p, free, off := parse(t, "scoped", setuid), parse(t, "free", setuid), parse(t, "off", setuid)
	p.Namespace, p.Scope.Pod = "team", labels
	p.Hooks[0].Selectors = []policy.Selector{{Workloads: []policy.WorkloadFilter{{Scope: policy.Scope{Host: true}}}}}
	off.Enabled, off.Scope.Host = false, true
	whole := policy.Scoped{Namespace: "team", Scope: policy.Scope{Pod: labels}}
	want := []policy.Scoped{whole, {Namespace: "team", Scope: policy.Scope{Host: true}}}
	policies := []*policy.Policy{p, free, off}
	if diff := cmp.Diff(want, plan.Scopes(policies)); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	var got []policy.Scoped
	for _, r := range plan.Build(policies, full(), plan.Options{}).Hooks[0].Attaches[0].Points[0].Rules {
		got = append(got, r.Rule.Scope)
	}
	if diff := cmp.Diff([]policy.Scoped{whole, {}}, got); diff != "" {
		t.Errorf("scopes of rules (-want +got):\n%s", diff)
	}
}

// A rule that one way cannot serve is refused there, and the ways that serve all
// come first.
func TestPartial(t *testing.T) {
	kernel := full()
	kernel.refused = map[plan.Kind]string{plan.Fentry: "operation not permitted"}
	readFile := func(arg int) string {
		return fmt.Sprintf(`  - call: create_user_ns
    syscall: false
    args: [{index: %d, type: int}]
    selectors: [{matchArgs: [{index: %[1]d, operator: Equal, values: ["2"]}]}]
`, arg)
	}
	policies := []*policy.Policy{
		parse(t, "fits", "  - {call: create_user_ns, syscall: false}\n"), parse(t, "first", readFile(0)), parse(t, "second", readFile(1)),
	}
	h := plan.Build(policies, kernel, plan.Options{}).Hooks[0]
	got := map[plan.Kind][]string{}
	for _, a := range h.Attaches {
		for _, id := range h.IDs() {
			if a.Refused[id] != "" {
				got[a.Kind] = append(got[a.Kind], id.Policy)
			}
		}
	}
	want := map[plan.Kind][]string{plan.Kprobe: {"second"}, plan.Tracepoint: {"first", "second"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	h = plan.Build(policies[:2], kernel, plan.Options{}).Hooks[0]
	if h.Attaches[0].Kind != plan.Kprobe || h.Attaches[0].Refused != nil || h.Attaches[1].Refused == nil {
		t.Errorf("attaches are %+v, want the one that serves all first", h.Attaches)
	}
}
