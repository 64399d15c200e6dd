// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf/btf"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// site is a point while it is planned: it knows where the arguments of its
// event are.
type site struct {
	Point
	kernel Kernel
	// registers is how many arguments are in registers, types are theirs as far
	// as the kernel tells.
	registers int
	types     []btf.Type
	// returns is the type of what the function returns, if the kernel tells.
	returns btf.Type
	// machine says that the program's context is the registers of the machine.
	machine bool
	// format is the record of a tracepoint, whose fields are the arguments.
	format *Format
	// standIn is the tracepoint that serves for a function, whose arguments it
	// has.
	standIn *StandIn
	// probe has the arguments of a static probe.
	probe *Probe
}

// value is where an argument is, as what, and of which type the kernel says it
// is, if it does.
type value struct {
	arg match.Arg
	typ btf.Type
}

// value returns where the site has the declared argument.
func (s site) value(a policy.Arg) (value, error) {
	switch {
	case a.Source == policy.CurrentTask:
		return s.task(a)
	case s.standIn != nil:
		return s.standInValue(a)
	case s.format != nil:
		return s.format.value(s.Target, a)
	case s.probe != nil:
		return s.probeValue(a)
	case a.Index >= s.registers:
		return value{}, fmt.Errorf("%s has no argument %d, which %v declares", s.Target, a.Index, a.Pos)
	}
	v := value{arg: match.Arg{Source: register(a.Index), Type: a.Type}}
	if a.Index < len(s.types) {
		v.typ = s.types[a.Index]
	}
	return v, nil
}

func register(i int) match.Source {
	return match.Source{Kind: match.Register, Index: i}
}

// task returns the current task, from which resolve leads on.
func (s site) task(a policy.Arg) (value, error) {
	task, err := s.kernel.Type("task_struct", "")
	if err != nil {
		return value{}, fmt.Errorf("%v: %w", a.Pos, err)
	}
	return value{match.Arg{Source: match.Source{Kind: match.CurrentTask}, Type: a.Type}, &btf.Pointer{Target: task}}, nil
}

// arg returns the declared argument as package match wants it.
func (s site) arg(a policy.Arg) (match.Arg, error) {
	if a.Source == policy.PtRegs {
		source, err := s.machineRegister(a.Resolve[0])
		if err != nil {
			err = fmt.Errorf("%v: %w", a.Pos, err)
		}
		return match.Arg{Source: source, Type: a.Type}, err
	}
	v, err := s.value(a)
	if err != nil {
		return match.Arg{}, err
	}
	if a.SizeArg > 0 {
		size, err := s.value(policy.Arg{Pos: a.Pos, Index: a.SizeArg - 1, Type: "size_t"})
		if err != nil {
			return match.Arg{}, err
		}
		v.arg.Size = size.arg.Source
	}
	return s.resolved(v, a)
}

// returned returns what the function returns, where it does.
func (s site) returned(a policy.Arg) (match.Arg, error) {
	if a.SizeArg > 0 {
		return match.Arg{}, fmt.Errorf("%v: sizeArgIndex: arguments are not known where a function returns", a.Pos)
	}
	return s.resolved(value{match.Arg{Source: register(match.ReturnRegister), Type: a.Type}, s.returns}, a)
}

// resolved goes the declared way from a value.
func (s site) resolved(v value, a policy.Arg) (match.Arg, error) {
	var steps []match.Step
	if len(a.Resolve) > 0 {
		var err error
		if steps, err = s.resolve(v.typ, a); err != nil {
			return match.Arg{}, err
		}
	}
	if a.Type == policy.Syscall64 {
		steps = append(steps, match.Step{ABI: true})
	}
	v.arg.Steps = append(slices.Clip(v.arg.Steps), steps...)
	return v.arg, nil
}

// resolve returns the steps from a value of type typ, unless the policy knows
// better, to what the argument declares.
func (s site) resolve(typ btf.Type, a policy.Arg) ([]match.Step, error) {
	if a.BTFType != "" {
		root, err := s.kernel.Type(a.BTFType, a.BTFModule)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", a.Pos, err)
		}
		typ = &btf.Pointer{Target: root}
	}
	if typ == nil {
		return nil, fmt.Errorf("%v: the type that resolve begins with is not known: set btfType", a.Pos)
	}
	return resolve(typ, a)
}

// ruleAt returns a rule as it is evaluated at the site. It is an error if a
// filter needs what the site does not have; what no filter needs may be absent.
func (h *Hook) ruleAt(s site, r Rule) (match.Rule, error) {
	use := usesOf(r.Spec.Selectors)
	rule := match.Rule{Scope: r.Scope, Selectors: r.Spec.Selectors}
	list := func(args []policy.Arg, used map[int]policy.Pos) ([]match.Arg, error) {
		var out []match.Arg
		for i, a := range args {
			arg, err := s.arg(a)
			if err == nil && a.Source == "" && !h.reads(r.Spec) {
				err = fmt.Errorf("%v: the policy hooks %s in two ways with different arguments", a.Pos, h.Label)
			}
			if pos, ok := used[i]; ok && err != nil {
				return nil, fmt.Errorf("%v: %w", pos, err)
			}
			if err != nil {
				arg = match.Arg{Type: a.Type}
			}
			out = append(out, arg)
		}
		return out, nil
	}
	var err error
	if rule.Args, err = list(r.Spec.Args, use.args); err != nil {
		return rule, err
	}
	if rule.Data, err = list(r.Spec.Data, use.data); err != nil {
		return rule, err
	}
	if returned := r.Spec.ReturnArg; returned != nil {
		if rule.Return, err = s.returned(*returned); err != nil && len(use.returned) > 0 {
			return rule, err
		}
	}
	if s.standIn != nil {
		return s.restrict(rule)
	}
	return rule, nil
}

// reads says whether an entry reads arguments as the hook's programs do.
func (h *Hook) reads(spec policy.Hook) bool {
	switch h.Section {
	case policy.Kprobes:
		return spec.Syscall == h.Syscall || spec.Call == "" || isList(spec.Call)
	case policy.Tracepoints:
		return spec.Tracepoint.Raw == h.Raw
	}
	return true
}

// uses are the positions of the args and data that filters need, with the first
// filter that does.
type uses struct {
	args, data, returned map[int]policy.Pos
}

func usesOf(selectors []policy.Selector) uses {
	u := uses{map[int]policy.Pos{}, map[int]policy.Pos{}, map[int]policy.Pos{}}
	add := func(to map[int]policy.Pos, i int, pos policy.Pos) {
		if _, known := to[i]; !known {
			to[i] = pos
		}
	}
	for _, s := range selectors {
		for _, f := range s.Data {
			add(u.data, f.Arg, f.Pos)
		}
		for _, f := range s.Return {
			add(u.returned, f.Arg, f.Pos)
		}
		for _, f := range s.Args {
			switch f.Operator {
			case policy.CelExpr:
				for _, i := range argsOf(f.Expr) {
					add(u.args, i, f.Pos)
				}
			case policy.CapabilitiesGained:
				add(u.args, f.Second, f.Pos)
				fallthrough
			default:
				add(u.args, f.Arg, f.Pos)
			}
		}
	}
	return u
}

// argsOf returns the positions of the arguments in an expression.
func argsOf(e *policy.Expr) []int {
	if e == nil {
		return nil
	}
	if e.Op == "arg" {
		return []int{e.Arg}
	}
	var args []int
	for _, operand := range e.Args {
		args = append(args, argsOf(operand)...)
	}
	return args
}
