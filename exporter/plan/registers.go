// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/cilium/ebpf/btf"

	"github.com/tetrameter/tetrameter/exporter/match"
)

// machineRegister is a register as it was where a program runs: the context of
// kprobes and uprobes is the kernel's struct pt_regs.
func (s site) machineRegister(name string) (match.Source, error) {
	if !s.machine {
		return match.Source{}, fmt.Errorf("registers are known to kprobes and uprobes only, not at %s", s.Target)
	}
	r, ok := registerNamed(name, s.kernel.Arch())
	if !ok {
		return match.Source{}, fmt.Errorf("%s has no register %s", s.kernel.Arch(), name)
	}
	regs, err := s.kernel.Type("pt_regs", "")
	if err != nil {
		return match.Source{}, err
	}
	_, offset, err := memberOf(btf.UnderlyingType(regs), r.member)
	if err != nil {
		return match.Source{}, err
	}
	return match.Source{Kind: match.Field, Offset: offset + 8*r.element, Size: r.size}, nil
}

// savedRegister is where struct pt_regs has a register.
type savedRegister struct {
	member  string
	element uint32 // of an array
	size    int    // in bytes, of the part that the name stands for
}

// registerNamed knows the names that assembly has for registers and their lower
// parts (arch/x86/include/asm/ptrace.h, arch/arm64/include/asm/ptrace.h).
func registerNamed(name, arch string) (savedRegister, bool) {
	if arch == "arm64" {
		return armRegister(name)
	}
	sizes := []int{8, 4, 2, 1}
	for _, names := range [][]string{
		{"rax", "eax", "ax", "al"},
		{"rbx", "ebx", "bx", "bl"},
		{"rcx", "ecx", "cx", "cl"},
		{"rdx", "edx", "dx", "dl"},
		{"rsi", "esi", "si", "sil"},
		{"rdi", "edi", "di", "dil"},
		{"rbp", "ebp", "bp", "bpl"},
		{"rsp", "esp", "sp", "spl"},
		{"rip", "eip", "ip"},
	} {
		if i := slices.Index(names, name); i >= 0 {
			return savedRegister{names[2], 0, sizes[i]}, true
		}
	}
	numbered := regexp.MustCompile(`^(r8|r9|r1[0-5])([dwb]?)$`).FindStringSubmatch(name)
	if numbered == nil {
		return savedRegister{}, false
	}
	return savedRegister{numbered[1], 0, sizes[slices.Index([]string{"", "d", "w", "b"}, numbered[2])]}, true
}

func armRegister(name string) (savedRegister, bool) {
	if name == "sp" || name == "pc" {
		return savedRegister{name, 0, 8}, true
	}
	if len(name) < 2 {
		return savedRegister{}, false
	}
	size, ok := map[byte]int{'x': 8, 'w': 4}[name[0]]
	n, err := strconv.ParseUint(name[1:], 10, 8)
	return savedRegister{"regs", uint32(n), size}, ok && err == nil && n <= 30
}
