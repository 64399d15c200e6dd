// SPDX-License-Identifier: Apache-2.0

package match

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// idUnknown is the id of an executable whose path has none (NAME_OTHER).
const idUnknown = 1

// executable is whose path filters compare.
type executable struct {
	name     string
	function string // that gives the id
	kind     int32  // of the text
}

func (b builder) binary(f policy.BinaryFilter) (condition, error) {
	if f.FollowChildren {
		return b.descendant(f, "binary", 0)
	}
	return b.path(f, executable{"binary", "binary", textExecutable})
}

func (b builder) parentBinary(f policy.BinaryFilter) (condition, error) {
	if f.FollowChildren {
		return b.descendant(f, "parent binary", 1)
	}
	return b.path(f, executable{"parent binary", "parent_binary", textParentExecutable})
}

// path makes the condition of a filter on the path of an executable.
func (b builder) path(f policy.BinaryFilter, of executable) (condition, error) {
	tree, ok := newTree(f.Operator, f.Paths)
	if !ok {
		return nil, fmt.Errorf("%v: operator %s on a %s: %w", f.Pos, f.Operator, of.name, ErrUnsupported)
	}
	if tree.part != whole {
		return similar{f, of, tree}, nil
	}
	var ids []uint32
	for _, path := range f.Paths {
		id, ok := b.in.Binaries[path]
		if !ok {
			return nil, fmt.Errorf("%v: binary %s has no id", f.Pos, path)
		}
		ids = append(ids, id)
	}
	return identical{f, of, tree, unsigned(32).union(single(ids))}, nil
}

// load puts the id into R0.
func (e executable) load(c *code) operand {
	c.call(e.function)
	return operand{asm.R0, true}
}

// readText is readText for the path.
func (e executable) readText(c *code, failed label) {
	readText(c, asm.Mov.Imm(asm.R2, 0), e.kind, asm.Mov.Imm(asm.R4, 0), failed)
}

// identical is the condition that an executable is one of some, or none. Ids
// are compared, and the path only where there is no room for it to have one.
type identical struct {
	policy.BinaryFilter
	executable
	tree tree
	ids  set
}

func (i identical) rank() rank { return rankBinary }

func (i identical) String() string {
	return i.name + " " + relation(i.Operator, quoted(i.Paths))
}

func (i identical) compile(c *code, failed label) {
	pass, unknown := c.label(), c.label()
	hit, miss := outcomes(i.Operator.Negated(), pass, failed)
	segments := []segment{{policy.Range{Min: idUnknown, Max: idUnknown}, unknown}}
	for _, r := range i.ids {
		segments = append(segments, segment{r, hit})
	}
	search{i.load(c), unsigned(32), miss}.among(c, segments)
	c.place(unknown)
	i.readText(c, failed)
	i.tree.compile(c, hit, miss)
	c.place(pass)
}

// similar is the condition that the path of an executable begins or ends in a
// way, or does not. It is compared once for each executable.
type similar struct {
	policy.BinaryFilter
	executable
	tree tree
}

// Results of verdict.
const (
	verdictNo  = 1
	verdictYes = 2
)

func (s similar) rank() rank { return rankBinaryText }

func (s similar) String() string {
	return s.name + " " + relation(s.Operator, quoted(s.Paths))
}

func (s similar) compile(c *code, failed label) {
	pass, yes, no := c.label(), c.label(), c.label()
	hit, miss := outcomes(s.Operator.Negated(), pass, failed)
	filter := asm.LoadImm(asm.R2, int64(s.tree.hash()), asm.DWord)
	id := asm.LoadMem(asm.R3, asm.R10, binarySlot, asm.DWord)
	s.load(c)
	c.emit(asm.StoreMem(asm.R10, binarySlot, asm.R0, asm.DWord))
	c.call("verdict", filter, id)
	c.jumpIf(asm.JEq, operand{asm.R0, true}, verdictNo, miss)
	c.jumpIf(asm.JEq, operand{asm.R0, true}, verdictYes, hit)
	s.readText(c, failed)
	s.tree.compile(c, yes, no)
	c.place(yes)
	c.call("set_verdict", filter, id, asm.Mov.Imm(asm.R4, verdictYes))
	c.jump(hit)
	c.place(no)
	c.call("set_verdict", filter, id, asm.Mov.Imm(asm.R4, verdictNo))
	c.jump(miss)
	c.place(pass)
}

// hash identifies what is compared, for as long as the kernel runs: programs of
// other hooks and of later agents share what is known of executables. No path
// has a zero byte.
func (t tree) hash() uint64 {
	sum := sha256.New()
	fmt.Fprint(sum, map[part]string{whole: "whole", beginning: "prefix", ending: "postfix"}[t.part])
	for _, v := range t.values {
		fmt.Fprint(sum, "\x00", v)
	}
	return binary.LittleEndian.Uint64(sum.Sum(nil))
}
