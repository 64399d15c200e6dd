// SPDX-License-Identifier: Apache-2.0

package match

import (
	"encoding/binary"
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// textNeedle is where struct scratch_value of bpf/scratch.h has what contains()
// looks for, and needleMax how much fits.
const (
	textNeedle = textData + textMax + textSlack
	needleMax  = 256
)

// containing is the condition that the string of a value has one of some others
// in it.
type containing struct {
	comparison
	needles []string
	folded  bool
}

func (b builder) containing(f filtered, kind int32) (condition, error) {
	t := containing{comparison: comparison{filtered: f, kind: kind}, folded: f.Operator == policy.SubStringIgnCase}
	for _, s := range f.Strings {
		if len(s) > needleMax {
			return nil, f.errorf("operator %s searches for %d bytes at most", f.Operator, needleMax)
		}
		if t.folded {
			s = lower(s)
		}
		t.needles = append(t.needles, s)
	}
	slices.Sort(t.needles)
	t.needles = slices.Compact(t.needles)
	return t, nil
}

func (t containing) rank() rank { return rankSearch }

func (t containing) compile(c *code, failed label) {
	pass := c.label()
	t.read(c, failed)
	for _, needle := range t.needles {
		writeNeedle(c, needle)
		folded := int32(0)
		if t.folded {
			folded = 1
		}
		c.call("contains", asm.Mov.Imm(asm.R2, int32(len(needle))), asm.Mov.Imm(asm.R3, folded))
		c.jumpIf(asm.JNE, operand{asm.R0, true}, 0, pass)
	}
	c.jump(failed)
	c.place(pass)
}

// writeNeedle puts a string into the struct of the text in value, zero padded
// to whole words.
func writeNeedle(c *code, needle string) {
	padded := make([]byte, (len(needle)+7)/8*8)
	copy(padded, needle)
	for at := 0; at < len(padded); at += 8 {
		c.constant(asm.R1, binary.LittleEndian.Uint64(padded[at:]))
		c.emit(asm.StoreMem(value, int16(textNeedle+at), asm.R1, asm.DWord))
	}
}

// lower takes A to Z as a to z, and leaves other bytes as they are.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
