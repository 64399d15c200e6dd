// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
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
			  args:
			  - {index: 0, type: string}
			  returnArg: {index: 0, type: int}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: Equal, values: ["/proc/self/exe"]}
			    matchReturnArgs:
			    - {index: 0, operator: Equal, values: ["0"]}`,
		match: []string{"threadexec", "/proc/self/exe"},
	}}
}

// The answer to a packet is sent while the packet is: a call within the call, by
// the same task on another stack. Both wait for their returns.
func TestReturnWithinCall(t *testing.T) {
	c := languageCase{name: "within", label: "kprobe:ip_output", hook: `
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
		    - {index: 0, operator: Equal, values: ["0"]}`}
	policies := t.TempDir()
	writePolicy(t, policies, "within.yaml", c.document(strings.NewReplacer()))
	a := startAgent(t, "--policy-dir", policies)
	trigger(t, *triggerFlag, "repeat", "23", "tcp", "127.0.0.1", "2304")
	trigger(t, *triggerFlag, "repeat", "5", "tcp", "127.0.0.1", "2398")
	want := []string{event(*triggerFlag, c.label, c.name, 23)}
	info := strings.Join(a.family("tetrameter_hook_info"), "\n")
	if !slices.Contains([]string{"fentry", "kprobe"}, *attachFlag) && strings.Contains(info, "no tracepoint is equivalent to ip_output") &&
		strings.Contains(info, `attach="unsupported"`) {
		want = nil // this kernel, or the flag, offers tracepoints only
	}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s\n%s", diff, info)
	}
}
