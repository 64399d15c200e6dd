// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cilium/ebpf/asm"
)

// machine executes what Compile emits, as the kernel would, and is as strict as
// its verifier: registers must be written before they are read, jumps go forward
// to an instruction, and memory is accessed where that is allowed, not only for
// this value but for every value that the tests before do not exclude.
type machine struct {
	world
	registers [11]word
	stack     map[int16]word
}

// run executes code for an event. An error is one of the code, whatever the
// event.
func (m *machine) run(ins asm.Instructions) error {
	m.registers, m.stack = [11]word{}, map[int16]word{}
	m.registers[asm.R1] = pointer(inEvent)
	m.registers[asm.R10] = pointer(inStack)
	units := unitsOf(ins)
	for unit := 0; ; {
		if unit >= len(units) || units[unit] < 0 {
			return fmt.Errorf("no instruction at %d", unit)
		}
		i := units[unit]
		next := unit + int(ins[i].Size()/asm.InstructionSize)
		if ins[i].OpCode.JumpOp() == asm.Exit {
			r0, err := m.get(asm.R0)
			if err == nil && (r0.kind != scalar || r0.value != 0) {
				err = fmt.Errorf("returned %v", r0)
			}
			return err
		}
		taken, err := m.step(ins[i])
		if err != nil {
			return fmt.Errorf("%v at %d: %w", ins[i], unit, err)
		}
		if taken && ins[i].Offset < 0 {
			return fmt.Errorf("%v at %d jumps back", ins[i], unit)
		}
		if unit = next; taken {
			unit += int(ins[i].Offset)
		}
	}
}

func (m *machine) get(r asm.Register) (word, error) {
	if m.registers[r].kind == nothing {
		return word{}, fmt.Errorf("%v is read before it is written", r)
	}
	return m.registers[r], nil
}

// step executes all but exit and says whether to jump.
func (m *machine) step(ins asm.Instruction) (taken bool, err error) {
	op := ins.OpCode
	switch {
	case op.JumpOp() == asm.Call:
		return false, m.call(ins.Reference())
	case op.JumpOp() == asm.Ja:
		return true, nil
	case ins.IsConstantLoad(asm.DWord):
		m.registers[ins.Dst] = known(uint64(ins.Constant))
		return false, nil
	}
	source := known(uint64(ins.Constant))
	class := op.Class()
	if class == asm.LdXClass || class == asm.StXClass || op.Source() == asm.RegSource {
		if source, err = m.get(ins.Src); err != nil {
			return false, err
		}
	}
	switch class {
	case asm.LdXClass:
		m.registers[ins.Dst], err = m.load(source, ins.Offset, ins.OpCode.Size().Sizeof())
		return false, err
	case asm.StXClass:
		return false, m.store(ins, source)
	case asm.ALU64Class:
		return false, m.alu(ins, source)
	case asm.JumpClass, asm.Jump32Class:
		return m.jump(ins, source)
	}
	return false, fmt.Errorf("class %v is not expected", class)
}

func (m *machine) alu(ins asm.Instruction, source word) (err error) {
	op := ins.OpCode.ALUOp()
	var dst word
	if op != asm.Mov {
		if dst, err = m.get(ins.Dst); err != nil {
			return err
		}
	}
	m.registers[ins.Dst], err = compute(op, dst, source)
	return err
}

// jump compares, and learns from it what a verifier does.
func (m *machine) jump(ins asm.Instruction, right word) (taken bool, err error) {
	left, err := m.get(ins.Dst)
	if err != nil {
		return false, err
	}
	op := ins.OpCode.JumpOp()
	narrow := ins.OpCode.Class() == asm.Jump32Class
	if left.kind != scalar {
		null := right.kind == scalar && right.value == 0 && (op == asm.JEq || op == asm.JNE) && !narrow
		if !null || ins.OpCode.Source() != asm.ImmSource {
			return false, fmt.Errorf("a pointer is compared with more than 0")
		}
		m.registers[ins.Dst].nullable = false
		return left.null == (op == asm.JEq), nil
	}
	a, b := left.value, right.value
	if narrow {
		a, b = uint64(uint32(a)), uint64(uint32(b))
	}
	if taken, err = compare(op, a, b, narrow); err != nil {
		return false, err
	}
	if !narrow || left.high <= math.MaxUint32 {
		m.registers[ins.Dst] = left.learn(op, b, taken)
	}
	return taken, nil
}

func compare(op asm.JumpOp, a, b uint64, narrow bool) (bool, error) {
	signed := func(v uint64) int64 {
		if narrow {
			return int64(int32(v))
		}
		return int64(v)
	}
	switch op {
	case asm.JEq:
		return a == b, nil
	case asm.JNE:
		return a != b, nil
	case asm.JSet:
		return a&b != 0, nil
	case asm.JLT:
		return a < b, nil
	case asm.JGT:
		return a > b, nil
	case asm.JLE:
		return a <= b, nil
	case asm.JGE:
		return a >= b, nil
	case asm.JSLT:
		return signed(a) < signed(b), nil
	case asm.JSGT:
		return signed(a) > signed(b), nil
	case asm.JSLE:
		return signed(a) <= signed(b), nil
	case asm.JSGE:
		return signed(a) >= signed(b), nil
	}
	return false, fmt.Errorf("jump %v is not expected", op)
}

// load reads memory that the pointer may reach wherever in its bounds it is.
func (m *machine) load(from word, offset int16, size int) (word, error) {
	if from.kind == inStack {
		w, ok := m.stack[offset]
		if !ok || size != 8 {
			return w, fmt.Errorf("%d bytes of the stack at %d were not written", size, offset)
		}
		return w, nil
	}
	if from.kind == scalar || from.nullable || from.null {
		return word{}, fmt.Errorf("%v is no address", from)
	}
	memory := m.memory(from.kind)
	low, high := int64(from.low)+int64(offset), int64(from.high)+int64(offset)+int64(size)
	if low < 0 || high > int64(len(memory)) {
		return word{}, fmt.Errorf("bytes %d to %d of %d are read", low, high, len(memory))
	}
	begin := int(from.value) + int(offset)
	if from.kind == inEvent && !m.readable(begin, size) {
		return word{}, fmt.Errorf("%d bytes of the event at %d have no value", size, begin)
	}
	value := uint64(0)
	for i := range size {
		value |= uint64(memory[begin+i]) << (8 * i)
	}
	return word{kind: scalar, value: value, high: math.MaxUint64 >> (64 - 8*size)}, nil
}

func (m *machine) store(ins asm.Instruction, source word) error {
	if to := m.registers[ins.Dst]; to.kind == inText {
		return m.storeNeedle(to, ins, source)
	}
	if m.registers[ins.Dst].kind != inStack || ins.OpCode.Size() != asm.DWord ||
		ins.Offset >= 0 || ins.Offset < -128 || ins.Offset%8 != 0 {
		return fmt.Errorf("a store beside the stack")
	}
	m.stack[ins.Offset] = source
	return nil
}

// storeNeedle writes a word of what is searched for.
func (m *machine) storeNeedle(to word, ins asm.Instruction, source word) error {
	if to.nullable || to.null || to.low != to.high || source.kind != scalar || ins.OpCode.Size() != asm.DWord {
		return fmt.Errorf("no word is stored, or not in a known place")
	}
	at := int(to.value) + int(ins.Offset)
	if at < textNeedle || at+8 > len(m.text) || at%8 != 0 {
		return fmt.Errorf("a word is stored at %d of a text", at)
	}
	binary.LittleEndian.PutUint64(m.text[at:], source.value)
	return nil
}
