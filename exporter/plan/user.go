// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// userSites returns where in a file a hook of Uprobes or USDTs is.
func (h *Hook) userSites(kernel Kernel) ([]site, error) {
	file, err := kernel.Executable(h.Path)
	if err != nil {
		return nil, err
	}
	if h.Section == policy.USDTs {
		return h.probeSites(file, kernel)
	}
	offset, err := offsetOf(h.Symbol, file)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", h.Symbol, h.Path, err)
	}
	at := UserPoint{Offset: offset, Symbol: h.Symbol, File: file.ID()}
	for _, r := range h.Rules {
		if refs := r.Spec.User.RefCtrOffsets; len(refs) > 0 {
			at.RefCtrOffset = refs[0]
			break
		}
	}
	return []site{{Point: Point{Target: h.Path, User: at}, kernel: kernel, registers: argRegisters, machine: true}}, nil
}

// offsetOf returns the offset in a file that a Place names: "malloc",
// "malloc+0x10", "+0x10" or the address "0x10".
func offsetOf(name string, file Executable) (uint64, error) {
	symbol, digits, plus := strings.Cut(name, "+")
	var more uint64
	if plus {
		var err error
		if more, err = strconv.ParseUint(digits, 0, 64); err != nil {
			return 0, err
		}
		if symbol == "" {
			return more, nil
		}
	}
	if address, err := strconv.ParseUint(symbol, 0, 64); err == nil {
		return file.Address(address)
	}
	offset, err := file.Symbol(symbol)
	return offset + more, err
}

// probeSites are the places of a static probe, of which the compiler may have
// made several.
func (h *Hook) probeSites(file Executable, kernel Kernel) ([]site, error) {
	provider, name, _ := strings.Cut(h.Symbol, "/")
	probes, err := file.Probes(provider, name)
	if err != nil {
		return nil, err
	}
	if len(probes) == 0 {
		return nil, fmt.Errorf("%s has no probe %s", h.Path, h.Symbol)
	}
	var sites []site
	for i, p := range probes {
		sites = append(sites, site{
			Point: Point{
				Target: h.Path, Part: i,
				User: UserPoint{Offset: p.Offset, RefCtrOffset: p.Semaphore, Symbol: h.Symbol, File: file.ID()},
			},
			kernel: kernel, probe: &p, machine: true,
		})
	}
	return sites, nil
}

// value returns where a static probe has an argument.
func (p Probe) value(a policy.Arg) (value, error) {
	operands := strings.Fields(p.Args)
	if a.Index >= len(operands) {
		return value{}, fmt.Errorf("the probe has no argument %d, which %v declares", a.Index, a.Pos)
	}
	source, err := operand(operands[a.Index])
	if err != nil {
		return value{}, fmt.Errorf("%v: argument %d of the probe, %s: %w", a.Pos, a.Index, operands[a.Index], err)
	}
	return value{arg: match.Arg{Source: source, Type: a.Type}}, nil
}

// operand reads an argument of a static probe, "-4@%edi" or "4@$5": constants
// and the registers that the programs read. The size is that of the declared
// type: a narrower register leaves the upper bits as they were.
func operand(text string) (match.Source, error) {
	size, place, ok := strings.Cut(text, "@")
	if !ok {
		return match.Source{}, errors.New("no size")
	}
	if number, ok := strings.CutPrefix(place, "$"); ok {
		v, err := strconv.ParseInt(number, 0, 64)
		return match.Source{Kind: match.Constant, Value: uint64(v)}, err
	}
	if _, err := strconv.Atoi(size); err != nil {
		return match.Source{}, err
	}
	for i, names := range argRegisterNames() {
		for _, name := range names {
			if place == "%"+name || place == name {
				return register(i), nil
			}
		}
	}
	return match.Source{}, errors.New("only constants and the registers of arguments are supported")
}

// argRegisterNames are the registers that the programs read, with their parts,
// of amd64 and arm64 (bpf/syscall.h).
func argRegisterNames() [][]string {
	return [][]string{
		{"rdi", "edi", "di", "dil", "x0", "w0"},
		{"rsi", "esi", "si", "sil", "x1", "w1"},
		{"rdx", "edx", "dx", "dl", "x2", "w2"},
		{"rcx", "ecx", "cx", "cl", "x3", "w3"},
		{"r8", "r8d", "r8w", "r8b", "x4", "w4"},
		{"r9", "r9d", "r9w", "r9b", "x5", "w5"},
	}
}
