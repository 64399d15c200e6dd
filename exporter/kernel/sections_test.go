// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"debug/elf"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// planOf plans policies for this machine, each given by its spec.
func planOf(t *testing.T, k *Kernel, specs map[string]string) plan.Plan {
	t.Helper()
	var policies []*policy.Policy
	for name, spec := range specs {
		document := "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: " + name + "}\nspec:\n" + spec
		p, err := policy.Parse(name+".yaml", []byte(document))
		if err != nil {
			t.Fatal(err)
		}
		policies = append(policies, p)
	}
	return plan.Build(policies, k.Facts(), plan.Options{})
}

// attached applies a plan and complains about each counter that is not attached.
func attached(t *testing.T, k *Kernel, p plan.Plan) {
	t.Helper()
	for name, s := range apply(t, k, p.Hooks...) {
		if s.Attach == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func want(t *testing.T, k *Kernel, policy, hook string, n uint64) {
	t.Helper()
	if got := counts(t, k, plan.ID{Policy: policy, Hook: hook}); got != n {
		t.Errorf("%s counted %d at %s, want %d", policy, got, hook, n)
	}
}

// The fields of a tracepoint's record are arguments, and so are those of a raw
// tracepoint's function.
func TestTracepoints(t *testing.T) {
	k := open(t)
	attached(t, k, planOf(t, k, map[string]string{
		"all": "  tracepoints: [{subsystem: syscalls, event: sys_enter_getpgid}]\n",
		"field": `  tracepoints:
  - subsystem: syscalls
    event: sys_enter_getpgid
    args: [{index: 5, type: auto}]
    selectors: [{matchArgs: [{index: 5, operator: Equal, values: ["0"]}]}]
`,
		"raw": fmt.Sprintf(`  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    raw: true
    args: [{index: 1, type: int64}]
    selectors: [{matchArgs: [{index: 1, operator: Equal, values: ["%d"]}]}]
`, unix.SYS_GETPGID),
		"array": fmt.Sprintf(`  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    args: [{index: 4, type: syscall64}, {index: 5, type: uint64}]
    selectors: [{matchArgs: [{index: 4, operator: Equal, values: ["%d"]}, {index: 5, operator: Equal, values: ["0"]}]}]
`, unix.SYS_GETPGID),
	}))
	getpgid(t, 23)
	if _, err := unix.Getpgid(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	want(t, k, "all", "tracepoint:syscalls/sys_enter_getpgid", 24)
	want(t, k, "field", "tracepoint:syscalls/sys_enter_getpgid", 23)
	want(t, k, "raw", "tracepoint:raw_syscalls/sys_enter", 24)
	want(t, k, "array", "tracepoint:raw_syscalls/sys_enter", 23)
}

// A system call's tracepoints see what it returns.
func TestReturns(t *testing.T) {
	k := open(t)
	attached(t, k, planOf(t, k, map[string]string{
		"failed": `  kprobes:
  - call: sys_getpgid
    return: true
    returnArg: {index: 0, type: int}
    selectors: [{matchReturnArgs: [{index: 0, operator: Equal, values: ["-3"]}]}]
`,
		"all": "  kprobes: [{call: sys_getpgid}]\n",
	}))
	getpgid(t, 23)
	for range 5 {
		if _, err := unix.Getpgid(1 << 30); err != unix.ESRCH {
			t.Fatalf("getpgid of no process: %v", err)
		}
	}
	hook := "kprobe:__" + syscallPrefix() + "_sys_getpgid"
	want(t, k, "failed", hook, 5)
	want(t, k, "all", hook, 28)
}

//go:noinline
func probed(n int) int { return n + 1 }

// The functions of programs are hooks like those of the kernel.
func TestUprobes(t *testing.T) {
	k := open(t)
	symbol := "github.com/tetrameter/tetrameter/exporter/kernel.probed"
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	attached(t, k, planOf(t, k, map[string]string{
		"a": fmt.Sprintf("  uprobes: [{path: %s, symbols: [%s]}]\n", exe, symbol),
		"b": fmt.Sprintf("  uprobes: [{path: %s, symbols: [%s]}]\n", exe, symbol),
	}))
	for i := range 23 {
		if probed(i) != i+1 {
			t.Fatal("the probe changed the function")
		}
	}
	want(t, k, "a", "uprobe:"+exe+"/"+symbol, 23)
	want(t, k, "b", "uprobe:"+exe+"/"+symbol, 23)
	if len(k.attached) != 1 {
		t.Errorf("%d places are attached, want one", len(k.attached))
	}
}

// Hooks for a list of system calls are attached in a time that an agent may
// take. All there are took four to twelve seconds on two CPUs.
func TestManyHooks(t *testing.T) {
	k := open(t)
	p := planOf(t, k, map[string]string{"all": `  lists: [{name: all, type: generated_syscalls}]
  kprobes: [{call: "list:all"}]
`})
	if len(p.Hooks) < 300 {
		t.Fatalf("%d hooks, want all system calls", len(p.Hooks))
	}
	start := time.Now()
	states, err := k.Apply(plan.Plan{Hooks: p.Hooks[:20]})
	if err != nil {
		t.Fatal(err)
	}
	attached := 0
	for _, s := range states {
		if s.Attach != "" {
			attached++
		}
	}
	t.Logf("%d of %d hooks attached in %v", attached, len(states), time.Since(start))
	if attached < 10 {
		t.Errorf("%d of %d hooks are attached", attached, len(states))
	}
}
