// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// probeValue returns where a static probe has an argument.
func (s site) probeValue(a policy.Arg) (value, error) {
	list := operands(s.probe.Args)
	if a.Index >= len(list) {
		return value{}, fmt.Errorf("the probe has no argument %d, which %v declares", a.Index, a.Pos)
	}
	source, err := s.operand(list[a.Index])
	if err != nil {
		return value{}, fmt.Errorf("%v: argument %d of the probe, %s: %w", a.Pos, a.Index, list[a.Index], err)
	}
	if i, ok := a.Type.Integer(); ok && source.Kind == match.Constant {
		source.Value = extend(source.Value, i.Bits, i.Signed)
	}
	return value{arg: match.Arg{Source: source, Type: a.Type}}, nil
}

// operands cuts the arguments of a probe apart: those of arm64 have spaces in
// them, so each begins with its size.
func operands(text string) []string {
	begins := regexp.MustCompile(`(?:^|\s)-?\d+\w*@`).FindAllStringIndex(text, -1)
	var list []string
	for i, at := range begins {
		end := len(text)
		if i+1 < len(begins) {
			end = begins[i+1][0]
		}
		list = append(list, strings.TrimSpace(text[at[0]:end]))
	}
	return list
}

// operand reads an argument of a static probe, as the assembler wrote it:
// "-4@%edi", "4@$5", "8@-16(%rbp)", "4@(%rax,%rdx,4)", on arm64 "8@x0",
// "4@5" and "8@[sp, 16]". The size comes first, negative for what has a sign
// (sourceware.org/systemtap/wiki/UserSpaceProbeImplementation).
func (s site) operand(text string) (match.Source, error) {
	digits, place, _ := strings.Cut(text, "@")
	size, err := strconv.Atoi(digits)
	if err != nil {
		return match.Source{}, errors.New("only integers and pointers are supported")
	}
	signed := size < 0
	size = max(size, -size)
	if !slices.Contains([]int{1, 2, 4, 8}, size) {
		return match.Source{}, fmt.Errorf("%d bytes are not supported", size)
	}
	if number, err := strconv.ParseInt(strings.TrimPrefix(place, "$"), 0, 64); err == nil {
		return match.Source{Kind: match.Constant, Value: extend(uint64(number), 8*size, signed)}, nil
	}
	if strings.ContainsAny(place, "([") {
		return s.memory(place, size, signed)
	}
	source, err := s.machineRegister(strings.TrimPrefix(place, "%"))
	if i, ok := argRegister(strings.TrimPrefix(place, "%")); ok {
		source, err = register(i), nil // is read anyway
		source.Size = size
	}
	source.Size = min(source.Size, size)
	source.Signed = signed && source.Size < 8
	return source, err
}

// memory reads a place in memory: an offset, a register and perhaps another one
// with a scale.
func (s site) memory(place string, size int, signed bool) (match.Source, error) {
	var offset, base, index, scale string
	if m := regexp.MustCompile(`^(-?\w*)\(%(\w+)(?:,\s*%(\w+)(?:,\s*([1248]))?)?\)$`).FindStringSubmatch(place); m != nil {
		offset, base, index, scale = m[1], m[2], m[3], m[4]
	} else if m := regexp.MustCompile(`^\[(\w+)(?:,\s*#?(-?\d+))?\]$`).FindStringSubmatch(place); m != nil {
		base, offset = m[1], m[2]
	} else {
		return match.Source{}, errors.New("this form is not supported")
	}
	step := match.Step{Load: size, Signed: signed && size < 8}
	if offset != "" {
		var err error
		if step.Offset, err = strconv.ParseInt(offset, 0, 32); err != nil {
			return match.Source{}, errors.New("places relative to a symbol are not supported")
		}
	}
	source, err := s.pointer(base)
	if err != nil {
		return match.Source{}, err
	}
	if index != "" {
		at, err := s.pointer(index)
		if err != nil {
			return match.Source{}, err
		}
		factor, _ := strconv.ParseUint(scale, 10, 8) // no scale is none
		step.Index = &match.Index{Offset: at.Offset, Shift: max(bits.Len64(factor)-1, 0)}
	}
	source.Steps = []match.Step{step}
	return source, nil
}

// pointer is a register as wide as an address.
func (s site) pointer(name string) (match.Source, error) {
	source, err := s.machineRegister(name)
	if err == nil && source.Size != 8 {
		err = fmt.Errorf("register %s is no address", name)
	}
	return source, err
}

// extend takes the low bits of a number, with their sign or not, for it.
func extend(v uint64, bits int, signed bool) uint64 {
	shift := 64 - bits
	if signed {
		return uint64(int64(v<<shift) >> shift)
	}
	return v << shift >> shift
}

// argRegister says which argument of a function a register has, with the names
// of its parts, on amd64 and arm64: programs read them (bpf/syscall.h).
func argRegister(name string) (int, bool) {
	i := slices.IndexFunc([][]string{
		{"rdi", "edi", "di", "dil", "x0", "w0"},
		{"rsi", "esi", "si", "sil", "x1", "w1"},
		{"rdx", "edx", "dx", "dl", "x2", "w2"},
		{"rcx", "ecx", "cx", "cl", "x3", "w3"},
		{"r8", "r8d", "r8w", "r8b", "x4", "w4"},
		{"r9", "r9d", "r9w", "r9b", "x5", "w5"},
	}, func(names []string) bool { return slices.Contains(names, name) })
	return i, i >= 0
}
