// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Equivalent is a set of tracepoints that see the calls of a function on
// kernels where the function itself cannot be probed.
type Equivalent struct {
	Function string
	Points   []StandIn
	// Difference is what the tracepoints see otherwise than the function.
	Difference string
}

// StandIn is one tracepoint of an Equivalent.
type StandIn struct {
	Event string // group/name
	Guard *match.Guard
	// Args are the function's arguments, by their index.
	Args []Value
	// When are the conditions under which the event is one of the function.
	When []Condition
	// Lacks are the operators that would be answered wrongly here.
	Lacks []policy.Operator
	// Unset are the members of its structures that do not have their values yet.
	Unset []string
}

// Value is where a StandIn has an argument of the function; the zero Value is
// nowhere.
type Value struct {
	match.Source        // a Register of a system call, or a Constant
	Field        string // of the record
	Task         string // the way from the current task: "mm.exe_file"
	// Type is what the value is, if that is not what the function has.
	Type policy.Type
}

// Condition is a field of the record and what it has to be.
type Condition struct {
	Field string
	Equal uint64
}

// standIns returns the tracepoints which stand for the place's function. Where
// some exist those that do not are left out: architectures differ in their
// system calls.
func standIns(p Place, kernel Kernel) ([]site, error) {
	points, err := lookUp(p, kernel.Arch())
	if err != nil {
		return nil, err
	}
	parts := map[string]int{}
	var sites []site
	var missing []string
	for _, s := range points {
		format, err := kernel.Format(s.Event)
		if err != nil {
			missing = append(missing, s.Event)
			continue
		}
		sites = append(sites, site{
			Point: Point{
				Target: s.Event, Part: parts[s.Event], Guard: s.Guard,
				Syscall: strings.HasPrefix(s.Event, syscallEvents),
			},
			kernel: kernel, format: &format, standIn: &s,
		})
		parts[s.Event]++
	}
	if len(sites) == 0 {
		return nil, fmt.Errorf("this kernel has no tracepoint %s", strings.Join(missing, ", "))
	}
	return sites, nil
}

// lookUp knows only the native system calls: sys_enter tracepoints do not see
// those of other ABIs, such as __ia32_sys_execve and compat_sys_execve.
func lookUp(p Place, arch string) ([]StandIn, error) {
	if name, ok := strings.CutPrefix(p.Function, syscallPrefix(arch)+"sys_"); ok && p.Syscall {
		return []StandIn{syscallStandIn(name, nil, registers(argRegisters)...)}, nil
	}
	if p.Syscall && strings.HasPrefix(p.Function, i386Prefix) {
		return nil, fmt.Errorf("tracepoints of system calls leave out those of 32-bit programs, as %s", p.Function)
	}
	for _, e := range Equivalents() {
		if e.Function == p.function() {
			return e.Points, nil
		}
	}
	return nil, fmt.Errorf("no tracepoint is equivalent to %s", p.function())
}

const syscallEvents = "syscalls/sys_enter_"

func syscallStandIn(name string, guard *match.Guard, args ...Value) StandIn {
	return StandIn{Event: syscallEvents + name, Guard: guard, Args: args}
}

// registers are the first n arguments of a system call.
func registers(n int) []Value {
	var values []Value
	for i := range n {
		values = append(values, Value{Source: register(i)})
	}
	return values
}

// standInValue returns where the tracepoint has an argument of the function.
func (s site) standInValue(a policy.Arg) (value, error) {
	none := fmt.Errorf("%s does not have argument %d of the function, which %v declares", s.Target, a.Index, a.Pos)
	if a.Index >= len(s.standIn.Args) {
		return value{}, none
	}
	from := s.standIn.Args[a.Index]
	for _, member := range a.Resolve {
		if slices.Contains(s.standIn.Unset, member) {
			return value{}, fmt.Errorf("%v: %s is not set yet at %s", a.Pos, member, s.Target)
		}
	}
	typ := a.Type
	if from.Type != "" {
		if len(a.Resolve) > 0 {
			return value{}, fmt.Errorf("%s: what it has of argument %d is no structure to resolve", s.Target, a.Index)
		}
		typ = from.Type
	}
	switch {
	case from.Field != "":
		field, ok := s.format.named(from.Field)
		if !ok {
			return value{}, fmt.Errorf("%s has no field %s", s.Target, from.Field)
		}
		arg, err := field.arg(typ)
		return value{arg: arg}, err
	case from.Task != "":
		return s.taskMember(from.Task, typ)
	case from.Kind == match.None:
		return value{}, none
	}
	return value{arg: match.Arg{Source: from.Source, Type: typ}}, nil
}

// taskMember returns a pointer that the current task leads to.
func (s site) taskMember(way string, typ policy.Type) (value, error) {
	a := policy.Arg{Source: policy.CurrentTask, Type: typ, Resolve: strings.Split(way, ".")}
	arg, err := s.arg(a)
	return value{arg: arg}, err
}

// restrict adds the conditions of the tracepoint to every selector of a rule.
func (s site) restrict(rule match.Rule) (match.Rule, error) {
	for _, selector := range rule.Selectors {
		for _, f := range append(selector.Args[:len(selector.Args):len(selector.Args)], selector.Data...) {
			if slices.Contains(s.standIn.Lacks, f.Operator.Positive()) {
				return rule, fmt.Errorf("%v: %s is not known at %s", f.Pos, f.Operator, s.Target)
			}
		}
	}
	if len(s.standIn.When) == 0 {
		return rule, nil
	}
	var conditions []policy.ArgFilter
	for _, c := range s.standIn.When {
		field, ok := s.format.named(c.Field)
		if !ok {
			return rule, fmt.Errorf("%s has no field %s", s.Target, c.Field)
		}
		arg, err := field.arg("auto")
		if err != nil {
			return rule, err
		}
		conditions = append(conditions, policy.ArgFilter{
			Arg: len(rule.Args), Operator: policy.Equal, Values: []policy.Range{{Min: c.Equal, Max: c.Equal}},
		})
		rule.Args = append(rule.Args, arg)
	}
	selectors := rule.Selectors
	if len(selectors) == 0 {
		selectors = []policy.Selector{{}}
	}
	rule.Selectors = nil
	for _, selector := range selectors {
		selector.Args = append(slices.Clip(slices.Clone(conditions)), selector.Args...)
		rule.Selectors = append(rule.Selectors, selector)
	}
	return rule, nil
}

// typed is a value which is not of the function's type, but of one that serves
// the same filters.
func typed(source match.Source, typ policy.Type) Value {
	return Value{Source: source, Type: typ}
}

func constant(v uint64) Value {
	return Value{Source: match.Source{Kind: match.Constant, Value: v}}
}
