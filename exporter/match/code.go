// SPDX-License-Identifier: Apache-2.0

package match

import (
	"math"

	"github.com/cilium/ebpf/asm"
)

// Registers that survive calls. The others are for what happens between two
// calls.
const (
	event  = asm.R6 // struct event *
	value  = asm.R7 // what is being compared
	second = asm.R8
	third  = asm.R9
)

// Places in the function's own stack.
const (
	waitingSlot    = -8  // bits of the selectors that wait for the return
	binarySlot     = -16 // an id to be kept over the reading of a text
	expressionSlot = -24 // and below: what an expression has no register for
)

// label is a place in code that jumps refer to before it is known.
type label int

// none is the label of an instruction that does not jump.
const none label = -1

// step is an instruction and where it jumps to.
type step struct {
	asm.Instruction
	to label
}

// code collects instructions. Jumps only go forward. Unlike package asm's
// symbols, several labels may name the same place.
type code struct {
	steps  []step
	places []int // label -> index of a step
	// boundaries are the steps at which selectors and rules begin.
	boundaries map[int]bool
}

func (c *code) emit(ins ...asm.Instruction) {
	for _, i := range ins {
		c.steps = append(c.steps, step{i, none})
	}
}

func (c *code) label() label {
	c.places = append(c.places, -1)
	return label(len(c.places) - 1)
}

// place makes l the next instruction.
func (c *code) place(l label) {
	c.places[l] = len(c.steps)
}

// boundary tells that a selector or rule begins.
func (c *code) boundary() {
	if c.boundaries == nil {
		c.boundaries = map[int]bool{}
	}
	c.boundaries[len(c.steps)] = true
}

func (c *code) jump(l label) {
	c.steps = append(c.steps, step{always(), l})
}

// always is a jump without a target yet.
func always() asm.Instruction {
	return asm.Instruction{OpCode: asm.Ja.Op(asm.ImmSource)}
}

// operand is a register of which 64 bits count, or only the lower 32.
type operand struct {
	register asm.Register
	narrow   bool
}

// jumpIf compares with a constant, through R1 if the constant is no immediate.
func (c *code) jumpIf(op asm.JumpOp, left operand, constant uint64, l label) {
	if !left.narrow && !immediate(constant) {
		c.emit(asm.LoadImm(asm.R1, int64(constant), asm.DWord))
		c.jumpIfPair(op, left.register, asm.R1, l)
		return
	}
	class := asm.JumpClass
	if left.narrow {
		class = asm.Jump32Class
	}
	c.steps = append(c.steps, step{asm.Instruction{
		OpCode: asm.OpCode(class).SetJumpOp(op).SetSource(asm.ImmSource), Dst: left.register, Constant: int64(int32(constant)),
	}, l})
}

// jumpIfPair compares two registers.
func (c *code) jumpIfPair(op asm.JumpOp, left, right asm.Register, l label) {
	c.steps = append(c.steps, step{asm.Instruction{OpCode: op.Op(asm.RegSource), Dst: left, Src: right}, l})
}

// jumpIfAny jumps to hit when one of the bits of mask is set, else to miss.
func (c *code) jumpIfAny(left operand, mask uint64, hit, miss label) {
	c.jumpIf(asm.JSet, left, mask, hit)
	c.jump(miss)
}

// call calls a function of bpf/evaluate.h after the instructions that give it
// its parameters from R2 on.
func (c *code) call(function string, parameters ...asm.Instruction) {
	c.emit(asm.Mov.Reg(asm.R1, event))
	c.emit(parameters...)
	c.emit(asm.Call.Label(function))
}

// add adds a constant, which needs R1 if it is no immediate.
func (c *code) add(register asm.Register, constant uint64) {
	switch {
	case constant == 0:
	case immediate(constant):
		c.emit(asm.Add.Imm(register, int32(constant)))
	default:
		c.emit(asm.LoadImm(asm.R1, int64(constant), asm.DWord), asm.Add.Reg(register, asm.R1))
	}
}

// constant puts a constant into a register.
func (c *code) constant(register asm.Register, constant uint64) {
	if immediate(constant) {
		c.emit(asm.Mov.Imm(register, int32(constant)))
	} else {
		c.emit(asm.LoadImm(register, int64(constant), asm.DWord))
	}
}

// immediate says whether v is what a sign extended 32-bit immediate becomes.
func immediate(v uint64) bool {
	return int64(v) >= math.MinInt32 && int64(v) <= math.MaxInt32
}
