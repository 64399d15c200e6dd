// SPDX-License-Identifier: Apache-2.0

package policies_test

import (
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/policy"
	"github.com/tetrameter/tetrameter/policies"
)

// standard parses every shipped file.
func standard(t *testing.T) map[string]*policy.Policy {
	t.Helper()
	files, err := fs.Glob(policies.Standard(), "*")
	if err != nil {
		t.Fatal(err)
	}
	parsed := make(map[string]*policy.Policy)
	for _, file := range files {
		data, err := fs.ReadFile(policies.Standard(), file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.Parse(file, data)
		if err != nil {
			t.Fatalf("unexpected error:\n%v", err)
		}
		parsed[file] = p
	}
	return parsed
}

// TestShipped checks what an operator relies on when choosing among the
// policies: names and annotations.
func TestShipped(t *testing.T) {
	for file, p := range standard(t) {
		if p.Name+".yaml" != file {
			t.Errorf("%s: policy %q is not named like its file", file, p.Name)
		}
		if p.Namespace != "" {
			t.Errorf("%s: a shipped policy must not have a namespace, has %q", file, p.Namespace)
		}
		description := p.Annotations[policy.AnnotationDescription]
		reason := "On by default:"
		if !p.Enabled {
			reason = "Off by default:"
		}
		for _, part := range []string{"Counts ", reason, "Expected false positives:"} {
			if !strings.Contains(description, part) {
				t.Errorf("%s: description lacks %q: %s", file, part, description)
			}
		}
		for _, annotation := range []string{policy.AnnotationEnabled, policy.AnnotationSeverity} {
			if p.Annotations[annotation] == "" {
				t.Errorf("%s: annotation %s is missing", file, annotation)
			}
		}
	}
}

// TestSeverities lists how urgent each is, so that a change of it is a change of
// this table. What happens on every node by itself, because an agent or a container
// starts, must wake nobody.
func TestSeverities(t *testing.T) {
	want := map[policy.Severity]string{
		policy.Critical: "kernel-module-syscalls kernel-replacement monitor-kernel-modules",
		policy.Warning:  "container-namespaces fileless-execution identity-changes privileges-raise process-tracing",
		policy.Info:     "bpf-program-load capability-changes container-mounts namespace-entry sudo-invocations",
	}
	names := map[policy.Severity][]string{}
	for _, p := range standard(t) {
		names[p.Severity] = append(names[p.Severity], p.Name)
	}
	got := map[policy.Severity]string{}
	for severity, list := range names {
		slices.Sort(list)
		got[severity] = strings.Join(list, " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("severities (-want +got):\n%s", diff)
	}
}

// TestHooks lists what is on and off by default, so that a change of it is a
// change of this table.
func TestHooks(t *testing.T) {
	want := map[bool]map[string]string{
		true: {
			"bpf-program-load":       "sys_bpf",
			"container-mounts":       "sys_mount sys_move_mount sys_fsmount sys_pivot_root",
			"container-namespaces":   "sys_setns sys_unshare",
			"kernel-module-syscalls": "sys_init_module sys_finit_module sys_delete_module",
			"kernel-replacement":     "sys_kexec_load sys_kexec_file_load",
			"monitor-kernel-modules": "security_kernel_module_request security_kernel_read_file",
			"privileges-raise":       "create_user_ns __sys_setuid __sys_setgid",
			"process-tracing":        "sys_ptrace sys_process_vm_writev sys_pidfd_getfd",
			"sudo-invocations":       "sys_execve",
		},
		false: {
			"capability-changes": "sys_capset",
			"fileless-execution": "sys_execveat",
			"identity-changes":   "sys_setreuid sys_setresuid sys_setregid sys_setresgid sys_setfsuid sys_setfsgid",
			"namespace-entry":    "sys_setns",
		},
	}
	got := map[bool]map[string]string{true: {}, false: {}}
	for _, p := range standard(t) {
		var calls []string
		for _, hook := range p.Hooks {
			calls = append(calls, hook.Call)
			if prefix := strings.HasPrefix(hook.Call, "sys_"); prefix != hook.Syscall {
				t.Errorf("%v: %s with syscall %t", hook.Pos, hook.Call, hook.Syscall)
			}
		}
		got[p.Enabled][p.Name] = strings.Join(calls, " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hooks differ (-want +got):\n%s", diff)
	}
}

// TestConditions pins the conditions of the policies that must count like the
// reference system does; positions are left out.
func TestConditions(t *testing.T) {
	one := func(v uint64) []policy.Range { return []policy.Range{{Min: v, Max: v}} }
	notRoot := []policy.Selector{{Args: []policy.ArgFilter{{Operator: policy.NotEqual, Values: one(0)}}}}
	number := []policy.Arg{{Type: "int"}}
	want := map[string][]policy.Hook{
		"sudo-invocations.yaml": {{
			Call: "sys_execve", Syscall: true,
			Selectors: []policy.Selector{{Binaries: []policy.BinaryFilter{{
				Operator: policy.In, Paths: []string{"/usr/bin/sudo", "/usr/bin/sudo-rs", "/bin/sudo"},
			}}}},
		}},
		"privileges-raise.yaml": {
			{Call: "create_user_ns", Selectors: []policy.Selector{{Capabilities: []policy.CapabilityFilter{{
				Set: policy.Effective, Operator: policy.NotIn, Mask: 1 << 21,
			}}}}},
			{Call: "__sys_setuid", Args: number, Selectors: notRoot},
			{Call: "__sys_setgid", Args: number, Selectors: notRoot},
		},
		"monitor-kernel-modules.yaml": {
			{
				Call: "security_kernel_module_request", Return: true, ReturnArg: &policy.Arg{Type: "int"},
				Args: []policy.Arg{{Type: "string"}},
			},
			{
				Call: "security_kernel_read_file", Return: true, ReturnArg: &policy.Arg{Type: "int"},
				Args:      []policy.Arg{{Type: "file"}, {Index: 1, Type: "int"}},
				Selectors: []policy.Selector{{Args: []policy.ArgFilter{{Arg: 1, Operator: policy.Equal, Values: one(2)}}}},
			},
		},
	}
	parsed := standard(t)
	anywhere := cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().Type() == reflect.TypeFor[policy.Pos]()
	}, cmp.Ignore())
	for file, hooks := range want {
		p, ok := parsed[file]
		if !ok {
			t.Errorf("%s is missing", file)
			continue
		}
		for i := range hooks {
			hooks[i].Section = policy.Kprobes
		}
		if diff := cmp.Diff(hooks, p.Hooks, anywhere); diff != "" {
			t.Errorf("%s: hooks differ (-want +got):\n%s", file, diff)
		}
	}
}
