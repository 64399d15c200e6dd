// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// template names the programs of one object. Those that an object does not have
// are empty.
type template struct {
	load                         func() (*ebpf.CollectionSpec, error)
	attach, match, matchSyscalls string
	attachExit, matchExit        string
}

func templateOf(kind plan.Kind) template {
	switch kind {
	case plan.Fentry:
		return template{
			bpf.LoadFentry, bpf.FentryProgAttachFentry, bpf.FentryProgMatchFentry,
			bpf.FentryProgMatchFentrySyscall, bpf.FentryProgAttachFexit, bpf.FentryProgMatchFexit,
		}
	case plan.Kprobe, plan.Uprobe:
		return template{
			bpf.LoadKprobe, bpf.KprobeProgAttachKprobe, bpf.KprobeProgMatchKprobe,
			bpf.KprobeProgMatchKprobeSyscall, bpf.KprobeProgAttachKprobe, bpf.KprobeProgMatchKretprobe,
		}
	case plan.RawTracepoint:
		return template{load: bpf.LoadRawTP, attach: bpf.RawTPProgAttachRawtp, match: bpf.RawTPProgMatchRawtp}
	case plan.LSM:
		return template{load: bpf.LoadLSM, attach: bpf.LSMProgAttachLsm, match: bpf.LSMProgMatchLsm}
	default:
		return template{
			bpf.LoadTracepoint, bpf.TracepointProgAttachTracepoint, bpf.TracepointProgMatchTracepoint,
			bpf.TracepointProgMatchTracepointSyscall, bpf.TracepointProgAttachTracepoint, bpf.TracepointProgMatchTracepointExit,
		}
	}
}

// attachAt is the program that is attached to a point.
func (t template) attachAt(p plan.Point) string {
	if p.Exit {
		return t.attachExit
	}
	return t.attach
}

// matchAt is the program that evaluates the policies there.
func (t template) matchAt(p plan.Point) string {
	switch {
	case p.Exit:
		return t.matchExit
	case p.Syscall:
		return t.matchSyscalls
	}
	return t.match
}

// object returns the object of a template, to be changed. It is read once for all
// hooks of an Apply.
func (k *Kernel) object(t template) (*ebpf.CollectionSpec, error) {
	if known := k.objects[t.attach]; known != nil {
		return known.Copy(), nil
	}
	spec, err := t.load()
	if err != nil {
		return nil, fmt.Errorf("read BPF object: %w", err)
	}
	if k.objects != nil && t.attach != "" {
		k.objects[t.attach] = spec.Copy()
	}
	return spec, nil
}

// loadProgram loads one program of an object with the shared maps. body, if
// not nil, replaces evaluate; matcher, if not nil, is the map it jumps through.
func (k *Kernel) loadProgram(t template, name string, p plan.Point, body asm.Instructions, matcher *ebpf.Map) (*ebpf.Program, error) {
	spec, err := k.object(t)
	if err != nil {
		return nil, err
	}
	prog := spec.Programs[name]
	if prog.Type == ebpf.Tracing || prog.Type == ebpf.LSM {
		prog.AttachTo = p.Target
	}
	if body != nil {
		if prog.Instructions, err = splice(prog.Instructions, body); err != nil {
			return nil, err
		}
	}
	spec.Programs = map[string]*ebpf.ProgramSpec{name: prog}
	if err := k.setConstants(spec, p); err != nil {
		return nil, err
	}
	for _, unused := range lineageMaps() {
		if k.maps.byName[unused] == nil {
			delete(spec.Maps, unused)
		}
	}
	replace := k.maps.replacements(spec)
	if matcher != nil {
		replace[bpf.RawTPMapMatcher] = matcher
	} else {
		delete(spec.Maps, bpf.RawTPMapMatcher)
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: replace, Cache: k.btf})
	if err != nil {
		return nil, err
	}
	defer coll.Close()
	return coll.DetachProgram(name), nil
}

func (k *Kernel) setConstants(spec *ebpf.CollectionSpec, p plan.Point) error {
	enabled := func(off bool) uint32 {
		if off {
			return 0
		}
		return 1
	}
	constants := map[string]uint32{
		bpf.FentryVarI386Registers:   enabled(!p.I386),
		bpf.RawTPVarLabelBinary:      enabled(k.opts.NoBinary),
		bpf.RawTPVarLabelCgroup:      enabled(k.opts.NoCgroup),
		bpf.RawTPVarSeriesPerCgroup:  k.seriesPerCgroup(),
		bpf.RawTPVarCgroupController: k.cgroups.controller,
		bpf.FentryVarParameters:      uint32(p.Parameters),
	}
	for name, value := range constants {
		if v, ok := spec.Variables[name]; ok {
			if err := v.Set(value); err != nil {
				return fmt.Errorf("constant %s: %w", name, err)
			}
		}
	}
	if seed, ok := spec.Variables[bpf.RawTPVarTaskSeed]; ok {
		if err := seed.Set(k.seed); err != nil {
			return fmt.Errorf("constant %s: %w", bpf.RawTPVarTaskSeed, err)
		}
	}
	return nil
}

// seriesPerCgroup is how many series of the map, as large as it is, one cgroup
// may have.
func (k *Kernel) seriesPerCgroup() uint32 {
	size := k.maps.byName[bpf.RawTPMapSeries].MaxEntries()
	switch {
	case k.opts.NoCgroup:
		return size // all series are of no cgroup
	case k.opts.MaxSeriesPerCgroup != 0:
		return k.opts.MaxSeriesPerCgroup
	default:
		return max(size/2, 1)
	}
}

// splice replaces the function evaluate by body and leaves out the functions
// that nothing calls any more, which the verifier would refuse.
func splice(program, body asm.Instructions) (asm.Instructions, error) {
	functions, order := split(program)
	stub := functions[bpf.EvaluateSymbol]
	if len(stub) == 0 || len(body) == 0 {
		return nil, errors.New("program has no function to replace")
	}
	// The symbol and the types of the function are metadata of its first
	// instruction, where a call would have the name of its target.
	if body[0].Reference() != "" {
		return nil, errors.New("function to splice begins with a reference")
	}
	body = append(asm.Instructions(nil), body...)
	body[0].Metadata = stub[0].Metadata
	functions[bpf.EvaluateSymbol] = body

	live := map[string]bool{}
	mark(order[0], functions, live)
	var out asm.Instructions
	for _, name := range order {
		if live[name] {
			out = append(out, functions[name]...)
		}
	}
	return out, nil
}

// split cuts a program into its functions; only functions carry symbols.
func split(program asm.Instructions) (functions map[string]asm.Instructions, order []string) {
	functions = map[string]asm.Instructions{}
	start := 0
	for i := 1; i <= len(program); i++ {
		if i < len(program) && program[i].Symbol() == "" {
			continue
		}
		name := program[start].Symbol()
		functions[name] = program[start:i]
		order = append(order, name)
		start = i
	}
	return functions, order
}

func mark(name string, functions map[string]asm.Instructions, live map[string]bool) {
	if live[name] {
		return
	}
	live[name] = true
	for _, ins := range functions[name] {
		if ins.IsFunctionCall() {
			mark(ins.Reference(), functions, live)
		}
	}
}
