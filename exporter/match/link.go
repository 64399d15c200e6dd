// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
)

// nowhere is the target of an instruction that does not jump.
const nowhere = -1

// link resolves the jumps and leaves out what nothing reaches, which the
// verifier would refuse, and what does nothing.
func (c *code) link() (asm.Instructions, error) {
	targets, err := c.targets()
	if err != nil {
		return nil, err
	}
	live := c.reachable(targets)
	c.shorten(targets, live)
	out := newLayout(len(c.steps))
	for i, s := range c.steps {
		if err := out.place(i); err != nil {
			return nil, err
		}
		switch deep := len(c.steps) > deepMin; {
		case !live[i]:
		case deep && c.leaves(targets[i]):
			out.putOpposite(i, s.Instruction, targets[i])
		default:
			out.put(s.Instruction, targets[i])
		}
	}
	if out.unit > MaxInstructions {
		return nil, fmt.Errorf("%w: %d, at most %d are possible", ErrTooLong, out.unit, MaxInstructions)
	}
	return out.ins, nil
}

// deepMin is how long code has to be for what it does to the verifier to matter
// more than one instruction for each filter that fails. The verifier follows a
// jump that is not taken first, and keeps the other way in a stack of 8192
// (BPF_COMPLEXITY_LIMIT_JMP_SEQ) until it has seen everything behind the first.
// So in long code the straight way is the one to the next selector: little lies
// on it, and the others find the rest seen already.
const deepMin = 8192

// leaves says whether a target is the next selector or rule.
func (c *code) leaves(target int) bool {
	return target != nowhere && c.boundaries[target]
}

// targets finds where jumps go in the end, if they meet other jumps there.
func (c *code) targets() ([]int, error) {
	targets := make([]int, len(c.steps))
	for i := len(c.steps) - 1; i >= 0; i-- {
		targets[i] = nowhere
		to := c.steps[i].to
		if to == none {
			continue
		}
		place := c.places[to]
		if place <= i || place >= len(c.steps) {
			return nil, fmt.Errorf("label %d was not placed after the jump to it", to)
		}
		targets[i] = place
		if jumpOf(c.steps[place].Instruction) == asm.Ja {
			targets[i] = targets[place]
		}
	}
	return targets, nil
}

// reachable marks what runs. One pass suffices since jumps only go forward.
func (c *code) reachable(targets []int) []bool {
	live := make([]bool, len(c.steps)+1)
	live[0] = true
	for i, s := range c.steps {
		if !live[i] {
			continue
		}
		if targets[i] != nowhere {
			live[targets[i]] = true
		}
		if goesOn(s.Instruction) {
			live[i+1] = true
		}
	}
	return live
}

// shorten takes out jumps to the next instruction, and turns a jump over
// another one into its opposite. The other one is not missed: nothing jumps to
// an unconditional jump any more.
func (c *code) shorten(targets []int, live []bool) {
	next := len(c.steps) // the live instruction after i
	after := next        // and the one after that
	for i := len(c.steps) - 1; i >= 0; i-- {
		if !live[i] {
			continue
		}
		over := targets[i] != nowhere && targets[i] == after && jumpOf(c.steps[next].Instruction) == asm.Ja
		if opposite, ok := inverse(jumpOf(c.steps[i].Instruction)); over && ok {
			c.steps[i].OpCode = c.steps[i].OpCode.SetJumpOp(opposite)
			targets[i] = targets[next]
			live[next] = false
			next = after
		}
		if targets[i] == next {
			live[i] = false
			continue
		}
		next, after = i, next
	}
}

// jumpOf is the operation of a jump within the function, else InvalidJumpOp.
func jumpOf(ins asm.Instruction) asm.JumpOp {
	if op := ins.OpCode.JumpOp(); op != asm.Call && op != asm.Exit {
		return op
	}
	return asm.InvalidJumpOp
}

// goesOn says whether the next instruction may run after this one.
func goesOn(ins asm.Instruction) bool {
	op := ins.OpCode.JumpOp()
	return op != asm.Exit && op != asm.Ja
}

// inverse is the jump that is taken when op is not; JSet has none.
func inverse(op asm.JumpOp) (asm.JumpOp, bool) {
	pairs := [][2]asm.JumpOp{
		{asm.JEq, asm.JNE},
		{asm.JLT, asm.JGE},
		{asm.JGT, asm.JLE},
		{asm.JSLT, asm.JSGE},
		{asm.JSGT, asm.JSLE},
	}
	for _, p := range pairs {
		if op == p[0] {
			return p[1], true
		}
		if op == p[1] {
			return p[0], true
		}
	}
	return op, false
}
