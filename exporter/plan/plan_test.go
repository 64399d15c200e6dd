// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

const setuid = "  - {call: sys_setuid, syscall: true}\n"

func TestFunctionNames(t *testing.T) {
	tests := []struct {
		arch, call string
		syscall    bool
		want       string
	}{
		{"amd64", "sys_execve", true, "__x64_sys_execve"},
		{"arm64", "sys_execve", true, "__arm64_sys_execve"},
		{"amd64", "__x64_sys_execve", true, "__x64_sys_execve"},
		{"arm64", "__x64_sys_execve", true, "__x64_sys_execve"},
		{"amd64", "__ia32_sys_execve", true, "__ia32_sys_execve"},
		{"amd64", "compat_sys_execve", true, "compat_sys_execve"},
		{"amd64", "__sys_setuid", false, "__sys_setuid"},
		{"arm64", "sys_fillrect", false, "sys_fillrect"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %s %t", test.arch, test.call, test.syscall), func(t *testing.T) {
			kernel := full()
			kernel.arch = test.arch
			p := parse(t, "a", fmt.Sprintf("  - {call: %s, syscall: %t}\n", test.call, test.syscall))
			hooks := plan.Build([]*policy.Policy{p}, kernel, plan.Options{}).Hooks
			if len(hooks) != 1 {
				t.Fatalf("%d hooks, want 1", len(hooks))
			}
			got := []string{hooks[0].Function, hooks[0].Label}
			if diff := cmp.Diff([]string{test.want, "kprobe:" + test.want}, got); diff != "" {
				t.Errorf("names differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWays has one hook and what becomes of it: the order of the ways to
// attach, and why others were left out.
func TestWays(t *testing.T) {
	filter := func(call string, syscall bool, index int) string {
		return fmt.Sprintf(`  - call: %s
    syscall: %t
    args: [{index: %d, type: int}]
    selectors: [{matchArgs: [{index: %[3]d, operator: Equal, values: ["2"]}]}]
`, call, syscall, index)
	}
	noBTF, noTracepoints, arm := full(), full(), onlyTracepoints()
	noBTF.parameters, noTracepoints.noSyscalls, arm.arch = nil, true, "arm64"
	tests := []struct {
		name    string
		kernel  fakeKernel
		kinds   []plan.Kind
		kprobes string
	}{
		{"all ways", full(), nil, setuid},
		{"restricted to kprobe", full(), []plan.Kind{plan.Kprobe}, setuid},
		{"restricted to what the kernel refuses", onlyTracepoints(), []plan.Kind{plan.Fentry}, setuid},
		{"not in BTF, no equivalent", noBTF, nil, "  - {call: vfs_read, syscall: false}\n"},
		{"not in BTF, with a filter", noBTF, nil, filter("vfs_read", false, 4)},
		{"fewer parameters than filtered", full(), nil, filter("__sys_setuid", false, 1)},
		{"the last argument of a system call", full(), nil, filter("sys_execveat", true, 4)},
		{"no such tracepoint", noTracepoints, nil, setuid},
		{"equivalent with a constant", onlyTracepoints(), nil, filter("security_kernel_read_file", false, 1)},
		{"equivalent without the argument", onlyTracepoints(), nil, filter("create_user_ns", false, 0)},
		{"equivalent on arm64", arm, nil, setuid},
		{"no equivalent of another ABI", onlyTracepoints(), nil, "  - {call: __ia32_sys_setuid}\n"},
		{"no equivalent of a compat call", onlyTracepoints(), nil, "  - {call: compat_sys_openat}\n"},
		{"a function named like a system call", onlyTracepoints(), nil, "  - {call: __x64_sys_setuid, syscall: false}\n"},
	}
	var all strings.Builder
	for _, test := range tests {
		p := plan.Build([]*policy.Policy{parse(t, "a", test.kprobes)}, test.kernel, plan.Options{Kinds: test.kinds})
		fmt.Fprintf(&all, "# %s\n%s", test.name, render(p))
	}
	golden(t, "testdata/ways.golden", all.String())
}

// Where fentry can miss events it comes after what cannot, and says why.
func TestPreemptible(t *testing.T) {
	kernel := full()
	kernel.preemptible = true
	p := parse(t, "a", "  - {call: __sys_setuid, syscall: false}\n")
	h := plan.Build([]*policy.Policy{p}, kernel, plan.Options{}).Hooks[0]
	var got []plan.Kind
	for _, a := range h.Attaches {
		got = append(got, a.Kind)
	}
	if diff := cmp.Diff([]plan.Kind{plan.Kprobe, plan.Tracepoint, plan.Fentry}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	want := []plan.Rejection{{Kind: plan.Fentry, Reason: "can miss events on this preemptible kernel"}}
	if diff := cmp.Diff(want, h.Rejected); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// TestSharing: a hook is one for all policies on it, and an id is one counter.
func TestSharing(t *testing.T) {
	off := parse(t, "off", setuid)
	off.Enabled = false
	setgid := "  - {call: sys_setgid, syscall: true}\n"
	policies := []*policy.Policy{
		parse(t, "a", setuid+setgid),
		parse(t, "b", "  - {call: __x64_sys_setuid, syscall: true}\n"),
		off,
		parse(t, "twice", setgid+setgid),
	}
	got := map[string][]plan.ID{}
	rules := map[string]int{}
	for _, h := range plan.Build(policies, full(), plan.Options{}).Hooks {
		got[h.Key()] = h.IDs()
		rules[h.Key()] = len(h.Rules)
	}
	id := func(name, hook string) plan.ID {
		return plan.ID{Policy: name, Hook: "kprobe:__x64_sys_" + hook}
	}
	want := map[string][]plan.ID{
		"__x64_sys_setuid+syscall": {id("a", "setuid"), id("b", "setuid")},
		"__x64_sys_setgid+syscall": {id("a", "setgid"), id("twice", "setgid")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ids differ (-want +got):\n%s", diff)
	}
	// Two entries of a policy for one function are two events, as in Tetragon.
	if diff := cmp.Diff(map[string]int{"__x64_sys_setuid+syscall": 2, "__x64_sys_setgid+syscall": 3}, rules); diff != "" {
		t.Errorf("numbers of rules differ (-want +got):\n%s", diff)
	}
}

// TestDeterministic: the order of hooks is that of their keys, since it decides
// which counter a full kernel refuses.
func TestDeterministic(t *testing.T) {
	first := render(plan.Build(standard(t), full(), plan.Options{}))
	for range 20 {
		if diff := cmp.Diff(first, render(plan.Build(standard(t), full(), plan.Options{}))); diff != "" {
			t.Fatalf("plan differs from an earlier one (-first +this):\n%s", diff)
		}
	}
}

// TestMatchRules: rules get their slots, and the sources of the arguments they
// declare where the point has them.
func TestMatchRules(t *testing.T) {
	p := parse(t, "a", `  - call: security_kernel_read_file
    syscall: false
    args: [{index: 1, type: int}, {index: 0, type: file}]
    selectors: [{matchBinaries: [{operator: In, values: [/bin/a, /bin/b]}]}]
`)
	h := plan.Build([]*policy.Policy{p, parse(t, "b", "  - {call: security_kernel_read_file, syscall: false}\n")},
		onlyTracepoints(), plan.Options{}).Hooks[0]
	slots := map[plan.ID]uint32{h.Rules[0].ID: 5, h.Rules[1].ID: 6}
	want := []match.Rule{
		{
			Slot: 5, Selectors: p.Hooks[0].Selectors,
			Args: []match.Arg{{Source: match.Source{Kind: match.Constant, Value: 2}, Type: "int"}, {Source: match.Source{Kind: match.Register}, Type: "fd"}},
		},
		{Slot: 6},
	}
	if diff := cmp.Diff(want, h.Attaches[0].Points[0].MatchRules(slots)); diff != "" {
		t.Errorf("rules differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/bin/a", "/bin/b"}, h.Binaries(h.Rules[0].ID)); diff != "" {
		t.Errorf("binaries differ (-want +got):\n%s", diff)
	}
}

// TestEquivalents: an entry is complete, and no function has two.
func TestEquivalents(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range plan.Equivalents() {
		if e.Function == "" || len(e.Points) == 0 || e.Difference == "" {
			t.Errorf("entry %q lacks a field: %+v", e.Function, e)
		}
		if seen[e.Function] {
			t.Errorf("function %s has two entries", e.Function)
		}
		seen[e.Function] = true
	}
}

// A structure of two words moves the arguments behind it, and none of them can
// be filtered.
func TestLargeParameter(t *testing.T) {
	kernel := full()
	kernel.prototypes = map[string]*btf.FuncProto{"f": {Params: []btf.FuncParam{
		{Type: &btf.Int{Size: 4}}, {Type: &btf.Struct{Size: 16}}, {Type: &btf.Int{Size: 4}},
	}}}
	for index, attaches := range map[int]int{0: 2, 1: 0, 2: 0} {
		p := parse(t, "a", fmt.Sprintf(`  - call: f
    syscall: false
    args: [{index: %d, type: int}]
    selectors: [{matchArgs: [{index: %[1]d, operator: Equal, values: ["2"]}]}]
`, index))
		h := plan.Build([]*policy.Policy{p}, kernel, plan.Options{}).Hooks[0]
		if len(h.Attaches) != attaches {
			t.Errorf("argument %d: %d ways to attach, want %d", index, len(h.Attaches), attaches)
		}
		if attaches > 0 && h.Attaches[0].Points[0].Parameters != 4 {
			t.Errorf("%+v, want 4 words", h.Attaches[0].Points[0])
		}
	}
}
