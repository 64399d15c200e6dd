// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"math"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// gain is the condition that a set of capabilities has some that another one,
// before, has not.
type gain struct {
	filtered
	after Arg
	mask  uint64
	text  string
}

// gained makes the condition of a filter on two sets of capabilities.
func (b builder) gained(f filtered, args []Arg, kind string) (condition, error) {
	after, err := declared(args, f.Second, f.Pos, kind)
	if err != nil {
		return nil, err
	}
	if f.Operator != policy.CapabilitiesGained || after.Type.Class() != policy.CapabilityClass {
		return nil, f.refused()
	}
	mask := uint64(0)
	for _, r := range f.Values {
		mask |= r.Min
	}
	if len(f.Values) == 0 {
		mask = math.MaxUint64
	}
	text := fmt.Sprintf("%s (%s) gains over %s", nameOf(kind, f.Second), after.Type, f.name)
	if len(f.Values) > 0 {
		text += fmt.Sprintf(" one of %#x", mask)
	}
	return gain{f, after, mask, text}, nil
}

func (g gain) rank() rank     { return rankMemory }
func (g gain) String() string { return g.text }

func (g gain) compile(c *code, failed label) {
	loadCapabilities(c, g.arg)
	c.emit(asm.Mov.Reg(second, asm.R0), asm.Xor.Imm(second, -1))
	loadCapabilities(c, g.after)
	c.emit(asm.And.Reg(second, asm.R0))
	pass := c.label()
	c.jumpIfAny(operand{register: second}, g.mask, pass, failed)
	c.place(pass)
}

// loadCapabilities puts the set that a value points to into R0.
func loadCapabilities(c *code, arg Arg) {
	holder := int32(0) // the set itself
	if arg.Type == "cred" {
		holder = 1
	}
	c.call("capability_word", arg.parameter(c, asm.R2), asm.Mov.Imm(asm.R3, holder))
}
