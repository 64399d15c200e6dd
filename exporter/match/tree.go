// SPDX-License-Identifier: Apache-2.0

package match

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Registers between two calls, with R1 for constants.
const (
	window = asm.R2 // scratch_value, plus where the compared bytes begin in path
	loaded = asm.R3 // bytes of the string
	moved  = asm.R4 // at, or what becomes of it
)

// tree compares a string with a list. It looks at bytes that tell the values
// apart until at most one is left, and compares that one in full, so the list's
// length matters little; and no two ways meet before the end, so the verifier
// sees each instruction once.
type tree struct {
	part   part
	values []string // neither covers another
}

// compile jumps to hit or to miss. It takes what readText gives.
func (t tree) compile(c *code, hit, miss label) {
	if t.part != ending {
		c.emit(asm.Mov.Reg(window, value), asm.Add.Reg(window, second))
	}
	if t.part != whole {
		t.branch(c, t.values, -1, hit, miss)
		return
	}
	lengths := map[uint64][]string{}
	for _, v := range t.values {
		lengths[uint64(len(v))] = append(lengths[uint64(len(v))], v)
	}
	length := search{operand{register: third}, unsigned(32), miss}
	choose(c, length, lengths, func(n uint64, values []string) {
		if n > textSlack {
			t.shift(c, int(n), miss)
		}
		t.branch(c, values, int(n), hit, miss)
	})
}

// branch compares with values when the string is known to have at least known
// bytes, of which window may read the part in question.
func (t tree) branch(c *code, values []string, known int, hit, miss label) {
	if len(values) == 0 {
		c.jump(miss)
		return
	}
	n := shortest(values)
	if n > known {
		t.expect(c, n, miss)
	}
	if len(values) == 1 {
		compareBytes(c, t.cut(values[0], n), miss)
		c.jump(hit)
		return
	}
	offset := t.distinctive(values, n)
	bytes := map[uint64][]string{}
	for _, v := range values {
		b := uint64(t.cut(v, n)[offset])
		bytes[b] = append(bytes[b], v)
	}
	c.emit(asm.LoadMem(loaded, window, int16(textData+offset), asm.Byte))
	choose(c, search{operand{register: loaded}, unsigned(8), miss}, bytes, func(_ uint64, values []string) {
		t.branch(c, values, n, hit, miss)
	})
}

// choose goes on with the values that have what the register holds.
func choose(c *code, s search, groups map[uint64][]string, then func(key uint64, values []string)) {
	var segments []segment
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		segments = append(segments, segment{policy.Range{Min: key, Max: key}, c.label()})
	}
	s.among(c, segments)
	for _, g := range segments {
		c.place(g.target)
		then(g.Min, groups[g.Min])
	}
}

// expect goes on if the string has at least n bytes, of which window may then
// read the first or the last n.
func (t tree) expect(c *code, n int, miss label) {
	if n > 0 {
		c.jumpIf(asm.JLT, operand{register: third}, uint64(n), miss)
	}
	if t.part == ending || n > textSlack {
		t.shift(c, n, miss)
	}
}

// shift makes window read n bytes, where the verifier must see that they are in
// the buffer.
func (t tree) shift(c *code, n int, miss label) {
	c.emit(asm.Mov.Reg(moved, second))
	if t.part == ending {
		c.emit(asm.Add.Reg(moved, third), asm.Sub.Imm(moved, int32(n)))
	}
	c.jumpIf(asm.JGT, operand{register: moved}, uint64(textMax-n), miss)
	c.emit(asm.Mov.Reg(window, value), asm.Add.Reg(window, moved))
}

// cut is the part of n bytes that is compared first.
func (t tree) cut(v string, n int) string {
	if t.part == ending {
		return v[len(v)-n:]
	}
	return v[:n]
}

// distinctive is the offset among the n bytes at which values differ most. There
// is one, since no value covers another.
func (t tree) distinctive(values []string, n int) (best int) {
	most := 0
	for offset := range n {
		var seen [256]bool
		count := 0
		for _, v := range values {
			if b := t.cut(v, n)[offset]; !seen[b] {
				seen[b] = true
				count++
			}
		}
		if count > most {
			best, most = offset, count
		}
		if most == len(values) {
			break
		}
	}
	return best
}

func shortest(values []string) int {
	n := len(values[0])
	for _, v := range values {
		n = min(n, len(v))
	}
	return n
}

// compareBytes jumps to miss unless window has the bytes. It begins with the
// last ones, in which paths differ, and takes as many at once as possible;
// words may overlap.
func compareBytes(c *code, bytes string, miss label) {
	width := 8
	for width > len(bytes) {
		width /= 2
	}
	sizes := map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}
	for end := len(bytes); end > 0; end -= width {
		begin := max(end-width, 0)
		var word [8]byte
		copy(word[:], bytes[begin:begin+width])
		c.emit(asm.LoadMem(loaded, window, int16(textData+begin), sizes[width]))
		left := operand{loaded, width < 8}
		c.jumpIf(asm.JNE, left, binary.LittleEndian.Uint64(word[:]), miss)
	}
}
