// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// eventAddress is what R1 holds at the start; nothing else is memory.
const eventAddress = 0x7000_0000_0000

// machine executes what Compile emits, as the kernel would, and is as strict as
// its verifier: registers must be written before they are read, memory must be
// an argument of the event, jumps go forward to an instruction.
type machine struct {
	event    reference.Event
	binaries map[string]uint32
	userWord func(address uint64) uint64
	garbage  *rand.Rand
	counted  map[uint32]int

	registers [11]uint64
	written   [11]bool
}

// run fills counted. An error is one of the code, whatever the event.
func (m *machine) run(ins asm.Instructions) error {
	m.counted = map[uint32]int{}
	m.set(asm.R1, eventAddress)
	places := at(ins)
	for unit := 0; ; {
		i, ok := places[unit]
		if !ok {
			return fmt.Errorf("no instruction at %d", unit)
		}
		next := unit + int(ins[i].Size()/asm.InstructionSize)
		if ins[i].OpCode.JumpOp() == asm.Exit {
			if r0, err := m.get(asm.R0); r0 != 0 {
				return fmt.Errorf("returned %d", r0)
			} else if err != nil {
				return err
			}
			return nil
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

func (m *machine) set(r asm.Register, v uint64) {
	m.registers[r], m.written[r] = v, true
}

func (m *machine) get(r asm.Register) (uint64, error) {
	if !m.written[r] {
		return 0, fmt.Errorf("%v is read before it is written", r)
	}
	return m.registers[r], nil
}

// step executes all but exit and says whether to jump.
func (m *machine) step(ins asm.Instruction) (taken bool, err error) {
	op := ins.OpCode
	switch {
	case op.Class() == asm.JumpClass && op.JumpOp() == asm.Call:
		return false, m.call(ins.Reference())
	case op.Class() == asm.JumpClass && op.JumpOp() == asm.Ja:
		return true, nil
	case ins.IsConstantLoad(asm.DWord):
		m.set(ins.Dst, uint64(ins.Constant))
		return false, nil
	}
	source := uint64(ins.Constant)
	if op.Class() == asm.LdXClass || op.Source() == asm.RegSource {
		if source, err = m.get(ins.Src); err != nil {
			return false, err
		}
	}
	switch op.Class() {
	case asm.LdXClass:
		return false, m.load(ins, source)
	case asm.ALU64Class:
		return false, m.alu(ins, source)
	case asm.JumpClass:
		left, err := m.get(ins.Dst)
		if err != nil {
			return false, err
		}
		return compare(op.JumpOp(), left, source)
	}
	return false, fmt.Errorf("class %v is not expected", op.Class())
}

func (m *machine) load(ins asm.Instruction, address uint64) error {
	size := len(m.event.Args) * 8
	if address != eventAddress || ins.OpCode.Size() != asm.DWord || ins.Offset < 0 ||
		int(ins.Offset)+8 > size || ins.Offset%8 != 0 {
		return fmt.Errorf("%#x%+d is no argument of the event", address, ins.Offset)
	}
	m.set(ins.Dst, m.event.Args[ins.Offset/8])
	return nil
}

func (m *machine) alu(ins asm.Instruction, source uint64) error {
	if ins.OpCode.ALUOp() == asm.Mov {
		m.set(ins.Dst, source)
		return nil
	}
	v, err := m.get(ins.Dst)
	switch op := ins.OpCode.ALUOp(); {
	case err != nil:
		return err
	case source >= 64:
		return fmt.Errorf("shift by %d", source)
	case op == asm.LSh:
		m.set(ins.Dst, v<<source)
	case op == asm.RSh:
		m.set(ins.Dst, v>>source)
	case op == asm.ArSh:
		m.set(ins.Dst, uint64(int64(v)>>source))
	default:
		return fmt.Errorf("operation %v is not expected", op)
	}
	return nil
}

func compare(op asm.JumpOp, a, b uint64) (bool, error) {
	switch op {
	case asm.JEq:
		return a == b, nil
	case asm.JSet:
		return a&b != 0, nil
	case asm.JLT:
		return a < b, nil
	case asm.JGT:
		return a > b, nil
	case asm.JLE:
		return a <= b, nil
	case asm.JSLT:
		return int64(a) < int64(b), nil
	case asm.JSGT:
		return int64(a) > int64(b), nil
	case asm.JSLE:
		return int64(a) <= int64(b), nil
	}
	return false, fmt.Errorf("jump %v is not expected", op)
}

// call stands for the functions of bpf/event.h and bpf/count.h, and numbers
// what their enums do.
func (m *machine) call(function string) error {
	if first, _ := m.get(asm.R1); first != eventAddress {
		return fmt.Errorf("the first parameter of %s is not the event", function)
	}
	second, err := m.get(asm.R2)
	if err != nil && function != "binary" { // which has one parameter
		return err
	}
	result := uint64(0)
	switch function {
	case "count":
		m.counted[uint32(second)]++
	case "binary":
		// The upper half of a 32-bit result is not defined.
		result = uint64(m.binaries[m.event.Binary]) | m.garbage.Uint64()<<32
	case "capabilities":
		sets := []policy.CapabilitySet{policy.Effective, policy.Inheritable, policy.Permitted}
		result = m.event.Capabilities[sets[second]]
	case "namespace_inode":
		list := []policy.Namespace{
			policy.Uts, policy.Ipc, policy.Mnt, policy.Pid, policy.PidForChildren,
			policy.Net, policy.Time, policy.TimeForChildren, policy.Cgroup, policy.User,
		}
		result = uint64(m.event.Namespaces[list[second]])
	case "user_word":
		result = m.userWord(second)
	default:
		return fmt.Errorf("function %q does not exist", function)
	}
	for r := asm.R1; r <= asm.R5; r++ {
		m.written[r] = false // calls clobber them
	}
	m.set(asm.R0, result)
	return nil
}
