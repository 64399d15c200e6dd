// SPDX-License-Identifier: Apache-2.0

// Package match compiles the selectors of the policies on one attach point
// into eBPF instructions: the body of the function evaluate of the objects in
// package bpf. It is pure. Package plan decides where arguments come from,
// package kernel splices the result and loads it.
//
// The code is straight: filters become compares and forward jumps with their
// constants inline, cheap filters before dear ones, so a hook with one integer
// comparison costs one comparison and the verifier of 5.10 sees nothing hard.
package match

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// ErrNoArgument is returned for a filter on an argument which the attach point
// does not offer.
var ErrNoArgument = errors.New("argument is not available at this attach point")

// Rule is what one policy wants of an event at the attach point.
type Rule struct {
	Slot      uint32   // where count puts it
	Args      []Source // of the declared arguments, in their order
	Types     []policy.Type
	Selectors []policy.Selector
}

// SourceKind says what a Source is.
type SourceKind int

// The kinds of Source. The zero value is an argument nobody offers.
const (
	None     SourceKind = iota
	Register            // argument Index of the attach point
	Constant            // always Value there
)

// Source is where an attach point has an argument.
type Source struct {
	Kind  SourceKind
	Index int
	Value uint64
}

// Guard is a condition of the attach point itself, for a tracepoint that sees
// more than the function it stands for: some bit of Mask is set in argument
// Arg, or in the word of user memory it points to.
type Guard struct {
	Arg         int
	Dereference bool
	Mask        uint64
}

// Input is everything Compile needs.
type Input struct {
	Guard *Guard
	Rules []Rule
	// Binaries gives the ids of all paths in matchBinaries filters.
	Binaries map[string]uint32
	// HostNamespaces gives the inode numbers which host_ns stands for.
	HostNamespaces map[policy.Namespace]uint32
}

// Compile returns the instructions of evaluate. They take the event in R1,
// call the functions of bpf/event.h and bpf/count.h by name, and return 0. The
// first instruction carries no symbol: the caller moves the one of the function
// it replaces. Compile returns ErrNoArgument, wrapped with the place of the
// filter.
func Compile(in Input) (asm.Instructions, error) {
	c := &code{}
	end := c.label()
	c.emit(asm.Mov.Reg(event, asm.R1))
	if in.Guard != nil {
		in.Guard.compile(c, end)
	}
	for _, rule := range in.Rules {
		if err := compileRule(c, rule, in); err != nil {
			return nil, err
		}
	}
	c.place(end)
	c.emit(asm.Mov.Imm(asm.R0, 0), asm.Return())
	return c.instructions()
}

// compileRule counts the event once if one of the rule's selectors matches.
func compileRule(c *code, rule Rule, in Input) error {
	matched, next := c.label(), c.label()
	for _, s := range rule.Selectors {
		failed := c.label()
		live, err := compileSelector(c, rule, s, in, failed)
		if err != nil {
			return err
		}
		if live {
			c.jump(matched)
		}
		c.place(failed)
	}
	if len(rule.Selectors) > 0 {
		c.jump(next)
	}
	c.place(matched)
	c.emit(
		asm.Mov.Reg(asm.R1, event),
		asm.Mov.Imm(asm.R2, int32(rule.Slot)),
		asm.Call.Label("count"),
	)
	c.place(next)
	return nil
}

// compileSelector jumps to failed unless all filters pass. It is not live when
// a constant already decided that it never passes.
func compileSelector(c *code, rule Rule, s policy.Selector, in Input, failed label) (live bool, err error) {
	for _, f := range s.Args {
		src, typ := rule.Args[f.Arg], rule.Types[f.Arg]
		integer, ok := typ.Integer()
		if !ok {
			return false, fmt.Errorf("%v: filter on an argument of type %s", f.Pos, typ)
		}
		switch src.Kind {
		case None:
			return false, fmt.Errorf("%v: argument %d: %w", f.Pos, f.Arg, ErrNoArgument)
		case Constant:
			if !Holds(f.Operator, f.Values, integer, src.Value) {
				return false, nil
			}
		case Register:
			loadArg(c, src.Index, integer)
			compare(c, comparison{f.Operator, integer.Signed, f.Values}, failed)
		}
	}
	for _, f := range s.Capabilities {
		compileCapabilities(c, f, failed)
	}
	for _, f := range s.Namespaces {
		if err := compileNamespace(c, f, in, failed); err != nil {
			return false, err
		}
	}
	for _, f := range s.Binaries {
		if err := compileBinaries(c, f, in, failed); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Holds says what a compiled argument filter decides for a value whose bits
// are already extended to 64 as its type demands.
func Holds(op policy.Operator, values []policy.Range, typ policy.Integer, v uint64) bool {
	less := func(a, b uint64) bool {
		if typ.Signed {
			return int64(a) < int64(b)
		}
		return a < b
	}
	hit := false
	for _, r := range values {
		switch op {
		case policy.GreaterThan:
			hit = hit || less(r.Min, v)
		case policy.LessThan:
			hit = hit || less(v, r.Min)
		case policy.Mask:
			hit = hit || v&r.Min != 0
		default:
			hit = hit || !less(v, r.Min) && !less(r.Max, v)
		}
	}
	return hit != op.Negated()
}
