// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"math/rand/v2"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// registers is how many arguments an event has.
const registers = 6

// Features are parts of the format that Random uses.
type Features uint

// The features, which can be combined.
const (
	Integers    Features = 1 << iota // arguments that registers have
	Caller                           // capabilities, namespaces, binaries by name
	Expressions                      // CelExpr
	Processes                        // process ids, parents, other operators on binaries
	Texts
	Files // their types
	Sockets
	Credentials
	Results    // what functions return
	Everything = 1<<iota - 1
)

// Random returns a hook with selectors, and an event. They are such that parsing
// a policy could have given them. Values are often those of the event, or next
// to them, or at the limits of their type, so that matches and misses are both
// common.
func Random(rng *rand.Rand, features Features) (policy.Hook, Event) {
	g := generator{rng, features, &Event{
		Objects: map[uint64]Object{},
		Lists:   map[string][]policy.Range{"one": {{Min: 3, Max: 3}, {Min: 5, Max: 7}}, "two": {{Min: 120, Max: 130}}},
	}}
	h := g.hook()
	g.caller()
	for range g.rng.IntN(4) {
		h.Selectors = append(h.Selectors, g.selector(h))
	}
	return h, *g.event
}

type generator struct {
	rng   *rand.Rand
	has   Features
	event *Event
}

func pick[T any](g generator, from ...T) T { return from[g.rng.IntN(len(from))] }

// chance is true n times in 100.
func (g generator) chance(n int) bool { return g.rng.IntN(100) < n }

// feature is chance for something that needs a feature.
func (g generator) feature(f Features, n int) bool { return g.has&f != 0 && g.chance(n) }

// hook declares arguments and gives the event their values.
func (g generator) hook() policy.Hook {
	var h policy.Hook
	for range registers {
		g.event.Args = append(g.event.Args, g.register())
	}
	for _, index := range g.rng.Perm(policy.MaxArgIndex + 1)[:1+g.rng.IntN(policy.MaxArgs)] {
		a := policy.Arg{Index: index, Type: g.argType()}
		g.event.Args[index] = g.represent(&a, g.event.Args[index])
		h.Args = append(h.Args, a)
	}
	if g.chance(20) {
		h.Data = append(h.Data, pick(g, h.Args...))
	}
	if g.has&Results != 0 {
		a := policy.Arg{Type: g.argType()}
		g.event.Return = g.represent(&a, g.register())
		a.SizeArg = 0
		h.ReturnArg = &a
	}
	return h
}

// argType prefers integers, which have the most operators.
func (g generator) argType() policy.Type {
	switch {
	case g.feature(Texts, 30):
		return pick(g, TextTypes()...)
	case g.feature(Files, 20):
		return pick(g, fileTypes()...)
	case g.feature(Sockets, 20):
		return pick(g, SocketTypes()...)
	case g.feature(Credentials, 15):
		return pick(g, "cred", "kernel_cap_t", "cap_permitted", "cap_effective", policy.Type("cap_inheritable"))
	}
	return pick(g, Types()...)
}

// represent gives what a register has for a value of the type. Objects have
// addresses that no random integer is near.
func (g generator) represent(a *policy.Arg, register uint64) uint64 {
	o := Object{Type: a.Type}
	switch a.Type.Class() {
	case policy.TextClass:
		o = g.textObject(a)
	case policy.SocketClass:
		o = g.socketObject(a.Type)
	case policy.CapabilityClass:
		o.Capabilities = g.mask()
	default:
		return register
	}
	address := 0xffff_8000_0000_0000 + uint64(len(g.event.Objects)+1)<<12
	g.event.Objects[address] = o
	return address
}

// selector draws filters on what the hook declares, and on the caller.
func (g generator) selector(h policy.Hook) policy.Selector {
	var s policy.Selector
	if g.feature(Results, 25) {
		s.Return = append(s.Return, g.filter([]policy.Arg{*h.ReturnArg}, g.event.Return))
	}
	for range g.rng.IntN(3) {
		position := g.rng.IntN(len(h.Args))
		f := g.filter(h.Args[position:position+1], g.event.Args[h.Args[position].Index])
		f.Arg = position
		if f.Operator == policy.CapabilitiesGained {
			f.Second = g.otherSet(h.Args)
		}
		s.Args = append(s.Args, f)
	}
	if len(h.Data) > 0 && g.chance(40) {
		s.Data = append(s.Data, g.filter(h.Data, g.event.Args[h.Data[0].Index]))
	}
	if g.feature(Expressions, 20) {
		if x := g.expression(h.Args); x != nil {
			s.Args = append(s.Args, policy.ArgFilter{Operator: policy.CelExpr, Expr: x})
		}
	}
	g.callerFilters(&s)
	return s
}

// filter draws a filter on the first of args, which has a value.
func (g generator) filter(args []policy.Arg, register uint64) policy.ArgFilter {
	o := g.event.Objects[register]
	switch args[0].Type.Class() {
	case policy.TextClass:
		return g.textFilter(args[0], o)
	case policy.SocketClass:
		return g.socketFilter(args[0].Type, o)
	case policy.CapabilityClass:
		f := policy.ArgFilter{Operator: policy.CapabilitiesGained}
		if g.chance(50) {
			mask := g.mask() | 1<<21
			f.Values = []policy.Range{{Min: mask, Max: mask}}
		}
		return f
	}
	return g.integerFilter(args[0].Type, register)
}

// otherSet is the position of a set of capabilities.
func (g generator) otherSet(args []policy.Arg) int {
	var positions []int
	for i, a := range args {
		if a.Type.Class() == policy.CapabilityClass {
			positions = append(positions, i)
		}
	}
	return pick(g, positions...)
}
