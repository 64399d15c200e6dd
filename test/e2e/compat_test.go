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

// compatPolicies tell the system calls of 64-bit and of 32-bit programs apart.
// Before each spec are its name and the label of its hook; $DIR is a directory,
// $TRIGGER the trigger's path.
const compatPolicies = `
native-integer kprobe:__x64_sys_setuid
  kprobes:
  - {call: sys_setuid, args: [{index: 0, type: int}], selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["7"]}]}]}
i386-integer kprobe:__ia32_sys_setuid
  kprobes:
  - {call: __ia32_sys_setuid, args: [{index: 0, type: uint64}], selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["7"]}]}]}
both-integer kprobe:__sys_setuid
  kprobes:
  - {call: __sys_setuid, syscall: false, args: [{index: 0, type: int}], selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["7"]}]}]}
native-string kprobe:__x64_sys_mkdir
  kprobes:
  - {call: sys_mkdir, args: [{index: 0, type: string}], selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["$DIR/made"]}]}]}
i386-string kprobe:__ia32_sys_mkdir
  lists: [{name: calls, type: syscalls, values: [i386/sys_mkdir]}]
  kprobes:
  - {call: "list:calls", args: [{index: 0, type: string}], selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["$DIR/made"]}]}]}
i386-returned kprobe:__ia32_sys_rmdir
  kprobes:
  - {call: i386/sys_rmdir, return: true, returnArg: {index: 0, type: int}, selectors: [{matchReturnArgs: [{index: 0, operator: Equal, values: ["-2"]}]}]}
i386-compat kprobe:__ia32_sys_openat
  kprobes:
  - {call: i386/sys_openat, args: [{index: 1, type: string}], selectors: [{matchArgs: [{index: 1, operator: Equal, values: ["$DIR/file"]}]}]}
i386-descriptor kprobe:__ia32_sys_pread64
  kprobes:
  - {call: i386/sys_pread64, args: [{index: 0, type: int}], selectors: [{matchArgs: [{index: 0, operator: Equal, values: ["-9"]}]}]}
native-number tracepoint:raw_syscalls/sys_enter
  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    args: [{index: 4, type: syscall64}]
    selectors: [{matchArgs: [{index: 4, operator: InMap, values: ["39", "83"]}], matchBinaries: [{operator: In, values: [$TRIGGER]}]}]
i386-number tracepoint:raw_syscalls/sys_enter
  lists: [{name: calls, type: syscalls, values: [i386/sys_mkdir]}]
  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    args: [{index: 4, type: syscall64}]
    selectors: [{matchArgs: [{index: 4, operator: InMap, values: ["list:calls"]}]}]
i386-number-at-exit tracepoint:raw_syscalls/sys_exit
  tracepoints:
  - subsystem: raw_syscalls
    event: sys_exit
    args: [{index: 4, type: syscall64}]
    selectors: [{matchArgs: [{index: 4, operator: Equal, values: ["0x80000027"]}]}]
i386-number-raw tracepoint:raw_syscalls/sys_enter
  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    raw: true
    args: [{index: 1, type: syscall64}]
    selectors: [{matchArgs: [{index: 1, operator: Equal, values: ["0x80000027"]}]}]
`

// functions says whether the kernel's functions can be attached to, as far as
// the test lets the agent.
func functions(t *testing.T) bool {
	t.Helper()
	if *attachFlag != "auto" {
		return *attachFlag != "tracepoint"
	}
	_, err := os.Stat("/sys/kernel/tracing/kprobe_events")
	return err == nil
}

// System calls of 32-bit programs are counted by hooks for them and by functions
// behind both kinds, and by nothing else.
func TestCompatSyscalls(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		leaveTo(t, "amd64", "32-bit Arm needs a processor that has it")
	}
	policies, files := t.TempDir(), t.TempDir()
	replace := strings.NewReplacer("$DIR", files, "$TRIGGER", *triggerFlag)
	hooks := writePolicies(t, policies, replace.Replace(compatPolicies))
	a := startAgent(t, "--policy-dir", policies)
	made := filepath.Join(files, "made")
	for _, args := range [][]string{
		{"setuid", "7"},
		{"i386", "213", "7"},
		{"i386", "213", "8"},
		{"mkdir", made},
		{"i386", "39", made, "0755"},
		{"i386", "40", filepath.Join(files, "nothing")},
		{"i386", "295", "-100", filepath.Join(files, "file")},
		{"i386", "180", "-9"},
		{"open", *triggerFlag},
	} {
		trigger(t, *triggerFlag, append([]string{"repeat", "23"}, args...)...)
	}
	var want []string
	for name, hook := range hooks {
		n := 23
		switch {
		case name == "both-integer" && functions(t):
			n = 46
		case strings.HasPrefix(hook, "kprobe:__ia32_") && !functions(t):
			if sum(t, a.family("tetrameter_hook_info"), hook, `attach="unsupported"`) != 1 {
				t.Errorf("%s is attached to what does not see 32-bit calls: %v", hook, a.family("tetrameter_hook_info"))
			}
			continue
		}
		want = append(want, event(*triggerFlag, hook, name, n))
	}
	sort.Strings(want)
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s\nhooks:\n%s", diff, strings.Join(a.family("tetrameter_hook_info"), "\n"))
	}
	if lost := a.family("tetrameter_bpf_losses_total"); sum(t, lost) != 0 {
		t.Errorf("losses: %v", lost)
	}
}

// writePolicies writes the policies of a text, in which a line with its name and
// the label of its hook comes before each spec, and returns the labels.
func writePolicies(t *testing.T, dir, text string) map[string]string {
	t.Helper()
	hooks, specs, name := map[string]string{}, map[string]string{}, ""
	for line := range strings.Lines(strings.TrimSpace(text)) {
		if strings.HasPrefix(line, " ") {
			specs[name] += line
			continue
		}
		var hook string
		name, hook, _ = strings.Cut(strings.TrimSpace(line), " ")
		hooks[name] = hook
	}
	for name, spec := range specs {
		writePolicy(t, dir, name+".yaml", fmt.Sprintf(
			"apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: %s}\nspec:\n%s\n", name, spec))
	}
	return hooks
}
