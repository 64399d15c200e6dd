// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// TestCompat shows where 32-bit system calls are hooked, and what tells their
// numbers from others.
func TestCompat(t *testing.T) {
	kernel := full()
	kernel.prototypes = map[string]*btf.FuncProto{}
	for _, function := range []string{"__ia32_compat_sys_openat", "__ia32_sys_ia32_pread64", "__ia32_compat_sys_ia32_clone"} {
		kernel.prototypes[function] = prototype(1)
	}
	kernel.tracepoints["raw_syscalls/sys_enter"] = rawSyscall
	call := func(name string) string {
		return fmt.Sprintf("  kprobes: [{call: %s, args: [{index: 4, type: int}], "+
			"selectors: [{matchArgs: [{index: 4, operator: Equal, values: [\"2\"]}]}]}]\n", name)
	}
	var all strings.Builder
	for _, spec := range []string{
		call("i386/sys_dup"), call("i386/sys_openat"), call("i386/sys_pread64"), call("i386/sys_clone"),
		call("__ia32_compat_sys_openat"), call("__ia32_sys_ia32_pread64"),
		"  fentries: [{call: __ia32_sys_openat, syscall: false}]\n",
		tracepoint("raw_syscalls", "sys_enter", false, "index: 4, type: syscall64"),
	} {
		p := plan.Build([]*policy.Policy{parseSpec(t, "a", spec)}, kernel, plan.Options{})
		fmt.Fprintf(&all, "# %s\n%s", strings.TrimSpace(spec), render(p))
	}
	golden(t, "testdata/compat.golden", all.String())
}

// TestSyscallNumbers: a name has a number for each ABI of an architecture.
func TestSyscallNumbers(t *testing.T) {
	const compat = 1 << 31
	numbers := func(arch, call string) []policy.Range {
		t.Helper()
		kernel := full()
		kernel.arch = arch
		kernel.tracepoints["raw_syscalls/sys_enter"] = rawSyscall
		p := parseSpec(t, "a", fmt.Sprintf(`  lists: [{name: calls, type: syscalls, values: [%s]}]
  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    args: [{index: 4, type: syscall64}]
    selectors: [{matchArgs: [{index: 4, operator: InMap, values: ["list:calls"]}]}]
`, call))
		ways := plan.Build([]*policy.Policy{p}, kernel, plan.Options{}).Hooks[0].Attaches
		if len(ways) == 0 {
			return nil
		}
		return ways[0].Points[0].Rules[0].Rule.Selectors[0].Args[0].Values
	}
	for _, test := range []struct {
		arch, call string
		want       uint64
	}{
		{"amd64", "sys_dup", 32},
		{"amd64", "i386/sys_dup", compat | 41},
		{"arm64", "sys_dup", 23},
		{"arm64", "arm32/sys_dup", compat | 41},
		{"arm64", "arm32/sys_openat", compat | 322},
	} {
		want := []policy.Range{{Min: test.want, Max: test.want}}
		if diff := cmp.Diff(want, numbers(test.arch, test.call)); diff != "" {
			t.Errorf("%s on %s (-want +got):\n%s", test.call, test.arch, diff)
		}
	}
	for arch, call := range map[string]string{"amd64": "arm32/sys_dup", "arm64": "i386/sys_dup"} {
		if got := numbers(arch, call); got != nil {
			t.Errorf("%s has the number %v on %s", call, got, arch)
		}
	}
}
