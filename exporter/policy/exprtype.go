// SPDX-License-Identifier: Apache-2.0

package policy

// operand is a part of an expression. A free one is a number, which takes the
// type of the other side of an operator if it fits.
type operand struct {
	expr *Expr
	free bool
}

// conversions are the functions that change the type of a value.
func conversions() []string {
	return []string{"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
}

// apply makes an operator or function of its operands.
func (p *parser) apply(symbol token, operands ...operand) operand {
	if p.failed {
		return p.nothing()
	}
	logical, expected := false, "an integer"
	e := Expr{Pos: p.pos(symbol.begin), Op: symbol.text, Type: boolType()}
	switch symbol.text {
	case "!", "&&", "||":
		logical, expected = true, "a comparison"
	}
	equality := symbol.text == "==" || symbol.text == "!="
	for _, o := range operands {
		if t := o.expr.Type; !equality && logical != (t == boolType()) {
			p.errorf(symbol.begin, "%s needs %s, found a value of type %s", symbol.text, expected, t.name())
			return p.nothing()
		}
	}
	if len(operands) == 2 && !p.unify(symbol, &operands[0], &operands[1]) {
		return p.nothing()
	}
	switch symbol.text {
	case "+", "-", "&", "|", "^", "~":
		e.Type = operands[0].expr.Type
	default:
		if t, ok := Type(symbol.text).Integer(); ok {
			e.Type = t
		}
	}
	if e.Op == e.Type.name() && operands[0].expr.Op == "const" {
		constant := operands[0].expr
		constant.Value, constant.Type = e.Type.wrap(constant.Value), e.Type
		return operand{constant, false}
	}
	for _, o := range operands {
		e.Args = append(e.Args, o.expr)
	}
	return operand{p.node(e), false}
}

// unify gives both sides of an operator the same type.
func (p *parser) unify(symbol token, left, right *operand) bool {
	l, r := left.expr, right.expr
	switch {
	case l.Type == r.Type:
		return true
	case left.free && l.fits(r.Type):
		l.Type = r.Type
		return true
	case right.free && r.fits(l.Type):
		r.Type = l.Type
		return true
	case l.Type == boolType() || r.Type == boolType():
		p.errorf(symbol.begin, "the sides of %s have types %s and %s", symbol.text, l.Type.name(), r.Type.name())
		return false
	case left.free != right.free:
		number, other := l, r
		if right.free {
			number, other = r, l
		}
		p.errorf(symbol.begin, "the number at one side of %s does not fit into type %s of the other: it has type %s",
			symbol.text, other.Type.name(), number.Type.name())
		return false
	}
	p.errorf(symbol.begin, "the sides of %s have types %s and %s: convert one, for example %s(...)",
		symbol.text, l.Type.name(), r.Type.name(), r.Type.name())
	return false
}

// fits says whether a number has the same value in another integer type.
func (e *Expr) fits(t Integer) bool {
	if t == boolType() {
		return false
	}
	negative := e.Type.Signed && int64(e.Value) < 0
	return t.wrap(e.Value) == e.Value && negative == (t.Signed && int64(e.Value) < 0)
}

// wrap cuts a value to the bits of the type and extends its sign.
func (i Integer) wrap(value uint64) uint64 {
	shift := 64 - i.Bits
	if i.Signed {
		return uint64(int64(value<<shift) >> shift)
	}
	return value << shift >> shift
}
