// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"slices"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// filtered is a filter on a declared value, with what it is about.
type filtered struct {
	policy.ArgFilter
	arg  Arg
	name string // "arg 0 (int)"
}

// errorf begins with the place of the filter.
func (f filtered) errorf(format string, args ...any) error {
	return fmt.Errorf("%v: "+format, append([]any{f.Pos}, args...)...)
}

// refused is the error for an operator that the value's type does not have.
func (f filtered) refused() error {
	return f.errorf("operator %s on an argument of type %s: %w", f.Operator, f.arg.Type, ErrUnsupported)
}

// returned is the kind of declared value of which there is one.
const returned = "return value"

// filter makes the condition of a filter on one of the declared values.
func (b builder) filter(f policy.ArgFilter, args []Arg, kind string) (condition, error) {
	if f.Operator == policy.CelExpr {
		return b.expression(f)
	}
	arg, err := declared(args, f.Arg, f.Pos, kind)
	if err != nil {
		return nil, err
	}
	it := filtered{f, arg, fmt.Sprintf("%s (%s)", nameOf(kind, f.Arg), arg.Type)}
	switch arg.Type.Class() {
	case policy.IntegerClass:
		return b.integer(it)
	case policy.TextClass:
		return b.text(it)
	case policy.SocketClass:
		return b.socket(it)
	case policy.CapabilityClass:
		return b.gained(it, args, kind)
	}
	return nil, it.refused()
}

// declared is the value at a position.
func declared(args []Arg, position int, pos policy.Pos, kind string) (Arg, error) {
	if position < 0 || position >= len(args) || args[position].Kind == None {
		return Arg{}, fmt.Errorf("%v: %s: %w", pos, nameOf(kind, position), ErrNoArgument)
	}
	return args[position], nil
}

// nameOf is what messages call a declared value.
func nameOf(kind string, position int) string {
	if kind == returned {
		return kind
	}
	return fmt.Sprintf("%s %d", kind, position)
}

// membership is the condition that a number is in a set, or is not.
type membership struct {
	order
	cost    rank
	text    string
	load    func(c *code) operand
	members set
	negated bool
}

func (m membership) rank() rank     { return m.cost }
func (m membership) String() string { return m.text }

func (m membership) compile(c *code, failed label) {
	pass := c.label()
	hit, miss := outcomes(m.negated, pass, failed)
	search{m.load(c), m.order, miss}.in(c, m.members, hit)
	c.place(pass)
}

// bits is the condition that one of some bits of a number is set.
type bits struct {
	cost rank
	text string
	load func(c *code) operand
	mask uint64
}

func (b bits) rank() rank     { return b.cost }
func (b bits) String() string { return b.text }

func (b bits) compile(c *code, failed label) {
	pass := c.label()
	c.jumpIfAny(b.load(c), b.mask, pass, failed)
	c.place(pass)
}

// integer makes the condition of a filter on an integer.
func (b builder) integer(f filtered) (condition, error) {
	typ, _ := f.arg.Type.Integer()
	o := orderOf(typ)
	ranges, err := b.ranges(f)
	if err != nil {
		return nil, err
	}
	members, ordered := o.satisfying(f.Operator, ranges)
	switch {
	case !ordered && f.Operator != policy.Mask:
		return nil, f.refused()
	case len(ranges) == 0:
		return nil, f.errorf("operator %s has no integers to compare with", f.Operator)
	}
	mask := uint64(0)
	for _, r := range ranges {
		mask |= r.Min
	}
	source, negated := f.arg.Source, f.Operator.Negated()
	text := f.name + " " + describe(f.Operator, o, f.Values, f.Lists)
	load := func(c *code) operand { return source.loadInteger(c, value, typ) }
	switch {
	case ordered && source.fixed():
		return decided{o.contains(members, source.Value) != negated, text}, nil
	case ordered:
		return membership{o, source.rank(), text, load, members, negated}, nil
	case source.fixed():
		return decided{source.Value&mask != 0, text}, nil
	}
	return bits{source.rank(), text, load, mask}, nil
}

// ranges are the values of a filter and those of the lists that it names.
func (b builder) ranges(f filtered) ([]policy.Range, error) {
	ranges := slices.Clone(f.Values)
	for _, name := range f.Lists {
		list, ok := b.in.Lists[name]
		if !ok {
			return nil, f.errorf("list %s is not known", name)
		}
		ranges = append(ranges, list...)
	}
	return ranges, nil
}

// satisfying are the numbers for which an operator, or what it negates, holds.
func (o order) satisfying(op policy.Operator, ranges []policy.Range) (members set, ok bool) {
	switch op.Positive() {
	case policy.Equal, policy.InRange, policy.InMap:
		return o.union(ranges), true
	case policy.GreaterThan:
		var above []policy.Range
		for _, r := range ranges {
			if o.less(r.Min, o.domain.Max) {
				above = append(above, policy.Range{Min: r.Min + 1, Max: o.domain.Max})
			}
		}
		return o.union(above), true
	case policy.LessThan:
		var below []policy.Range
		for _, r := range ranges {
			if o.less(o.domain.Min, r.Min) {
				below = append(below, policy.Range{Min: o.domain.Min, Max: r.Min - 1})
			}
		}
		return o.union(below), true
	}
	return nil, false
}
