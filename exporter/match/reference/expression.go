// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"math/big"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// evaluate computes an expression on mathematical integers, each of which is
// then brought into the range of its type.
func evaluate(x *policy.Expr, values []value) *big.Int {
	var n []*big.Int
	for _, arg := range x.Args {
		n = append(n, evaluate(arg, values))
	}
	switch x.Op {
	case "arg":
		v := values[x.Arg]
		return wrap(Number(v.Type, v.register), x.Type)
	case "const":
		return wrap(new(big.Int).SetUint64(x.Value), x.Type)
	case "!":
		return truth(n[0].Sign() == 0)
	case "~":
		return wrap(new(big.Int).Not(n[0]), x.Type)
	}
	if len(n) == 2 {
		return binary(x, n[0], n[1])
	}
	return wrap(n[0], x.Type) // a conversion
}

func binary(x *policy.Expr, a, b *big.Int) *big.Int {
	order := a.Cmp(b)
	switch x.Op {
	case "&&":
		return truth(a.Sign() != 0 && b.Sign() != 0)
	case "||":
		return truth(a.Sign() != 0 || b.Sign() != 0)
	case "==":
		return truth(order == 0)
	case "!=":
		return truth(order != 0)
	case "<":
		return truth(order < 0)
	case "<=":
		return truth(order <= 0)
	case ">":
		return truth(order > 0)
	case ">=":
		return truth(order >= 0)
	case "+":
		return wrap(new(big.Int).Add(a, b), x.Type)
	case "-":
		return wrap(new(big.Int).Sub(a, b), x.Type)
	case "&":
		return wrap(new(big.Int).And(a, b), x.Type)
	case "|":
		return wrap(new(big.Int).Or(a, b), x.Type)
	case "^":
		return wrap(new(big.Int).Xor(a, b), x.Type)
	}
	panic("operator " + x.Op + " does not exist")
}

func truth(b bool) *big.Int {
	if b {
		return big.NewInt(1)
	}
	return big.NewInt(0)
}

// wrap is the number of the type that differs from n by a multiple of its size.
func wrap(n *big.Int, t policy.Integer) *big.Int {
	size := new(big.Int).Lsh(big.NewInt(1), uint(t.Bits))
	m := new(big.Int).Mod(n, size)
	if t.Signed && m.Bit(t.Bits-1) == 1 {
		m.Sub(m, size)
	}
	return m
}
