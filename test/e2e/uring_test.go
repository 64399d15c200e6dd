// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Operations through an io_uring reach the functions that system calls end in,
// not the system calls, and are their program's, whoever carries them out.
func TestRing(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	operations := map[string][]string{
		"inline-read": {"inline", "read"}, "inline-write": {"inline", "write"}, "inline-open": {"inline", "open"},
		"worker-read": {"worker", "read"}, "poller-read": {"poller", "read"},
	}
	for name := range operations {
		if err := os.WriteFile(file(name), []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(*triggerFlag, "uring", "inline", "read", file("inline-read")).CombinedOutput(); err != nil && *attachFlag == "auto" {
		leaveTo(t, "make test-vm", fmt.Sprintf("no io_uring here: %s", out))
	} else if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	policies, hooks := t.TempDir(), map[string]string{}
	for name := range operations {
		if name == "inline-open" {
			continue
		}
		writePolicy(t, policies, name+".yaml", pathPolicy(name, "Equal", file(name)))
		hooks[name] = filePermission
	}
	writePolicy(t, policies, "opened.yaml", argPolicy("opened", "security_file_open", false, 0, "file", file("inline-open")))
	writePolicy(t, policies, "call.yaml", argPolicy("call", "sys_openat", true, 1, "string", file("inline-open")))
	hooks["opened"] = "kprobe:security_file_open"

	a := startAgent(t, "--policy-dir", policies)
	for name, operation := range operations {
		trigger(t, *triggerFlag, "repeat", "23", "uring", operation[0], operation[1], file(name))
	}
	trigger(t, *triggerFlag, "repeat", "5", "open", file("inline-open"))
	want := []string{event(*triggerFlag, "kprobe:__x64_sys_openat", "call", 5)}
	for name, hook := range hooks {
		n := 23
		if name == "opened" {
			n += 5
		}
		// Tracepoints of system calls see none of it.
		if functions(t) {
			want = append(want, event(*triggerFlag, hook, name, n))
		}
	}
	sort.Strings(want)
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s\nhooks:\n%s", diff, strings.Join(a.family("tetrameter_hook_info"), "\n"))
	}
}
