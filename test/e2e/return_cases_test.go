// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func returnCases() []languageCase {
	return []languageCase{{
		name:  "returned",
		label: "kprobe:__x64_sys_openat",
		hook: `
			kprobes:
			- call: sys_openat
			  return: true
			  args:
			  - {index: 1, type: string}
			  returnArg: {index: 0, type: int}
			  selectors:
			  - matchArgs:
			    - {index: 1, operator: Prefix, values: ["/proc/self/exe"]}
			    matchReturnArgs:
			    - {index: 0, operator: Equal, values: ["-40"]}`,
		match: []string{"fail", "40"},
		other: []string{"fail", "20"},
	}, {
		name:  "returned-nested",
		label: "uprobe:$TRIGGER/trigger_nest",
		hook: `
			uprobes:
			- path: $TRIGGER
			  symbols: [trigger_nest]
			  return: true
			  args:
			  - {index: 0, type: int}
			  returnArg: {index: 0, type: int}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: Equal, values: ["3"]}
			    matchReturnArgs:
			    - {index: 0, operator: Equal, values: ["3"]}`,
		match: []string{"nest", "3"},
		other: []string{"nest", "2"},
	}, {
		// A thread that executes a program becomes the leader.
		name:  "returned-exec",
		label: "kprobe:__x64_sys_execve",
		hook: `
			kprobes:
			- call: sys_execve
			  return: true
			  returnArg: {index: 0, type: int}
			  selectors:
			  - matchBinaries:
			    - {operator: In, values: [$TRIGGER]}
			    matchReturnArgs:
			    - {index: 0, operator: Equal, values: ["0"]}`,
		match: []string{"threadexec", "/proc/self/exe"},
	}}
}

// functionCases are hooks on functions that no tracepoint stands for.
func functionCases() []languageCase {
	return []languageCase{{
		// The answer to a packet is sent while the packet is: a call within the
		// call, by the same task on another stack. Both wait for their returns.
		name:  "within",
		ways:  []string{"fentry", "kprobe"},
		label: "kprobe:ip_output",
		hook: `
			kprobes:
			- call: ip_output
			  syscall: false
			  return: true
			  args:
			  - {index: 2, type: skb}
			  returnArg: {index: 0, type: int}
			  selectors:
			  - matchArgs:
			    - {index: 2, operator: DPort, values: ["2304"]}
			    matchReturnArgs:
			    - {index: 0, operator: Equal, values: ["0"]}`,
		match: []string{"tcp", "127.0.0.1", "2304"},
		other: []string{"tcp", "127.0.0.1", "2398"},
	}, {
		name:  "returned-structure",
		ways:  []string{"fentry", "kprobe"},
		label: "kprobe:sk_alloc",
		hook: `
			kprobes:
			- call: sk_alloc
			  syscall: false
			  return: true
			  returnArg: {type: uint16, resolve: __sk_common.skc_family}
			  selectors:
			  - matchBinaries:
			    - {operator: In, values: [$TRIGGER]}
			    matchReturnArgs:
			    - {index: 0, operator: Equal, values: ["10"]}`,
		match: []string{"tcp", "::1", "2305"},
		other: []string{"tcp", "127.0.0.1", "2305"},
	}, {
		// The register of the first parameter.
		name:  "register",
		ways:  []string{"kprobe"},
		label: "kprobe:__sys_setuid",
		hook: `
			kprobes:
			- call: __sys_setuid
			  syscall: false
			  data:
			  - {type: uint32, source: pt_regs, resolve: edi}
			  selectors:
			  - matchData:
			    - {args: [0], operator: Equal, values: ["4194303"]}`,
		match: []string{"setuid", "4194303"},
		other: []string{"setuid", "4194302"},
	}}
}

// TestFunctions is TestLanguage for what needs probes of functions. Where the
// kernel, or the flag, offers tracepoints only, nothing is counted and it says so.
func TestFunctions(t *testing.T) {
	policies, replace := t.TempDir(), strings.NewReplacer("$TRIGGER", *triggerFlag)
	for _, c := range functionCases() {
		writePolicy(t, policies, c.name+".yaml", c.document(replace))
	}
	a := startAgent(t, "--policy-dir", policies)
	var want []string
	for _, c := range functionCases() {
		info, of := a.family("tetrameter_hook_info"), fmt.Sprintf("policy=%q", c.name)
		if sum(t, info, of, `attach="unsupported"`) == 1 && (!c.counts() || sum(t, info, of, "this kernel has no kprobes") == 1) {
			continue
		}
		repeat(t, "23", c.match, replace)
		repeat(t, "5", c.other, replace)
		want = append(want, event(*triggerFlag, c.label, c.name, 23))
	}
	sort.Strings(want)
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}
