// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// dataPolicy filters a value that the current task leads to.
func dataPolicy(t *testing.T, way, typ string) *policy.Policy {
	t.Helper()
	filter := `operator: Equal, values: ["1"]`
	if typ == "file" || typ == "string" || typ == "char_buf" {
		filter = `operator: Prefix, values: ["/a"]`
	}
	return parseSpec(t, "a", fmt.Sprintf(`  kprobes:
  - call: sys_setuid
    data: [{index: 0, type: %s, source: current_task, resolve: "%s"}]
    selectors: [{matchData: [{args: [0], %s}]}]
`, typ, way, filter))
}

// The ways through structures, and where they end.
func TestResolve(t *testing.T) {
	tests := []struct{ way, typ, want string }{
		{"pid", "int", "task +8 load 4 signed int"},
		{"comm", "string", "task +16 string"},
		{"name", "string", "task +48 load 8 string"},
		{"mm.exe_file", "file", "task +32 load 8 +96 load 8 file"},
		{"parent.parent.pid", "int", "task +40 load 8 +40 load 8 +8 load 4 signed int"},
		{"ids[3]", "uint32", "task +72 load 4 signed uint32"},
		{"mms[1].exe_file", "file", "task +88 load 8 +96 load 8 file"},
		{"table[2]", "int", "task +96 load 8 +8 load 4 signed int"},
		{"ids[4]", "int", "an array of 4 has no element 4"},
		{"flag", "int", "flag is a bit field"},
		{"nothing", "int", "nothing in task_struct: no such member"},
		{"pid.value", "int", "no such member"},
		{"pid[0]", "int", "int is no array"},
		{"comm", "int", "is no integer"},
	}
	for _, test := range tests {
		h := plan.Build([]*policy.Policy{dataPolicy(t, test.way, test.typ)}, full(), plan.Options{}).Hooks[0]
		got := ""
		if len(h.Attaches) > 0 {
			got = renderArg(h.Attaches[0].Points[0].Rules[0].Rule.Data[0])
			if got != test.want {
				t.Errorf("%s: %s, want %s", test.way, got, test.want)
			}
			continue
		}
		if got = h.Rejected[0].Reason; !strings.Contains(got, test.want) || !strings.HasPrefix(got, "a.yaml:8:") {
			t.Errorf("%s: %s, want %s with its place", test.way, got, test.want)
		}
	}
}

// Return filters add the exit of the function before its entry; where no exit is
// known the rule is refused.
func TestReturn(t *testing.T) {
	returns := func(call string, syscall bool) *policy.Policy {
		return parse(t, "a", fmt.Sprintf(`  - call: %s
    syscall: %t
    return: true
    returnArg: {index: 0, type: int}
    selectors: [{matchReturnArgs: [{index: 0, operator: Equal, values: ["-1"]}]}]
`, call, syscall))
	}
	policies := []*policy.Policy{returns("sys_setuid", true), parse(t, "b", setuid)}
	h := plan.Build(policies, full(), plan.Options{}).Hooks[0]
	var got []string
	for _, a := range h.Attaches {
		for _, p := range a.Points {
			got = append(got, fmt.Sprintf("%s %s %t %d", a.Kind, p.Target, p.Exit, len(p.Rules)))
		}
	}
	want := []string{
		"fentry __x64_sys_setuid true 2", "fentry __x64_sys_setuid false 2",
		"kprobe __x64_sys_setuid true 2", "kprobe __x64_sys_setuid false 2",
		"tracepoint syscalls/sys_exit_setuid true 2", "tracepoint syscalls/sys_enter_setuid false 2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
	h = plan.Build([]*policy.Policy{returns("tcp_connect", false)}, onlyTracepoints(), plan.Options{}).Hooks[0]
	if len(h.Attaches) != 0 || !strings.Contains(h.Rejected[2].Reason, "return value is not known") {
		t.Errorf("%+v, want no tracepoint", h)
	}
}

// TestLists: a hook for each function of a list, and numbers for the filters
// that name one.
func TestLists(t *testing.T) {
	p := parseSpec(t, "a", `  lists:
  - {name: calls, type: syscalls, values: [sys_read, x64/sys_write, i386/sys_dup, __x64_sys_open]}
  - {name: plain, values: [vfs_read, do_exit]}
  - {name: generated, type: generated_syscalls}
  - {name: traced, type: generated_ftrace, pattern: "^vfs_.*"}
  kprobes:
  - {call: "list:calls"}
  - {call: "list:plain", syscall: false}
  - {call: "list:generated"}
  - {call: "list:traced", syscall: false}
  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    args: [{index: 4, type: syscall64}]
    selectors: [{matchArgs: [{index: 4, operator: InMap, values: ["list:calls"]}]}]
`)
	kernel := full()
	kernel.tracepoints["raw_syscalls/sys_enter"] = rawSyscall
	var keys []string
	var values []policy.Range
	for _, h := range plan.Build([]*policy.Policy{p}, kernel, plan.Options{}).Hooks {
		keys = append(keys, h.Key())
		if h.Section == policy.Tracepoints {
			values = h.Attaches[0].Points[0].Rules[0].Rule.Selectors[0].Args[0].Values
		}
	}
	slices.Sort(keys)
	want := []string{
		"__ia32_sys_dup+syscall", "__x64_sys_open+syscall", "__x64_sys_read+syscall", "__x64_sys_write+syscall",
		"do_exit", "tracepoint:raw_syscalls/sys_enter", "vfs_read", "vfs_write",
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("hooks (-want +got):\n%s", diff)
	}
	numbers := []policy.Range{{Min: 0, Max: 0}, {Min: 1, Max: 1}, {Min: 1<<31 | 41, Max: 1<<31 | 41}, {Min: 2, Max: 2}}
	if diff := cmp.Diff(numbers, values); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
}

// TestDigests: a file that is not what the policy means is not counted for it,
// and for others it is.
func TestDigests(t *testing.T) {
	with := func(name, digest, ignore string) *policy.Policy {
		p := parseSpec(t, name, uprobe("symbols: [readline]"))
		p.Hooks[0].User.Digests = []string{digest}
		p.Hooks[0].User.IgnoreBadDigest = ignore != ""
		return p
	}
	h := plan.Build([]*policy.Policy{
		with("right", "sha256:ABCD", ""), with("wrong", "sha256:abce", ""), with("accepted", "sha256:abce", "ignore"),
	}, full(), plan.Options{}).Hooks[0]
	var refused []string
	for _, id := range h.IDs() {
		if h.Attaches[0].Refused[id] != "" {
			refused = append(refused, fmt.Sprintf("%s %t", id.Policy, h.Ignored(id)))
		}
	}
	if diff := cmp.Diff([]string{"wrong false", "accepted true"}, refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}
