// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parser reads an expression of CelExpr by the precedence of its operators and
// gives every node its type. After the first error everything it reads is
// meaningless.
type parser struct {
	d      *decoder
	v      value
	origin Pos  // of the first character
	exact  bool // whether every character is where it is in the text
	args   []Arg
	text   string
	token  token
	end    int // of the token
	nodes  int
	failed bool
}

// token is a piece of an expression.
type token struct {
	kind  tokenKind
	text  string
	begin int // offset in bytes
}

type tokenKind int

const (
	endToken tokenKind = iota
	nameToken
	numberToken
	symbolToken
)

// boolType is the type of comparisons and logical operators.
func boolType() Integer { return Integer{Bits: 1} }

// expression decodes an expression over the arguments of a hook.
func (d *decoder) expression(v value, args []Arg) *Expr {
	text, ok := d.textOK(v)
	if d.exprs++; d.exprs > MaxExprs {
		d.errorf(v, "more than %d expressions in the policy", MaxExprs)
		return nil
	}
	if !ok {
		return nil
	}
	p := &parser{d: d, v: v, text: text, args: args}
	p.locate()
	p.next()
	e := p.binary(0, 0).expr
	if p.token.kind != endToken {
		p.errorf(p.token.begin, "unexpected %s", quote(p.token.text))
	}
	if !p.failed && e.Type != boolType() {
		p.errorf(0, "expected a comparison, found a value of type %s", e.Type.name())
	}
	if p.failed {
		return nil
	}
	return e
}

// locate finds out where the expression is in the file: it can be in quotes, and
// with escapes or line breaks only its beginning is known.
func (p *parser) locate() {
	p.origin = p.d.pos(p.v)
	line := p.d.lineFrom(p.origin)
	if line != "" && (line[0] == '"' || line[0] == '\'') && strings.HasPrefix(line[1:], p.text) {
		p.origin.Column++
		p.exact = true
		return
	}
	p.exact = strings.HasPrefix(line, p.text)
}

// lineFrom returns the line of a position, from there on.
func (d *decoder) lineFrom(pos Pos) string {
	line, column := 1, 1
	for i := range d.data {
		if line == pos.Line && column == pos.Column {
			rest := string(d.data[i:])
			if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
				rest = rest[:n]
			}
			return rest
		}
		switch {
		case breaks(d.data, i):
			line, column = line+1, 1
		case i+1 == len(d.data) || utf8.RuneStart(d.data[i+1]):
			column++
		}
	}
	return ""
}

func (p *parser) pos(offset int) Pos {
	pos := p.origin
	if p.exact {
		pos.Column += utf8.RuneCountInString(p.text[:offset])
	}
	return pos
}

func (p *parser) errorf(offset int, format string, args ...any) {
	if !p.failed {
		pos := p.pos(offset)
		p.d.add(pos.Line, pos.Column, p.v.path, format, args...)
	}
	p.fail()
}

// fail ends the expression here.
func (p *parser) fail() {
	p.failed = true
	p.token = token{}
}

// next reads the next token.
func (p *parser) next() {
	if p.failed {
		return
	}
	begin := p.end
	for begin < len(p.text) && strings.IndexByte(" \t\r\n", p.text[begin]) >= 0 {
		begin++
	}
	rest := p.text[begin:]
	kind, n := symbolToken, 1
	switch {
	case rest == "":
		kind, n = endToken, 0
	case isAlphanumeric(rest[0]) || rest[0] == '_':
		kind = nameToken
		if rest[0] <= '9' {
			kind = numberToken
		}
		for n < len(rest) && (isAlphanumeric(rest[n]) || rest[n] == '_') {
			n++
		}
	case len(rest) > 1 && slices.Contains([]string{"&&", "||", "==", "!=", "<=", ">="}, rest[:2]):
		n = 2
	default:
		_, n = utf8.DecodeRuneInString(rest)
	}
	p.token = token{kind, rest[:n], begin}
	p.end = begin + n
}

// accept reads over a symbol if it is the next token.
func (p *parser) accept(symbol string) bool {
	if p.token.kind != symbolToken || p.token.text != symbol {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(symbol string) {
	if !p.accept(symbol) && !p.failed {
		p.errorf(p.token.begin, "expected %q, found %s", symbol, p.found())
	}
}

// found describes the current token.
func (p *parser) found() string {
	if p.token.kind == endToken {
		return "the end of the expression"
	}
	return quote(p.token.text)
}

// precedence of the operators with two sides; 0 is none of them.
func precedence(symbol string) int {
	switch symbol {
	case "||":
		return 1
	case "&&":
		return 2
	case "==", "!=", "<", "<=", ">", ">=":
		return 3
	case "+", "-":
		return 4
	}
	return 0
}

// binary reads operators that bind tighter than a precedence.
func (p *parser) binary(above, depth int) operand {
	left := p.unary(depth)
	for p.token.kind == symbolToken && !p.failed {
		symbol := p.token
		if precedence(symbol.text) <= above {
			break
		}
		p.next()
		right := p.binary(precedence(symbol.text), depth)
		left = p.apply(symbol, left, right)
	}
	return left
}

// unary reads an operand with the signs before it.
func (p *parser) unary(depth int) operand {
	begin := p.token
	switch {
	case depth > MaxExprDepth:
		p.errorf(begin.begin, "expression nested deeper than %d levels", MaxExprDepth)
		return p.nothing()
	case p.accept("!"):
		return p.apply(begin, p.unary(depth+1))
	case p.accept("-"):
		if p.token.kind == numberToken {
			return p.number(begin.begin, "-")
		}
		inner := p.unary(depth + 1)
		zero := operand{p.node(Expr{Pos: p.pos(begin.begin), Op: "const", Type: inner.expr.Type}), false}
		return p.apply(begin, zero, inner)
	case p.accept("("):
		inner := p.binary(0, depth+1)
		p.expect(")")
		return inner
	case begin.kind == numberToken:
		return p.number(begin.begin, "")
	case begin.kind == nameToken:
		p.next()
		if p.accept("(") {
			return p.function(begin, depth)
		}
		return p.name(begin)
	}
	p.errorf(begin.begin, "expected an argument, a number or a function, found %s", p.found())
	return p.nothing()
}

// function reads the arguments of a function: a conversion or an operator on
// bits.
func (p *parser) function(name token, depth int) operand {
	var operands []operand
	for {
		operands = append(operands, p.binary(0, depth+1))
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	want, symbol := 2, ""
	switch strings.TrimSuffix(name.text, "_") {
	case "and":
		symbol = "&"
	case "or":
		symbol = "|"
	case "xor":
		symbol = "^"
	case "not":
		want, symbol = 1, "~"
	default:
		want, symbol = 1, name.text
		if !slices.Contains(conversions(), symbol) {
			p.errorf(name.begin, "%s", p.d.unknown("function", name.text, slices.Concat(conversions(), []string{"and", "or", "xor", "not"})))
			return p.nothing()
		}
	}
	if len(operands) != want {
		p.errorf(name.begin, "function %s takes %d operands, found %d", name.text, want, len(operands))
		return p.nothing()
	}
	return p.apply(token{symbolToken, symbol, name.begin}, operands...)
}

// name reads an argument or a truth value.
func (p *parser) name(t token) operand {
	e := Expr{Pos: p.pos(t.begin), Op: "const", Type: boolType()}
	switch t.text {
	case "true":
		e.Value = 1
		return operand{p.node(e), false}
	case "false":
		return operand{p.node(e), false}
	}
	digits, ok := strings.CutPrefix(t.text, "arg")
	position, err := strconv.ParseUint(digits, 10, 8)
	if !ok || err != nil {
		p.errorf(t.begin, "unknown name %s, expected arg0, arg1 and so on, true or false", quote(t.text))
		return p.nothing()
	}
	if position >= uint64(len(p.args)) {
		p.errorf(t.begin, "%s is not among the %d args of the hook", t.text, len(p.args))
		return p.nothing()
	}
	e.Op, e.Arg = "arg", int(position)
	declared := p.args[position].Type
	if e.Type, ok = declared.Integer(); !ok {
		if declared != "" {
			p.errorf(t.begin, "%s has type %s: expected an integer type", t.text, declared)
		}
		p.fail()
		return p.nothing()
	}
	return operand{p.node(e), false}
}

// number reads an integer, signed unless a u is behind it.
func (p *parser) number(begin int, sign string) operand {
	digits, unsigned := strings.CutSuffix(p.token.text, "u")
	if !unsigned {
		digits, unsigned = strings.CutSuffix(p.token.text, "U")
	}
	e := Expr{Pos: p.pos(begin), Op: "const", Type: Integer{Bits: 64, Signed: !unsigned}}
	var problem string
	e.Value, problem = parseInteger(sign+digits, false, Type(e.Type.name()), e.Type)
	if !isNumber(digits) {
		problem = quote(p.token.text) + " is not an integer: expected decimal or 0x hexadecimal digits"
	}
	if problem != "" {
		p.errorf(begin, "%s", problem)
		return p.nothing()
	}
	p.next()
	return operand{p.node(e), true}
}

// isNumber says whether the language has the digits, which has no octal ones.
func isNumber(digits string) bool {
	allowed := "0123456789"
	if hexadecimal, ok := strings.CutPrefix(strings.ToLower(digits), "0x"); ok {
		digits, allowed = hexadecimal, allowed+"abcdef"
	} else if len(digits) > 1 && digits[0] == '0' {
		return false
	}
	return digits != "" && strings.Trim(digits, allowed) == ""
}

// node counts the nodes of the expression.
func (p *parser) node(e Expr) *Expr {
	if p.nodes++; p.nodes > MaxExprNodes {
		p.errorf(p.token.begin, "more than %d operands and operators in the expression", MaxExprNodes)
	}
	return &e
}

// nothing stands for what could not be read.
func (p *parser) nothing() operand {
	return operand{&Expr{}, false}
}

// name is the type as conversions are called.
func (i Integer) name() string {
	switch {
	case i == boolType():
		return "bool"
	case i.Signed:
		return fmt.Sprintf("int%d", i.Bits)
	}
	return fmt.Sprintf("uint%d", i.Bits)
}
