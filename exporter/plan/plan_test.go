// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"testing"

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
	const sixOf = " 0=r0 1=r1 2=r2 3=r3 4=r4 5=r5\n"
	noBTF := full()
	noBTF.parameters = nil
	noTracepoints := full()
	noTracepoints.noSyscalls = true
	arm := onlyTracepoints()
	arm.arch = "arm64"
	noFentryKprobe := "  not fentry: operation not permitted\n  not kprobe: this kernel has no kprobes\n"
	tests := []struct {
		name    string
		kernel  fakeKernel
		kinds   []plan.Kind
		kprobes string
		want    string
	}{
		{"all ways", full(), nil, setuid, "kprobe:__x64_sys_setuid\n  for a, 0 selectors\n" +
			"  fentry\n    __x64_sys_setuid/1 syscall" + sixOf + "  kprobe\n    __x64_sys_setuid syscall" + sixOf +
			"  tracepoint:syscalls/sys_enter_setuid\n    syscalls/sys_enter_setuid syscall" + sixOf},
		{"restricted", full(), []plan.Kind{plan.Kprobe}, setuid, "kprobe:__x64_sys_setuid\n  for a, 0 selectors\n" +
			"  kprobe\n    __x64_sys_setuid syscall" + sixOf +
			"  not fentry: excluded by --attach\n  not tracepoint: excluded by --attach\n"},
		{"restricted to what the kernel refuses", onlyTracepoints(), []plan.Kind{plan.Fentry}, setuid,
			"kprobe:__x64_sys_setuid\n  for a, 0 selectors\n  not fentry: operation not permitted\n" +
				"  not kprobe: excluded by --attach\n  not tracepoint: excluded by --attach\n"},
		{"function not in BTF, no equivalent", noBTF, nil, "  - {call: vfs_read, syscall: false}\n",
			"kprobe:vfs_read\n  for a, 0 selectors\n  kprobe\n    vfs_read" + sixOf +
				"  not fentry: function vfs_read: not found\n  not tracepoint: no tracepoint is equivalent to vfs_read\n"},
		{"fewer parameters than filtered", full(), nil, filter("__sys_setuid", false, 1),
			"kprobe:__sys_setuid\n  for a, 1 selectors\n  not fentry: __sys_setuid has no argument 1, which a.yaml:9:30 filters\n" +
				"  not kprobe: __sys_setuid has no argument 1, which a.yaml:9:30 filters\n" +
				"  not tracepoint: syscalls/sys_enter_setuid has no argument 1, which a.yaml:9:30 filters\n"},
		{"parameters not known", noBTF, []plan.Kind{plan.Kprobe}, filter("vfs_read", false, 4),
			"kprobe:vfs_read\n  for a, 1 selectors\n  kprobe\n    vfs_read" + sixOf +
				"  not fentry: excluded by --attach\n  not tracepoint: excluded by --attach\n"},
		{"the last argument of a system call", full(), []plan.Kind{plan.Fentry}, filter("sys_execveat", true, 4),
			"kprobe:__x64_sys_execveat\n  for a, 1 selectors\n  fentry\n    __x64_sys_execveat/1 syscall" + sixOf +
				"  not kprobe: excluded by --attach\n  not tracepoint: excluded by --attach\n"},
		{"no such tracepoint", noTracepoints, []plan.Kind{plan.Tracepoint}, setuid,
			"kprobe:__x64_sys_setuid\n  for a, 0 selectors\n  not fentry: excluded by --attach\n  not kprobe: excluded by --attach\n" +
				"  not tracepoint: this kernel has no tracepoint syscalls/sys_enter_setuid\n"},
		{"equivalent with a constant", onlyTracepoints(), nil, filter("security_kernel_read_file", false, 1),
			"kprobe:security_kernel_read_file\n  for a, 1 selectors\n  tracepoint:syscalls/sys_enter_finit_module\n" +
				"    syscalls/sys_enter_finit_module syscall 1=2\n" + noFentryKprobe},
		{"equivalent without the argument", onlyTracepoints(), nil, filter("create_user_ns", false, 0),
			"kprobe:create_user_ns\n  for a, 1 selectors\n" + noFentryKprobe +
				"  not tracepoint: syscalls/sys_enter_unshare has no argument 0, which a.yaml:9:30 filters\n"},
		{"equivalent on arm64", arm, nil, setuid, "kprobe:__arm64_sys_setuid\n  for a, 0 selectors\n" +
			"  tracepoint:syscalls/sys_enter_setuid\n    syscalls/sys_enter_setuid syscall" + sixOf + noFentryKprobe},
		{"no equivalent for another ABI", onlyTracepoints(), nil, "  - {call: __ia32_sys_setuid}\n",
			"kprobe:__ia32_sys_setuid\n  for a, 0 selectors\n" + noFentryKprobe +
				"  not tracepoint: no tracepoint is equivalent to __ia32_sys_setuid\n"},
		{"no equivalent for a compat call", onlyTracepoints(), nil, "  - {call: compat_sys_openat}\n",
			"kprobe:compat_sys_openat\n  for a, 0 selectors\n" + noFentryKprobe +
				"  not tracepoint: no tracepoint is equivalent to compat_sys_openat\n"},
		{"a function named like a system call", onlyTracepoints(), nil, "  - {call: __x64_sys_setuid, syscall: false}\n",
			"kprobe:__x64_sys_setuid\n  for a, 0 selectors\n" + noFentryKprobe +
				"  not tracepoint: no tracepoint is equivalent to __x64_sys_setuid\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := plan.Build([]*policy.Policy{parse(t, "a", test.kprobes)}, test.kernel, plan.Options{Kinds: test.kinds})
			if diff := cmp.Diff(test.want, render(p)); diff != "" {
				t.Errorf("plan differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSharing: a hook is one for all policies on it, and an id is one counter.
func TestSharing(t *testing.T) {
	off := parse(t, "off", setuid)
	off.Enabled = false
	inNamespace := parse(t, "a", setuid)
	inNamespace.Namespace = "team"
	setgid := "  - {call: sys_setgid, syscall: true}\n"
	policies := []*policy.Policy{
		parse(t, "a", setuid+setgid),
		parse(t, "b", "  - {call: __x64_sys_setuid, syscall: true}\n"),
		inNamespace, off,
		parse(t, "twice", setgid+setgid),
	}
	got := map[string][]plan.ID{}
	rules := map[string]int{}
	for _, h := range plan.Build(policies, full(), plan.Options{}).Hooks {
		got[h.Key()] = h.IDs()
		rules[h.Key()] = len(h.Rules)
	}
	id := func(namespace, name, hook string) plan.ID {
		return plan.ID{Namespace: namespace, Policy: name, Hook: "kprobe:__x64_sys_" + hook}
	}
	want := map[string][]plan.ID{
		"__x64_sys_setuid+syscall": {id("", "a", "setuid"), id("", "b", "setuid"), id("team", "a", "setuid")},
		"__x64_sys_setgid+syscall": {id("", "a", "setgid"), id("", "twice", "setgid")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ids differ (-want +got):\n%s", diff)
	}
	// Two entries of a policy for one function are two events, as in Tetragon.
	if diff := cmp.Diff(map[string]int{"__x64_sys_setuid+syscall": 3, "__x64_sys_setgid+syscall": 3}, rules); diff != "" {
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
			Slot: 5, Types: []policy.Type{"int", "file"}, Selectors: p.Hooks[0].Selectors,
			Args: []match.Source{{Kind: match.Constant, Value: 2}, {}},
		},
		{Slot: 6},
	}
	if diff := cmp.Diff(want, h.MatchRules(h.Attaches[0].Points[0], slots)); diff != "" {
		t.Errorf("rules differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/bin/a", "/bin/b"}, h.Binaries()); diff != "" {
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
