// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

// probeFunction exists in every kernel with BPF to be attached to by tests
// (net/bpf/test_run.c).
const probeFunction = "bpf_fentry_test1"

// Facts is what this kernel offers; it implements plan.Kernel.
type Facts struct {
	kinds map[plan.Kind]error
	cache *btf.Cache
	btf   *btf.Spec
	noBTF error
	files map[string]executableOrError // what Executable found out
}

// Facts finds out what this kernel offers. The first call attaches a program
// each way and detaches it again. The result is for the plan of the next Apply.
func (k *Kernel) Facts() *Facts {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.useBTF()
	if k.kinds == nil {
		k.kinds = map[plan.Kind]error{}
		for _, kind := range []plan.Kind{plan.Fentry, plan.Kprobe} {
			k.kinds[kind] = k.probe(kind)
		}
		k.kinds[plan.LSM] = bpfLSM()
	}
	f := &Facts{kinds: k.kinds, cache: k.btf}
	f.btf, f.noBTF = k.btf.Kernel()
	return f
}

// useBTF makes the kernel's types available to loading.
func (k *Kernel) useBTF() {
	if k.btf == nil {
		k.btf = btf.NewCache()
	}
}

// probe attaches nothing but the jump to an empty matcher, for a moment.
func (k *Kernel) probe(kind plan.Kind) error {
	p, err := k.newPoint(kind, plan.Point{Target: probeFunction}, nil)
	if kind == plan.Kprobe && errors.Is(err, fs.ErrNotExist) {
		return errors.New("this kernel has no kprobes")
	}
	if err != nil {
		return reasonOf(err)
	}
	return p.close()
}

// bpfLSM says whether the kernel asks BPF programs about security
// (Documentation/admin-guide/LSM/index.rst).
func bpfLSM() error {
	modules, err := os.ReadFile("/sys/kernel/security/lsm")
	if err != nil {
		return fmt.Errorf("security modules are not known: %w", reasonOf(err))
	}
	if !slices.Contains(strings.Split(strings.TrimSpace(string(modules)), ","), "bpf") {
		return errors.New("bpf is not among the security modules (lsm=)")
	}
	return nil
}

// Arch implements plan.Kernel.
func (f *Facts) Arch() string { return runtime.GOARCH }

// Attachable implements plan.Kernel.
func (f *Facts) Attachable(kind plan.Kind) error { return f.kinds[kind] }

// Function implements plan.Kernel. It returns an error that wraps
// btf.ErrNotFound if the kernel's BTF lacks the function, as for a function of
// a module.
func (f *Facts) Function(name string) (*btf.FuncProto, error) {
	if f.noBTF != nil {
		return nil, fmt.Errorf("no kernel BTF: %w", f.noBTF)
	}
	var fn *btf.Func
	if err := f.btf.TypeByName(name, &fn); err != nil {
		return nil, fmt.Errorf("function %s: %w", name, err)
	}
	proto, ok := fn.Type.(*btf.FuncProto)
	if !ok {
		return nil, fmt.Errorf("function %s has no prototype", name)
	}
	return proto, nil
}

// RawTracepoint implements plan.Kernel: the kernel has a typedef of a pointer to
// a function for each event (include/trace/bpf_probe.h).
func (f *Facts) RawTracepoint(event string) (*btf.FuncProto, error) {
	if f.noBTF != nil {
		return nil, fmt.Errorf("no kernel BTF: %w", f.noBTF)
	}
	var typedef *btf.Typedef
	if err := f.btf.TypeByName("btf_trace_"+event, &typedef); err != nil {
		return nil, fmt.Errorf("event %s: %w", event, err)
	}
	if pointer, ok := typedef.Type.(*btf.Pointer); ok {
		if proto, ok := pointer.Target.(*btf.FuncProto); ok && len(proto.Params) > 0 {
			return &btf.FuncProto{Return: proto.Return, Params: proto.Params[1:]}, nil
		}
	}
	return nil, fmt.Errorf("event %s has no prototype", event)
}

// Type implements plan.Kernel.
func (f *Facts) Type(name, module string) (btf.Type, error) {
	if f.noBTF != nil {
		return nil, fmt.Errorf("no kernel BTF: %w", f.noBTF)
	}
	spec := f.btf
	if module != "" {
		var err error
		if spec, err = f.cache.Module(module); err != nil {
			return nil, fmt.Errorf("types of module %s: %w", module, err)
		}
	}
	types, err := spec.AnyTypesByName(strings.TrimPrefix(name, "struct "))
	for _, t := range types {
		if _, err := btf.Sizeof(t); err == nil {
			return t, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("there is no type %s", name), err)
}

// Preemptible implements plan.Kernel.
func (f *Facts) Preemptible() bool { return preemptible() }

// Format implements plan.Kernel.
func (f *Facts) Format(event string) (plan.Format, error) {
	text, err := readTracefs(filepath.Join("events", event, "format"))
	if err != nil {
		return plan.Format{}, fmt.Errorf("event %s: %w", event, err)
	}
	format, err := plan.ParseFormat(text)
	if err != nil {
		return plan.Format{}, fmt.Errorf("format of event %s: %w", event, err)
	}
	return format, nil
}

// Syscalls implements plan.Kernel: the functions that system calls of this
// architecture enter.
func (f *Facts) Syscalls() ([]string, error) {
	prefix := "__x64_sys_"
	if f.Arch() == "arm64" {
		prefix = "__arm64_sys_"
	}
	if f.noBTF != nil {
		return symbols(prefix)
	}
	var names []string
	for t, err := range f.btf.All() {
		if err != nil {
			return nil, fmt.Errorf("read kernel BTF: %w", err)
		}
		if fn, ok := t.(*btf.Func); ok && strings.HasPrefix(fn.Name, prefix) {
			names = append(names, fn.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Traceable implements plan.Kernel.
func (f *Facts) Traceable() ([]string, error) {
	text, err := readTracefs("available_filter_functions")
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ") // a module follows
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func readTracefs(file string) (string, error) {
	text, err := os.ReadFile(filepath.Join("/sys/kernel/tracing", file))
	if errors.Is(err, fs.ErrNotExist) {
		text, err = os.ReadFile(filepath.Join("/sys/kernel/debug/tracing", file))
	}
	return string(text), err
}

// symbols returns the kernel's functions whose names begin so.
func symbols(prefix string) ([]string, error) {
	text, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 2 && strings.EqualFold(fields[1], "t") && strings.HasPrefix(fields[2], prefix) {
			names = append(names, fields[2])
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// reasonOf shortens an error to what a label can carry: its innermost cause.
func reasonOf(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
