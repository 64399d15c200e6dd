// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// expression is the condition that an expression over integers is not 0.
type expression struct {
	root *policy.Expr
	args []Arg
	cost rank
}

// spillMax bounds the stack that one expression uses, in words.
const spillMax = 8

// expression makes the condition of a filter with CelExpr.
func (b builder) expression(f policy.ArgFilter) (condition, error) {
	e := expression{root: f.Expr, args: b.rule.Args, cost: rankRegister}
	if f.Expr == nil {
		return nil, fmt.Errorf("%v: no expression", f.Pos)
	}
	if err := e.check(f.Expr); err != nil {
		return nil, err
	}
	if need(f.Expr) > len(registers())+spillMax {
		return nil, fmt.Errorf("%v: the expression is nested too deep: %w", f.Pos, ErrUnsupported)
	}
	return e, nil
}

// check finds what cannot be compiled, and what the arguments cost.
func (e *expression) check(x *policy.Expr) error {
	if x.Op == "arg" {
		arg, err := declared(e.args, x.Arg, x.Pos, "arg")
		if err != nil {
			return err
		}
		if arg.Type.Class() != policy.IntegerClass {
			return fmt.Errorf("%v: arg %d (%s) in an expression: %w", x.Pos, x.Arg, arg.Type, ErrUnsupported)
		}
		e.cost = max(e.cost, arg.rank())
	}
	if n, ok := operands(x.Op); !ok || n != len(x.Args) {
		return fmt.Errorf("%v: %s with %d operands: %w", x.Pos, x.Op, len(x.Args), ErrUnsupported)
	}
	for _, arg := range x.Args {
		if err := e.check(arg); err != nil {
			return err
		}
	}
	return nil
}

// operands is how many operands an operator has.
func operands(op string) (n int, ok bool) {
	switch op {
	case "arg", "const":
		return 0, true
	case "!", "~":
		return 1, true
	case "+", "-", "&", "|", "^", "&&", "||", "==", "!=", "<", "<=", ">", ">=":
		return 2, true
	}
	return 1, policy.Type(op).Class() == policy.IntegerClass // a conversion
}

func (e expression) rank() rank     { return e.cost }
func (e expression) String() string { return show(e.root) }

func (e expression) compile(c *code, failed label) {
	pass := c.label()
	e.branch(c, e.root, 0, pass, failed)
	c.place(pass)
}

// registers are those which survive the calls that load arguments.
func registers() []asm.Register { return []asm.Register{value, second, third} }

// need is how many words are in use at once while an expression is evaluated.
func need(x *policy.Expr) int {
	switch {
	case len(x.Args) == 0:
		return 1
	case len(x.Args) == 1:
		return need(x.Args[0])
	case x.Op == "&&" || x.Op == "||":
		return max(need(x.Args[0]), need(x.Args[1]))
	}
	left, right := need(x.Args[0]), need(x.Args[1])
	if left == right {
		return left + 1
	}
	return max(left, right)
}

// branch jumps to yes if the expression is not 0, else to no. The words before
// depth are in use.
func (e expression) branch(c *code, x *policy.Expr, depth int, yes, no label) {
	switch x.Op {
	case "&&":
		both := c.label()
		e.branch(c, x.Args[0], depth, both, no)
		c.place(both)
		e.branch(c, x.Args[1], depth, yes, no)
	case "||":
		neither := c.label()
		e.branch(c, x.Args[0], depth, yes, neither)
		c.place(neither)
		e.branch(c, x.Args[1], depth, yes, no)
	case "!":
		e.branch(c, x.Args[0], depth, no, yes)
	case "==", "!=", "<", "<=", ">", ">=":
		jump := jumpFor(x.Op, x.Args[0].Type.Signed)
		if right := x.Args[1]; right.Op == "const" {
			left := operand{register: e.evaluate(c, x.Args[0], depth)}
			c.jumpIf(jump, left, truncated(right.Value, right.Type), yes)
		} else {
			left, right := e.pair(c, x, depth)
			c.jumpIfPair(jump, left, right, yes)
		}
		c.jump(no)
	default:
		c.jumpIf(asm.JNE, operand{register: e.evaluate(c, x, depth)}, 0, yes)
		c.jump(no)
	}
}

// jumpFor is the jump for a comparison.
func jumpFor(op string, signed bool) asm.JumpOp {
	jumps := order{signed: signed}.jumps()
	return map[string]asm.JumpOp{
		"==": asm.JEq, "!=": asm.JNE, "<": jumps.below, "<=": jumps.atMost, ">": jumps.above, ">=": jumps.atLeast,
	}[op]
}

// place is the register of the word at a depth. Words that have none are kept
// on the stack while another is in the last register.
func (e expression) place(depth int) asm.Register {
	return registers()[min(depth, len(registers())-1)]
}

// pair evaluates both operands, first the one which needs more words. The one
// in left is in the register of the depth.
func (e expression) pair(c *code, x *policy.Expr, depth int) (left, right asm.Register) {
	a, b := x.Args[0], x.Args[1]
	swapped := need(b) > need(a)
	if swapped {
		a, b = b, a
	}
	first := e.evaluate(c, a, depth)
	other := e.place(depth + 1)
	if other == first {
		slot := int16(expressionSlot - 8*(depth+1-len(registers())))
		c.emit(asm.StoreMem(asm.R10, slot, first, asm.DWord))
		e.evaluate(c, b, depth+1)
		c.emit(asm.Mov.Reg(asm.R1, other), asm.LoadMem(first, asm.R10, slot, asm.DWord))
		other = asm.R1
	} else {
		e.evaluate(c, b, depth+1)
	}
	if swapped {
		return other, first
	}
	return first, other
}

// evaluate puts the value, extended to 64 bits as its type demands, into the
// register of the depth.
func (e expression) evaluate(c *code, x *policy.Expr, depth int) asm.Register {
	dst := e.place(depth)
	switch x.Op {
	case "arg":
		arg := e.args[x.Arg]
		typ, _ := arg.Type.Integer()
		extend(c, dst, typ, arg.loadLow(c, dst, typ.Bits))
		if typ == x.Type {
			return dst
		}
	case "const":
		c.constant(dst, truncated(x.Value, x.Type))
		return dst
	case "+", "-", "&", "|", "^":
		e.arithmetic(c, x, depth)
	case "~":
		e.evaluate(c, x.Args[0], depth)
		c.emit(asm.Xor.Imm(dst, -1))
	case "!", "&&", "||", "==", "!=", "<", "<=", ">", ">=":
		e.truth(c, x, depth)
		return dst
	default:
		e.evaluate(c, x.Args[0], depth)
	}
	extend(c, dst, x.Type, 64)
	return dst
}

// truncated is what extend makes of a number.
func truncated(v uint64, typ policy.Integer) uint64 {
	shift := 64 - typ.Bits
	if typ.Signed {
		return uint64(int64(v<<shift) >> shift)
	}
	return v << shift >> shift
}

// truth is evaluate for what is 0 or 1.
func (e expression) truth(c *code, x *policy.Expr, depth int) {
	yes, no, end := c.label(), c.label(), c.label()
	e.branch(c, x, depth, yes, no)
	c.place(yes)
	c.emit(asm.Mov.Imm(e.place(depth), 1))
	c.jump(end)
	c.place(no)
	c.emit(asm.Mov.Imm(e.place(depth), 0))
	c.place(end)
}

// arithmetic is evaluate for operators whose result may need extending.
func (e expression) arithmetic(c *code, x *policy.Expr, depth int) {
	dst := e.place(depth)
	left, right := e.pair(c, x, depth)
	op := map[string]asm.ALUOp{"+": asm.Add, "-": asm.Sub, "&": asm.And, "|": asm.Or, "^": asm.Xor}[x.Op]
	if left != dst && op != asm.Sub {
		left, right = right, left
	}
	c.emit(op.Reg(left, right))
	if left != dst {
		c.emit(asm.Mov.Reg(dst, left))
	}
}
