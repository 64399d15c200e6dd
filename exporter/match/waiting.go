// SPDX-License-Identifier: Apache-2.0

package match

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf/asm"
)

// What a rule remembers from the call of a function to its return is a word
// with a bit for each selector that waits.

// waitingMax is how many selectors of a rule one word has bits for.
const waitingMax = 64

// Waiting gives for each rule the key of what it remembers, 0 for one that
// remembers nothing. It is a hash of the rule's code in both halves: bits that
// another version of the rule has left mean nothing to this one, and those of
// the same rule of an earlier agent do. It returns the errors of Compile.
func Waiting(in Input) ([]uint64, error) {
	keys := make([]uint64, len(in.Rules))
	alike := map[uint64]uint64{} // a policy may have equal rules
	for i, rule := range in.Rules {
		if !NeedsReturn(rule.Selectors) {
			continue
		}
		c := &code{}
		for _, half := range []func(*code, builder) error{compileEntry, compileExit} {
			if err := half(c, builder{rule: rule, in: in}); err != nil {
				return nil, err
			}
		}
		hash := c.hash()
		keys[i] = hash + alike[hash]
		alike[hash]++
	}
	return keys, nil
}

// hash identifies what the code does.
func (c *code) hash() uint64 {
	sum := sha256.New()
	for _, s := range c.steps {
		target := nowhere
		if s.to != none {
			target = c.places[s.to]
		}
		fmt.Fprintln(sum, s.Instruction, target)
	}
	return binary.LittleEndian.Uint64(sum.Sum(nil))
}

// clearWaiting makes the word of waiting selectors 0, in a way that the verifier
// does not see through: knowing which bits are set on which way it would follow
// all combinations of them.
func clearWaiting(c *code) {
	c.call("current_task")
	c.emit(asm.Mov.Reg(value, asm.R0))
	c.call("current_task")
	c.emit(asm.Xor.Reg(value, asm.R0), asm.StoreMem(asm.R10, waitingSlot, value, asm.DWord))
}

// setWaiting sets a bit that is 0 in the word of waiting selectors. The verifier
// knows what or-ing does.
func setWaiting(c *code, selector int) {
	c.constant(asm.R1, 1<<selector)
	c.emit(
		asm.LoadMem(asm.R2, asm.R10, waitingSlot, asm.DWord),
		asm.Xor.Reg(asm.R2, asm.R1),
		asm.StoreMem(asm.R10, waitingSlot, asm.R2, asm.DWord),
	)
}

// keepWaiting remembers the word, also if it is 0: an earlier call whose return
// was missed may have left another one.
func keepWaiting(c *code, key uint64) {
	c.call("remember", asm.LoadImm(asm.R2, int64(key), asm.DWord), asm.LoadMem(asm.R3, asm.R10, waitingSlot, asm.DWord))
}

// fetchWaiting gets the word back, and jumps if it is 0.
func fetchWaiting(c *code, key uint64, zero label) {
	c.call("recall", asm.LoadImm(asm.R2, int64(key), asm.DWord))
	c.jumpIf(asm.JEq, operand{register: asm.R0}, 0, zero)
	c.emit(asm.StoreMem(asm.R10, waitingSlot, asm.R0, asm.DWord))
}

// waiting is the condition that a selector waits for the return.
type waiting int

func (w waiting) rank() rank     { return rankRegister }
func (w waiting) String() string { return "the call matched" }

func (w waiting) compile(c *code, failed label) {
	c.emit(asm.LoadMem(value, asm.R10, waitingSlot, asm.DWord))
	pass := c.label()
	c.jumpIfAny(operand{register: value}, 1<<w, pass, failed)
	c.place(pass)
}
