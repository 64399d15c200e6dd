// SPDX-License-Identifier: Apache-2.0

package match

import (
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// fixed says whether the value is the same at every event.
func (s Source) fixed() bool { return s.Kind == Constant && len(s.Steps) == 0 }

// rank is what it costs to get the value.
func (s Source) rank() rank {
	if len(s.Steps) == 0 && (s.Kind == Register || s.Kind == Constant) {
		return rankRegister
	}
	return rankMemory
}

// load puts the value into a register that survives calls. What is above the
// bits of the value is its sign or zero, or as a Register without a size has it.
func (s Source) load(c *code, dst asm.Register) {
	offset := asm.Mov.Imm(asm.R2, int32(s.Offset))
	switch s.Kind {
	case Register:
		c.emit(s.word(dst))
	case Constant:
		c.constant(dst, s.Value)
	case Field:
		c.call("context_word", offset, asm.Mov.Imm(asm.R3, int32(s.Size)))
	case FieldAddress:
		c.call("context_address", offset)
	case FieldLocation:
		c.call("context_location", offset)
	case CurrentTask:
		c.call("current_task")
	}
	if s.Kind != Register && s.Kind != Constant {
		c.emit(asm.Mov.Reg(dst, asm.R0))
	}
	if s.Signed {
		signExtend(c, dst, s.Size)
	}
	for _, step := range s.Steps {
		c.add(dst, uint64(step.Offset))
		if step.Index != nil {
			step.Index.add(c, dst)
		}
		if step.Load != 0 {
			c.call("kernel_word", asm.Mov.Reg(asm.R2, dst), asm.Mov.Imm(asm.R3, int32(step.Load)))
			c.emit(asm.Mov.Reg(dst, asm.R0))
		}
		if step.Signed {
			signExtend(c, dst, step.Load)
		}
		if step.ABI {
			c.call("syscall_id", asm.Mov.Reg(asm.R2, dst))
			c.emit(asm.Mov.Reg(dst, asm.R0))
		}
	}
}

// add adds the index to a register.
func (i Index) add(c *code, to asm.Register) {
	c.call("context_word", asm.Mov.Imm(asm.R2, int32(i.Offset)), asm.Mov.Imm(asm.R3, 8))
	c.emit(asm.LSh.Imm(asm.R0, int32(i.Shift)), asm.Add.Reg(to, asm.R0))
}

// signExtend makes 64 bits of a number of so many bytes.
func signExtend(c *code, register asm.Register, size int) {
	if shift := int32(64 - 8*size); shift > 0 {
		c.emit(asm.LSh.Imm(register, shift), asm.ArSh.Imm(register, shift))
	}
}

// parameter is an instruction that puts the value into a register for a call,
// after others have fetched it if need be.
func (s Source) parameter(c *code, dst asm.Register) asm.Instruction {
	if s.Kind == Register && len(s.Steps) == 0 && !s.Signed {
		return s.word(dst)
	}
	s.load(c, value)
	return asm.Mov.Reg(dst, value)
}

// word is the instruction that loads the word of a Register.
func (s Source) word(dst asm.Register) asm.Instruction {
	return asm.LoadMem(dst, event, int16(8*s.Index), s.wordSize())
}

// wordSize is how much of a word of the event is the value.
func (s Source) wordSize() asm.Size {
	switch s.Size {
	case 1:
		return asm.Byte
	case 2:
		return asm.Half
	case 4:
		return asm.Word
	}
	return asm.DWord
}

// width is how many of the low bits of what load gives may be set.
func (s Source) width() int {
	size, signed := s.Size, s.Signed
	if n := len(s.Steps); n > 0 {
		size, signed = s.Steps[n-1].Load, s.Steps[n-1].Signed
	}
	if size == 0 || signed {
		return 64
	}
	return 8 * size
}

// loadLow is load for a value of so many bits, and says how many of the low
// bits may be set. A register that carries less than 64 bits has in the others
// whatever the caller left there.
func (s Source) loadLow(c *code, dst asm.Register, bits int) (width int) {
	s = s.low(bits)
	sizes := map[int]asm.Size{8: asm.Byte, 16: asm.Half, 32: asm.Word}
	whole := s.Size == 0 || 8*s.Size >= bits
	if size, ok := sizes[bits]; ok && s.Kind == Register && len(s.Steps) == 0 && whole {
		c.emit(asm.LoadMem(dst, event, int16(8*s.Index), size))
		return bits
	}
	s.load(c, dst)
	return s.width()
}

// low leaves out the sign where only so many bits of the value are wanted.
func (s Source) low(bits int) Source {
	if last := len(s.Steps) - 1; last >= 0 && 8*s.Steps[last].Load >= bits {
		s.Steps = slices.Clone(s.Steps)
		s.Steps[last].Signed = false
	} else if last < 0 && 8*s.Size >= bits {
		s.Signed = false
	}
	return s
}

// loadInteger puts an integer into dst so that it can be compared.
func (s Source) loadInteger(c *code, dst asm.Register, typ policy.Integer) operand {
	width := s.loadLow(c, dst, typ.Bits)
	if typ.Bits == 32 {
		return operand{dst, true}
	}
	extend(c, dst, typ, width)
	return operand{dst, false}
}

// extend makes 64 bits of a value of which so many low bits may be set.
func extend(c *code, register asm.Register, typ policy.Integer, width int) {
	shift := int32(64 - typ.Bits)
	switch {
	case shift == 0 || !typ.Signed && width <= typ.Bits:
	case typ.Signed:
		c.emit(asm.LSh.Imm(register, shift), asm.ArSh.Imm(register, shift))
	default:
		c.emit(asm.LSh.Imm(register, shift), asm.RSh.Imm(register, shift))
	}
}
