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

// A policy that is for some processes only is refused whole, and the others are
// planned.
func TestScopes(t *testing.T) {
	scoped := map[string]func(*policy.Policy){
		"podSelector":       func(p *policy.Policy) { p.Scope.Pod = &policy.LabelSelector{} },
		"containerSelector": func(p *policy.Policy) { p.Scope.Container = &policy.LabelSelector{} },
		"hostSelector":      func(p *policy.Policy) { p.Scope.Host = true },
		"nodeSelector":      func(p *policy.Policy) { p.Node = &policy.LabelSelector{} },
		"namespace":         func(p *policy.Policy) { p.Namespace = "team" },
		"matchWorkloads": func(p *policy.Policy) {
			p.Hooks[0].Selectors = []policy.Selector{{Workloads: []policy.WorkloadFilter{{}}}}
		},
	}
	for name, restrict := range scoped {
		p := parse(t, "scoped", setuid)
		restrict(p)
		got := plan.Build([]*policy.Policy{p, parse(t, "free", setuid)}, full(), plan.Options{})
		if len(got.Refused) != 1 || got.Refused[0].Policy != "scoped" || !strings.Contains(got.Refused[0].Reason, name) {
			t.Errorf("%s: refused are %+v", name, got.Refused)
		}
		want := []plan.ID{{Policy: "free", Hook: "kprobe:__x64_sys_setuid"}}
		if diff := cmp.Diff(want, got.Hooks[0].IDs()); diff != "" {
			t.Errorf("%s: ids (-want +got):\n%s", name, diff)
		}
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
