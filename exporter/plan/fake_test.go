// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// fakeKernel is a kernel as a test wants it.
type fakeKernel struct {
	arch        string
	refused     map[plan.Kind]string // why a kind does not attach
	parameters  map[string]int       // by function; a system call has 1 anyway
	tracepoints map[string]string    // formats, besides those of system calls
	noSyscalls  bool                 // no sys_enter tracepoints
	preemptible bool
	prototypes  map[string]*btf.FuncProto // other functions
}

func (k fakeKernel) Arch() string { return k.arch }

func (k fakeKernel) Preemptible() bool { return k.preemptible }

func (k fakeKernel) Attachable(kind plan.Kind) error {
	if reason, ok := k.refused[kind]; ok {
		return errors.New(reason)
	}
	return nil
}

// Function makes up a prototype with parameters of 64 bits.
func (k fakeKernel) Function(name string) (*btf.FuncProto, error) {
	if proto, ok := k.prototypes[name]; ok {
		return proto, nil
	}
	n, ok := k.parameters[name]
	if !ok && strings.Contains(name, "_sys_") && !strings.Contains(name, "_compat_") && !strings.Contains(name, "_sys_ia32_") {
		n, ok = 1, true
	}
	if !ok {
		return nil, fmt.Errorf("function %s: not found", name)
	}
	return prototype(n), nil
}

func prototype(parameters int) *btf.FuncProto {
	proto := &btf.FuncProto{}
	for range parameters {
		proto.Params = append(proto.Params, btf.FuncParam{Type: &btf.Int{Name: "long", Size: 8}})
	}
	return proto
}

func (k fakeKernel) RawTracepoint(event string) (*btf.FuncProto, error) {
	if event != "sched_process_exec" {
		return nil, fmt.Errorf("typedef btf_trace_%s: not found", event)
	}
	return &btf.FuncProto{Params: []btf.FuncParam{
		{Type: &btf.Pointer{Target: taskStruct()}}, {Type: &btf.Int{Size: 4}}, {Type: &btf.Pointer{Target: &btf.Void{}}},
	}}, nil
}

func (k fakeKernel) Type(name, module string) (btf.Type, error) {
	if typ, ok := map[string]btf.Type{"task_struct": taskStruct(), "pt_regs": ptRegs(), "sock": sock()}[name]; ok && module == "" {
		return typ, nil
	}
	return nil, fmt.Errorf("type %s: not found", name)
}

func (k fakeKernel) Format(event string) (plan.Format, error) {
	text, ok := k.tracepoints[event]
	if !k.noSyscalls && strings.HasPrefix(event, "syscalls/") {
		text, ok = "field:int __syscall_nr;offset:8;size:4;signed:1;", true
	}
	if !ok {
		return plan.Format{}, fmt.Errorf("no event %s", event)
	}
	return plan.ParseFormat(text)
}

func (k fakeKernel) Syscalls() ([]string, error) {
	return []string{"__x64_sys_read", "__x64_sys_write"}, nil
}

func (k fakeKernel) Traceable() ([]string, error) {
	return []string{"vfs_read", "vfs_write", "do_exit"}, nil
}

func (k fakeKernel) Executable(path string) (plan.Executable, error) {
	if path != "/bin/bash" {
		return nil, fmt.Errorf("open %s: no such file", path)
	}
	return fakeExecutable{}, nil
}

// full is a kernel where everything attaches.
func full() fakeKernel {
	return fakeKernel{
		arch: "amd64",
		parameters: map[string]int{
			"create_user_ns": 1, "__sys_setuid": 1, "__sys_setgid": 1,
			"security_kernel_module_request": 1, "security_kernel_read_file": 3,
			"security_bprm_check": 1, "bpf_lsm_bprm_check": 1, "tcp_connect": 1, "vfs_read": 4, "vfs_write": 4,
		},
		tracepoints: map[string]string{
			"module/module_request":    moduleRequest,
			"sched/sched_process_exec": processExec,
			"sock/inet_sock_set_state": sockState,
		},
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
		for _, a := range h.Attaches {
			for _, id := range h.IDs() {
				if reason := a.Refused[id]; reason != "" {
					fmt.Fprintf(&b, "  %s not for %s: %s\n", a.Kind, id.Policy, reason)
				}
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
	if p.Part > 0 {
		text += fmt.Sprintf(" part %d", p.Part)
	}
	if p.User != (plan.UserPoint{}) {
		text += fmt.Sprintf(" at %#x semaphore %#x", p.User.Offset, p.User.RefCtrOffset)
	}
	if p.Syscall {
		text += " syscall"
	}
	if p.I386 {
		text += " of i386"
	}
	if p.Exit {
		text += " exit"
	}
	if g := p.Guard; g != nil {
		pointer := ""
		if g.Dereference {
			pointer = "*"
		}
		text += fmt.Sprintf(" if %sr%d & %#x", pointer, g.Arg, g.Mask)
	}
	for _, r := range p.Rules {
		text += "; " + r.ID.Policy + ":"
		for i, a := range r.Rule.Args {
			text += fmt.Sprintf(" %d=%s", i, renderArg(a))
		}
		for i, a := range r.Rule.Data {
			text += fmt.Sprintf(" data%d=%s", i, renderArg(a))
		}
	}
	return text
}

// renderArg is a source with its type: "r0 int", "field 8+4 uint32".
func renderArg(a match.Arg) string {
	text := map[match.SourceKind]string{
		match.None:          "none",
		match.Register:      fmt.Sprintf("r%d", a.Index) + part(a.Source),
		match.Constant:      fmt.Sprint(a.Value),
		match.Field:         fmt.Sprintf("field %d+%d", a.Offset, a.Source.Size) + signed(a.Signed),
		match.FieldAddress:  fmt.Sprintf("&field %d", a.Offset),
		match.FieldLocation: fmt.Sprintf("location %d", a.Offset),
		match.CurrentTask:   "task",
	}[a.Kind]
	for _, s := range a.Steps {
		text += fmt.Sprintf(" +%d", s.Offset)
		if s.Index != nil {
			text += fmt.Sprintf(" +field %d<<%d", s.Index.Offset, s.Index.Shift)
		}
		if s.Load != 0 {
			text += fmt.Sprintf(" load %d", s.Load) + signed(s.Signed)
		}
		if s.ABI {
			text += " with its ABI"
		}
	}
	if a.Size.Kind != match.None {
		text += " size " + renderArg(match.Arg{Source: a.Size, Type: "size_t"})
	}
	return text + " " + string(a.Type)
}

func signed(is bool) string {
	if is {
		return " signed"
	}
	return ""
}

// part is how much of a register the value is, if not all.
func part(s match.Source) string {
	if s.Size == 0 || s.Size == 8 {
		return ""
	}
	return fmt.Sprintf("+%d", s.Size) + signed(s.Signed)
}
