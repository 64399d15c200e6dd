// SPDX-License-Identifier: Apache-2.0

package match

import (
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf/asm"
)

// ErrTooLong is returned when a jump would be longer than eBPF can express.
var ErrTooLong = errors.New("selectors need more instructions than one jump can span")

// label is a place in code that jumps refer to before it is known.
type label int

// code collects instructions. Jumps only go forward. Unlike package asm's
// symbols, several labels may name the same place.
type code struct {
	ins    asm.Instructions
	jumps  map[int]label // instruction index -> target
	places []int         // label -> instruction index
}

func (c *code) emit(ins ...asm.Instruction) {
	c.ins = append(c.ins, ins...)
}

func (c *code) label() label {
	c.places = append(c.places, -1)
	return label(len(c.places) - 1)
}

// place makes l the next instruction.
func (c *code) place(l label) {
	c.places[l] = len(c.ins)
}

func (c *code) jump(l label) {
	c.jumpWith(asm.Ja.Label(""), l)
}

// jumpIf compares value with a constant, through R1 if the constant is no
// immediate.
func (c *code) jumpIf(op asm.JumpOp, constant uint64, l label) {
	if immediate(constant) {
		c.jumpWith(op.Imm(value, int32(constant), ""), l)
		return
	}
	c.emit(asm.LoadImm(asm.R1, int64(constant), asm.DWord))
	c.jumpWith(op.Reg(value, asm.R1, ""), l)
}

func (c *code) jumpWith(ins asm.Instruction, l label) {
	if c.jumps == nil {
		c.jumps = map[int]label{}
	}
	c.jumps[len(c.ins)] = l
	c.emit(ins)
}

// instructions resolves the jumps and leaves out what nothing reaches, which
// the verifier would refuse. An eBPF offset counts eight byte units from the
// next instruction, and a 64-bit load is two of them.
func (c *code) instructions() (asm.Instructions, error) {
	live, err := c.reachable()
	if err != nil {
		return nil, err
	}
	units := make([]int, len(c.ins)+1)
	for i, ins := range c.ins {
		units[i+1] = units[i]
		if live[i] {
			units[i+1] += int(ins.Size() / asm.InstructionSize)
		}
	}
	var out asm.Instructions
	for i, ins := range c.ins {
		if !live[i] {
			continue
		}
		if l, ok := c.jumps[i]; ok {
			offset := units[c.places[l]] - units[i+1]
			if offset > math.MaxInt16 {
				return nil, fmt.Errorf("%w: %d", ErrTooLong, offset)
			}
			ins.Offset = int16(offset)
		}
		out = append(out, ins)
	}
	return out, nil
}

// reachable marks what runs. One pass suffices since jumps only go forward.
func (c *code) reachable() ([]bool, error) {
	live := make([]bool, len(c.ins)+1)
	live[0] = true
	for i, ins := range c.ins {
		if !live[i] {
			continue
		}
		l, jumps := c.jumps[i]
		if jumps {
			if c.places[l] <= i {
				return nil, fmt.Errorf("label %d was not placed after the jump to it", l)
			}
			live[c.places[l]] = true
		}
		op := ins.OpCode.JumpOp()
		if op != asm.Exit && op != asm.Ja {
			live[i+1] = true
		}
	}
	return live, nil
}
