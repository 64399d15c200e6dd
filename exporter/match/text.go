// SPDX-License-Identifier: Apache-2.0

package match

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Kinds of text, as bpf/kinds.h numbers them.
const (
	textString = iota
	textFilename
	textFD
	textFile
	textPath
	textDentry
	textBinprm
	textNetDevice
	textSockaddrUn
	textKiocb
	textBytes
	textExecutable
	textParentExecutable
	textModule
	textLoadInfo
	textIovec
)

// textKind is how a value of a type becomes a string.
func textKind(arg Arg) (kind int32, ok bool) {
	kinds := map[policy.Type]int32{
		"string": textString, "data_loc": textString, "filename": textFilename, "fd": textFD, "file": textFile,
		"path": textPath, "dentry": textDentry, "linux_binprm": textBinprm, "net_device": textNetDevice,
		"sockaddr_un": textSockaddrUn, "kiocb": textKiocb, "char_iovec": textIovec,
		"module": textModule, "load_info": textLoadInfo, "char_buf": textString,
	}
	kind, ok = kinds[arg.Type]
	if kind == textString && arg.Size.Kind != None {
		kind = textBytes
	}
	return kind, ok
}

// The struct scratch_value of bpf/scratch.h: a string begins at path[at].
const (
	textAt     = 16
	textLength = 20
	textData   = 24
	// textMax is the largest at, and the largest end of a string.
	textMax = 4096
	// textSlack is how much more may be read, so that the common strings need no
	// bound on at of their own.
	textSlack = 264
)

// readText asks for a string, given what loads its value and size, and puts its
// struct scratch_value into value, at into second and length into third.
func readText(c *code, of asm.Instruction, kind int32, size asm.Instruction, failed label) {
	c.call("text", of, asm.Mov.Imm(asm.R3, kind), size)
	c.jumpIf(asm.JEq, operand{register: asm.R0}, 0, failed)
	c.emit(
		asm.Mov.Reg(value, asm.R0),
		asm.LoadMem(second, value, textAt, asm.Word),
		asm.LoadMem(third, value, textLength, asm.Word),
	)
	// The verifier does not know that it never is.
	c.jumpIf(asm.JGT, operand{register: second}, textMax, failed)
}

// comparison is a condition on the string of a value.
type comparison struct {
	filtered
	kind int32
	tree tree
}

// text makes the condition of a filter on a value that has a string.
func (b builder) text(f filtered) (condition, error) {
	switch f.Operator {
	case policy.FileType, policy.NotFileType:
		return b.fileType(f)
	case policy.Family:
		if f.arg.Type == "sockaddr_un" {
			return b.socketWord(f, fieldFamily, f.Values)
		}
	}
	kind, ok := textKind(f.arg)
	search := f.Operator == policy.SubString || f.Operator == policy.SubStringIgnCase
	tree, known := newTree(f.Operator, f.Strings)
	switch {
	case !ok || !known && !search:
		return nil, f.refused()
	case len(f.Strings) == 0:
		return nil, f.errorf("operator %s has no strings to compare with", f.Operator)
	case search:
		return b.containing(f, kind)
	}
	return comparison{f, kind, tree}, nil
}

func (t comparison) rank() rank { return rankText }

func (t comparison) String() string {
	return t.name + " " + relation(t.Operator, quoted(t.Strings))
}

func (t comparison) compile(c *code, failed label) {
	pass := c.label()
	hit, miss := outcomes(t.Operator.Negated(), pass, failed)
	t.read(c, failed)
	t.tree.compile(c, hit, miss)
	c.place(pass)
}

// read is readText for the value.
func (t comparison) read(c *code, failed label) {
	size := asm.Mov.Imm(asm.R4, 0)
	if sized := t.kind == textBytes || t.kind == textIovec; sized && t.arg.Size.Kind != None {
		t.arg.Size.load(c, second)
		size = asm.Mov.Reg(asm.R4, second)
	}
	readText(c, t.arg.parameter(c, asm.R2), t.kind, size, failed)
	if t.arg.Type.File() {
		// What has no path, as a pipe, is neither like one nor unlike it.
		c.jumpIf(asm.JEq, operand{register: third}, 0, failed)
	}
}

// newTree plans the comparison of a string with values; ok is false for
// operators that are none on strings.
func newTree(op policy.Operator, values []string) (t tree, ok bool) {
	switch op.Positive() {
	case policy.Equal, policy.In:
		t.part = whole
	case policy.Prefix:
		t.part = beginning
	case policy.Postfix:
		t.part = ending
	default:
		return t, false
	}
	t.values = t.part.distinct(values)
	return t, true
}

// part is what of a string is compared.
type part int

const (
	whole part = iota
	beginning
	ending
)

// distinct sorts values and leaves out those that can never match and those
// which match only what a shorter one matches.
func (p part) distinct(values []string) []string {
	sorted := slices.Clone(values)
	slices.SortFunc(sorted, func(a, b string) int {
		if p == ending {
			a, b = reversed(a), reversed(b)
		}
		return cmp.Compare(a, b)
	})
	// A value comes right before those that it covers.
	var kept []string
	for _, v := range sorted {
		if len(v) > textMax {
			continue
		}
		if last := len(kept) - 1; last >= 0 && p.covers(kept[last], v) {
			continue
		}
		kept = append(kept, v)
	}
	return kept
}

// covers says whether all strings that match b match a.
func (p part) covers(a, b string) bool {
	switch p {
	case beginning:
		return strings.HasPrefix(b, a)
	case ending:
		return strings.HasSuffix(b, a)
	}
	return a == b
}

func reversed(s string) string {
	bytes := []byte(s)
	slices.Reverse(bytes)
	return string(bytes)
}
