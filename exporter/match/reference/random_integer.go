// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"math/big"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Types returns the integer types of the format.
func Types() []policy.Type {
	return []policy.Type{
		"int", "sint8", "int8", "uint8", "sint16", "int16", "uint16", "uint32", "sint32", "int32",
		"ulong", "uint64", "size_t", "long", "sint64", "int64",
	}
}

// Operators returns the operators for integers.
func Operators() []policy.Operator {
	return []policy.Operator{
		policy.Equal, policy.NotEqual, policy.GreaterThan, policy.LessThan, policy.Mask,
		policy.InRange, policy.NotInRange, policy.InMap, policy.NotInMap,
	}
}

// register is a word such as functions get.
func (g generator) register() uint64 {
	switch g.rng.IntN(3) {
	case 0:
		return g.rng.Uint64N(16)
	case 1:
		return -g.rng.Uint64N(16)
	default:
		return g.rng.Uint64()
	}
}

// mask has few bits.
func (g generator) mask() uint64 { return g.rng.Uint64() & g.rng.Uint64() & g.rng.Uint64() }

func (g generator) integerFilter(t policy.Type, register uint64) policy.ArgFilter {
	f := policy.ArgFilter{Operator: pick(g, Operators()...)}
	count := 1 + g.rng.IntN(3)
	if g.chance(10) {
		count = 5 + g.rng.IntN(30) // enough for a tree
	}
	for range count {
		f.Values = append(f.Values, g.span(f.Operator, t, register))
	}
	if f.Operator.Positive() == policy.InMap && g.chance(50) {
		f.Lists = append(f.Lists, pick(g, "one", "two"))
	}
	return f
}

// span is a range for the operators that take one, else a number.
func (g generator) span(op policy.Operator, t policy.Type, register uint64) policy.Range {
	low := g.near(t, register)
	high := low
	switch op.Positive() {
	case policy.InRange, policy.InMap:
		high = g.near(t, register)
		if Number(t, low).Cmp(Number(t, high)) > 0 {
			low, high = high, low
		}
	}
	return policy.Range{Min: low, Max: high}
}

// near is a number of the type as policy.Range has it.
func (g generator) near(t policy.Type, register uint64) uint64 {
	n := register
	switch g.rng.IntN(5) {
	case 0:
		n = g.register()
	case 1:
		n = uint64(1) << pick(g, 7, 8, 15, 16, 31, 32, 63)
	case 2:
		n += g.rng.Uint64N(64) - 32
	}
	n += pick[uint64](g, 0, 0, 1, ^uint64(0))
	return Bits(Number(t, n))
}

// Bits is two's complement in 64 bits.
func Bits(n *big.Int) uint64 {
	if n.Sign() < 0 {
		return uint64(n.Int64())
	}
	return n.Uint64()
}

// expression draws a comparison of integer arguments, nil if there are none.
func (g generator) expression(args []policy.Arg) *policy.Expr {
	var positions []int
	for i, a := range args {
		if a.Type.Class() == policy.IntegerClass {
			positions = append(positions, i)
		}
	}
	if len(positions) == 0 {
		return nil
	}
	return x{g, args, positions}.logical(g.rng.IntN(4))
}

// x draws expressions of at most some depth.
type x struct {
	generator
	args      []policy.Arg
	positions []int // of the integers
}

func (x x) logical(depth int) *policy.Expr {
	boolean := policy.Integer{Bits: 1}
	if depth <= 0 || x.chance(40) {
		t, _ := pick(x.generator, Types()...).Integer()
		op := pick(x.generator, "==", "!=", "<", "<=", ">", ">=")
		return &policy.Expr{Op: op, Type: boolean, Args: []*policy.Expr{x.number(t, depth), x.number(t, depth)}}
	}
	left, right := x.logical(depth-1), x.logical(depth-1)
	op := pick(x.generator, "!", "&&", "||", "==", "!=")
	if op == "!" {
		return &policy.Expr{Op: op, Type: boolean, Args: []*policy.Expr{left}}
	}
	return &policy.Expr{Op: op, Type: boolean, Args: []*policy.Expr{left, right}}
}

func (x x) number(t policy.Integer, depth int) *policy.Expr {
	e := &policy.Expr{Op: "arg", Arg: pick(x.generator, x.positions...), Type: t}
	declared := x.args[e.Arg].Type
	switch {
	case x.chance(15):
		e.Op, e.Value = "const", Bits(wrap(new(big.Int).SetUint64(x.near("uint64", x.event.Args[x.args[e.Arg].Index])), t))
	case depth > -2 && x.chance(50):
		e.Op = pick(x.generator, "+", "-", "&", "|", "^", "~")
		e.Args = []*policy.Expr{x.number(t, depth-1)}
		if e.Op != "~" {
			e.Args = append(e.Args, x.number(t, depth-1))
		}
	default:
		if e.Type, _ = declared.Integer(); e.Type != t {
			return &policy.Expr{Op: conversion(t), Type: t, Args: []*policy.Expr{e}}
		}
	}
	return e
}

// conversion is the function that converts to a type.
func conversion(t policy.Integer) string {
	name := map[int]string{8: "int8", 16: "int16", 32: "int32", 64: "int64"}[t.Bits]
	if !t.Signed {
		name = "u" + name
	}
	return name
}
