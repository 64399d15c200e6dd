// SPDX-License-Identifier: Apache-2.0

package match

import (
	"cmp"
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// order is how integers of a type compare, and which there are.
type order struct {
	signed bool
	domain policy.Range
}

func orderOf(typ policy.Integer) order {
	highest := ^uint64(0) >> (64 - typ.Bits)
	if !typ.Signed {
		return order{domain: policy.Range{Max: highest}}
	}
	highest >>= 1
	return order{signed: true, domain: policy.Range{Min: ^highest, Max: highest}}
}

// unsigned is the order of n-bit words.
func unsigned(bits int) order { return orderOf(policy.Integer{Bits: bits}) }

// key maps a value so that unsigned comparison of keys is the order.
func (o order) key(v uint64) uint64 {
	if o.signed {
		return v ^ 1<<63
	}
	return v
}

func (o order) less(a, b uint64) bool { return o.key(a) < o.key(b) }

// set is a set of integers: ascending ranges that neither overlap nor touch.
type set []policy.Range

// union makes a set of what is in the ranges and in the domain.
func (o order) union(ranges []policy.Range) set {
	var sorted []policy.Range
	for _, r := range ranges {
		if o.less(r.Min, o.domain.Min) {
			r.Min = o.domain.Min
		}
		if o.less(o.domain.Max, r.Max) {
			r.Max = o.domain.Max
		}
		if !o.less(r.Max, r.Min) {
			sorted = append(sorted, r)
		}
	}
	slices.SortFunc(sorted, func(a, b policy.Range) int { return cmp.Compare(o.key(a.Min), o.key(b.Min)) })
	var s set
	for _, r := range sorted {
		last := len(s) - 1
		if last >= 0 && (!o.less(s[last].Max, r.Min) || s[last].Max+1 == r.Min) {
			if o.less(s[last].Max, r.Max) {
				s[last].Max = r.Max
			}
			continue
		}
		s = append(s, r)
	}
	return s
}

func (o order) contains(s set, v uint64) bool {
	return slices.ContainsFunc(s, func(r policy.Range) bool { return !o.less(v, r.Min) && !o.less(r.Max, v) })
}

// linearMax is how many ranges are compared one after another; more become a
// tree.
const linearMax = 8

// segment is a range of values and where to go on with them.
type segment struct {
	policy.Range
	target label
}

// search is code that finds the segment a value is in.
type search struct {
	operand
	order
	miss label // for values that are in none
}

// among looks in ascending segments that do not overlap.
func (s search) among(c *code, segments []segment) {
	s.within(c, segments, s.domain)
}

// in looks in a set.
func (s search) in(c *code, members set, hit label) {
	var segments []segment
	for _, r := range members {
		segments = append(segments, segment{r, hit})
	}
	s.among(c, segments)
}

// within is among for values that are known to be in a range.
func (s search) within(c *code, segments []segment, known policy.Range) {
	if len(segments) <= linearMax {
		s.linear(c, segments, known)
		return
	}
	middle := len(segments) / 2
	first := segments[middle].Min
	right := c.label()
	c.jumpIf(s.jumps().atLeast, s.operand, first, right)
	s.within(c, segments[:middle], policy.Range{Min: known.Min, Max: first - 1})
	c.place(right)
	s.within(c, segments[middle:], policy.Range{Min: first, Max: known.Max})
}

func (s search) linear(c *code, segments []segment, known policy.Range) {
	for _, r := range segments {
		if r.Min == r.Max && known.Min != known.Max {
			c.jumpIf(asm.JEq, s.operand, r.Min, r.target)
			continue
		}
		if s.less(known.Min, r.Min) {
			c.jumpIf(s.jumps().below, s.operand, r.Min, s.miss)
		}
		if !s.less(r.Max, known.Max) {
			c.jump(r.target)
			return
		}
		c.jumpIf(s.jumps().atMost, s.operand, r.Max, r.target)
		known.Min = r.Max + 1
	}
	c.jump(s.miss)
}

// orderJumps are the jumps that compare by an order.
type orderJumps struct{ below, atMost, above, atLeast asm.JumpOp }

func (o order) jumps() orderJumps {
	if o.signed {
		return orderJumps{asm.JSLT, asm.JSLE, asm.JSGT, asm.JSGE}
	}
	return orderJumps{asm.JLT, asm.JLE, asm.JGT, asm.JGE}
}
