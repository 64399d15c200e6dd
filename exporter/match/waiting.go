// SPDX-License-Identifier: Apache-2.0

package match

import "github.com/cilium/ebpf/asm"

// What a rule remembers from the call of a function to its return is a word
// with a bit for each selector that waits.

// waitingMax is how many selectors of a rule one word has bits for.
const waitingMax = 64

// waitingKey is the key of what rule i remembers. A policy may have several
// rules with the same slot.
func waitingKey(rules []Rule, i int) int32 {
	others := 0
	for _, r := range rules[:i] {
		if r.Slot == rules[i].Slot {
			others++
		}
	}
	return int32(rules[i].Slot | uint32(others)<<24)
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
func keepWaiting(c *code, key int32) {
	c.call("remember", asm.Mov.Imm(asm.R2, key), asm.LoadMem(asm.R3, asm.R10, waitingSlot, asm.DWord))
}

// fetchWaiting gets the word back, and jumps if it is 0.
func fetchWaiting(c *code, key int32, zero label) {
	c.call("recall", asm.Mov.Imm(asm.R2, key))
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
