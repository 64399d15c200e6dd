// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// source draws a way to a value which a register has too: mostly that register.
func (h *hook) source(rng *rand.Rand, t policy.Type, index int, register uint64) match.Source {
	value, size := register, uint64(8)
	if integer, ok := t.Integer(); ok {
		value, size = extended(t, register), uint64(integer.Bits/8)
	}
	switch rng.IntN(10) {
	case 0:
		if index == match.ReturnRegister {
			break
		}
		return match.Source{Kind: match.Constant, Value: value}
	case 1:
		return h.field(rng, value, size)
	case 2, 3:
		return h.structure(rng, value, size)
	case 4:
		if size != 8 || index == match.ReturnRegister {
			break
		}
		return h.syscallID(value, index, register)
	}
	s := match.Source{Kind: match.Register, Index: index}
	if integer, ok := t.Integer(); ok && rng.IntN(2) == 0 {
		s.Size, s.Signed = int(size), integer.Signed
	}
	return s
}

// syscallID lets the value be what becomes of the number in a register.
func (h *hook) syscallID(value uint64, index int, number uint64) match.Source {
	h.world.words[request{"syscall_id", number, 0}] = value
	return match.Source{Kind: match.Register, Index: index, Steps: []match.Step{{ABI: true}}}
}

// extended is what the low bits mean as 64-bit two's complement.
func extended(t policy.Type, low uint64) uint64 {
	return reference.Bits(reference.Number(t, low))
}

// low is what memory of so many bytes has of a value.
func low(value, size uint64) uint64 { return value << (64 - 8*size) >> (64 - 8*size) }

// offset is one that no other step has.
func (h *hook) offset() uint32 { return uint32(len(h.world.words)) << 4 }

// narrow is how many bytes with or without a sign a value may be kept in.
func narrow(rng *rand.Rand, value, size uint64) (bytes uint64, signed bool) {
	for _, n := range []uint64{1, 2, 4} {
		if n < size && extended(policy.Type(fmt.Sprint("int", 8*n)), value) == value && rng.IntN(2) == 0 {
			return n, true
		}
	}
	// What the declared type does not have is cut off.
	return size, rng.IntN(4) == 0
}

// field puts a value into the record.
func (h *hook) field(rng *rand.Rand, value, size uint64) match.Source {
	offset := h.offset()
	size, signed := narrow(rng, value, size)
	h.world.words[request{"context_word", uint64(offset), size}] = low(value, size)
	return match.Source{Kind: match.Field, Offset: offset, Size: int(size), Signed: signed}
}

// structure puts a value into memory, one or two pointers from something that
// has an address, or gives the way to where it points.
func (h *hook) structure(rng *rand.Rand, value, size uint64) match.Source {
	s := match.Source{Offset: h.offset()}
	address := 0xffff_a000_0000_0000 + rng.Uint64N(1<<40)
	switch rng.IntN(4) {
	case 0:
		s.Kind, address = match.CurrentTask, currentTask
	case 1:
		s.Kind = match.FieldAddress
		h.world.words[request{"context_address", uint64(s.Offset), 0}] = address
	case 2:
		s.Kind = match.FieldLocation
		h.world.words[request{"context_location", uint64(s.Offset), 0}] = address
	case 3:
		s.Kind, s.Value = match.Constant, address
	}
	for rng.IntN(2) == 0 {
		next := 0xffff_b000_0000_0000 + rng.Uint64N(1<<40)
		address = h.step(rng, &s, address, next, 8)
	}
	if size == 8 && rng.IntN(4) == 0 { // the value is an address in something
		offset := rng.Uint32()
		h.step(rng, &s, address, value-uint64(offset), 8)
		s.Steps = append(s.Steps, match.Step{Offset: int64(offset)})
		return s
	}
	size, signed := narrow(rng, value, size)
	h.step(rng, &s, address, low(value, size), size)
	s.Steps[len(s.Steps)-1].Signed = signed
	return s
}

// step leads from an address to what is there.
func (h *hook) step(rng *rand.Rand, s *match.Source, address, content, size uint64) uint64 {
	step := match.Step{Offset: int64(h.offset()) - 1<<20, Load: int(size)}
	address += uint64(step.Offset)
	if rng.IntN(4) == 0 {
		step.Index = &match.Index{Offset: h.offset() + 1, Shift: rng.IntN(4)}
		number := rng.Uint64N(1 << 20)
		h.world.words[request{"context_word", uint64(step.Index.Offset), 8}] = number
		address += number << step.Index.Shift
	}
	h.world.words[request{"kernel_word", address, size}] = content
	s.Steps = append(s.Steps, step)
	return content
}
