// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// fakeKernel is a kernel as a test wants it.
type fakeKernel struct {
	arch        string
	refused     map[plan.Kind]string // why a kind does not attach
	parameters  map[string]int       // by function; a system call has 1 anyway
	tracepoints map[string]bool      // besides those of system calls
	noSyscalls  bool                 // no sys_enter tracepoints
	preemptible bool
}

func (k fakeKernel) Arch() string { return k.arch }

func (k fakeKernel) Preemptible() bool { return k.preemptible }

func (k fakeKernel) Attachable(kind plan.Kind) error {
	if reason, ok := k.refused[kind]; ok {
		return errors.New(reason)
	}
	return nil
}

func (k fakeKernel) Parameters(function string) (int, error) {
	if n, ok := k.parameters[function]; ok {
		return n, nil
	}
	if strings.Contains(function, "_sys_") {
		return 1, nil
	}
	return 0, fmt.Errorf("function %s: not found", function)
}

func (k fakeKernel) HasTracepoint(event string) bool {
	return k.tracepoints[event] || !k.noSyscalls && strings.HasPrefix(event, "syscalls/sys_enter_")
}

// full is a kernel where everything attaches.
func full() fakeKernel {
	return fakeKernel{
		arch: "amd64",
		parameters: map[string]int{
			"create_user_ns": 1, "__sys_setuid": 1, "__sys_setgid": 1,
			"security_kernel_module_request": 1, "security_kernel_read_file": 3,
		},
		tracepoints: map[string]bool{"module/module_request": true},
	}
}

// onlyKprobes is a kernel without trampolines and BTF.
func onlyKprobes() fakeKernel {
	k := full()
	k.refused = map[plan.Kind]string{plan.Fentry: "not supported", plan.Tracepoint: "permission denied"}
	return k
}

// onlyTracepoints is a hardened kernel.
func onlyTracepoints() fakeKernel {
	k := full()
	k.refused = map[plan.Kind]string{plan.Fentry: "operation not permitted", plan.Kprobe: "this kernel has no kprobes"}
	return k
}

// parse reads a policy from the kprobes of its spec.
func parse(t *testing.T, name, kprobes string) *policy.Policy {
	t.Helper()
	document := "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: " + name + "}\n" +
		"spec:\n  kprobes:\n" + kprobes
	p, err := policy.Parse(name+".yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// render is a plan as a person reads it.
func render(p plan.Plan) string {
	var b strings.Builder
	for _, h := range p.Hooks {
		fmt.Fprintf(&b, "%s\n", h.Label)
		for _, r := range h.Rules {
			fmt.Fprintf(&b, "  for %s, %d selectors\n", r.ID.Policy, len(r.Spec.Selectors))
		}
		for _, a := range h.Attaches {
			fmt.Fprintf(&b, "  %s\n", a)
			for _, point := range a.Points {
				fmt.Fprintf(&b, "    %s\n", renderPoint(point))
			}
		}
		for _, r := range h.Rejected {
			fmt.Fprintf(&b, "  not %s: %s\n", r.Kind, r.Reason)
		}
	}
	return b.String()
}

func renderPoint(p plan.Point) string {
	text := p.Target
	if p.Parameters > 0 {
		text += fmt.Sprintf("/%d", p.Parameters)
	}
	if p.Syscall {
		text += " syscall"
	}
	if g := p.Guard; g != nil {
		pointer := ""
		if g.Dereference {
			pointer = "*"
		}
		text += fmt.Sprintf(" if %sr%d & %#x", pointer, g.Arg, g.Mask)
	}
	for i, s := range p.Sources {
		switch s.Kind {
		case match.Register:
			text += fmt.Sprintf(" %d=r%d", i, s.Index)
		case match.Constant:
			text += fmt.Sprintf(" %d=%d", i, s.Value)
		}
	}
	return text
}
