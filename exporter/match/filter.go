// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"math"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Registers that survive calls.
const (
	event = asm.R6 // struct event *
	value = asm.R7 // what is being compared
)

// Numbers shared with bpf/event.h, in the order of its enums.
func capabilitySets() []policy.CapabilitySet {
	return []policy.CapabilitySet{policy.Effective, policy.Inheritable, policy.Permitted}
}

func namespaces() []policy.Namespace {
	return []policy.Namespace{
		policy.Uts, policy.Ipc, policy.Mnt, policy.Pid, policy.PidForChildren,
		policy.Net, policy.Time, policy.TimeForChildren, policy.Cgroup, policy.User,
	}
}

func index[T comparable](list []T, v T) int32 {
	for i, e := range list {
		if e == v {
			return int32(i)
		}
	}
	return -1
}

// loadArg puts an argument into value, extended to 64 bits as its type demands.
// The upper half of a register that carries an int is whatever the caller left.
func loadArg(c *code, arg int, typ policy.Integer) {
	c.emit(asm.LoadMem(value, event, int16(8*arg), asm.DWord))
	if shift := int32(64 - typ.Bits); shift > 0 {
		right := asm.RSh
		if typ.Signed {
			right = asm.ArSh
		}
		c.emit(asm.LSh.Imm(value, shift), right.Imm(value, shift))
	}
}

// comparison is an operator with its right side.
type comparison struct {
	op     policy.Operator
	signed bool
	values []policy.Range
}

// compare jumps to failed unless value satisfies the comparison. The jumps of
// a positive operator go forward to pass, those of a negated one to failed.
func compare(c *code, cmp comparison, failed label) {
	if cmp.op.Negated() {
		for _, r := range cmp.values {
			cmp.jumpIf(c, r, failed)
		}
		return
	}
	pass := c.label()
	for _, r := range cmp.values {
		cmp.jumpIf(c, r, pass)
	}
	c.jump(failed)
	c.place(pass)
}

// jumpIf jumps to target when value hits r.
func (cmp comparison) jumpIf(c *code, r policy.Range, target label) {
	less, greater, atMost := asm.JLT, asm.JGT, asm.JLE
	if cmp.signed {
		less, greater, atMost = asm.JSLT, asm.JSGT, asm.JSLE
	}
	switch {
	case cmp.op == policy.GreaterThan:
		c.jumpIf(greater, r.Min, target)
	case cmp.op == policy.LessThan:
		c.jumpIf(less, r.Min, target)
	case cmp.op == policy.Mask:
		c.jumpIf(asm.JSet, r.Min, target)
	case r.Min == r.Max:
		c.jumpIf(asm.JEq, r.Min, target)
	default:
		below := c.label()
		c.jumpIf(less, r.Min, below)
		c.jumpIf(atMost, r.Max, target)
		c.place(below)
	}
}

// call calls a function of bpf/event.h and puts its result into value.
func call(c *code, function string, arg int32) {
	c.emit(
		asm.Mov.Reg(asm.R1, event),
		asm.Mov.Imm(asm.R2, arg),
		asm.Call.Label(function),
		asm.Mov.Reg(value, asm.R0),
	)
}

func compileCapabilities(c *code, f policy.CapabilityFilter, failed label) {
	call(c, "capabilities", index(capabilitySets(), f.Set))
	if f.Operator == policy.NotIn {
		c.jumpIf(asm.JSet, f.Mask, failed)
		return
	}
	pass := c.label()
	c.jumpIf(asm.JSet, f.Mask, pass)
	c.jump(failed)
	c.place(pass)
}

func compileNamespace(c *code, f policy.NamespaceFilter, in Input, failed label) error {
	var values []policy.Range
	for _, inode := range f.Inodes {
		values = append(values, policy.Range{Min: uint64(inode), Max: uint64(inode)})
	}
	if f.Host {
		inode, ok := in.HostNamespaces[f.Namespace]
		if !ok {
			return fmt.Errorf("%v: this kernel has no %s namespace", f.Pos, f.Namespace)
		}
		values = append(values, policy.Range{Min: uint64(inode), Max: uint64(inode)})
	}
	call(c, "namespace_inode", index(namespaces(), f.Namespace))
	compareSet(c, f.Operator, values, failed)
	return nil
}

func compileBinaries(c *code, f policy.BinaryFilter, in Input, failed label) error {
	var values []policy.Range
	for _, path := range f.Paths {
		id, ok := in.Binaries[path]
		if !ok {
			return fmt.Errorf("%v: binary %s has no id", f.Pos, path)
		}
		values = append(values, policy.Range{Min: uint64(id), Max: uint64(id)})
	}
	c.emit(
		asm.Mov.Reg(asm.R1, event),
		asm.Call.Label("binary"),
		asm.Mov.Reg(value, asm.R0),
		asm.LSh.Imm(value, 32),
		asm.RSh.Imm(value, 32),
	)
	compareSet(c, f.Operator, values, failed)
	return nil
}

// compareSet is In or NotIn over unsigned numbers.
func compareSet(c *code, op policy.Operator, values []policy.Range, failed label) {
	equal := policy.Equal
	if op == policy.NotIn {
		equal = policy.NotEqual
	}
	compare(c, comparison{op: equal, values: values}, failed)
}

func (g *Guard) compile(c *code, failed label) {
	c.emit(asm.LoadMem(value, event, int16(8*g.Arg), asm.DWord))
	if g.Dereference {
		c.emit(
			asm.Mov.Reg(asm.R1, event),
			asm.Mov.Reg(asm.R2, value),
			asm.Call.Label("user_word"),
			asm.Mov.Reg(value, asm.R0),
		)
	}
	pass := c.label()
	c.jumpIf(asm.JSet, g.Mask, pass)
	c.jump(failed)
	c.place(pass)
}

// immediate says whether v is what a sign extended 32-bit immediate becomes.
func immediate(v uint64) bool {
	return int64(v) >= math.MinInt32 && int64(v) <= math.MaxInt32
}
