// SPDX-License-Identifier: Apache-2.0

package plan

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// syscallTable has a line for each system call: its name and its numbers on
// amd64, arm64, i386 and arm32, or "-".
//
//go:generate sh syscalls.sh
//go:embed syscalls.txt
var syscallTable string

// compatBit marks the numbers of 32-bit system calls, as Tetragon does: i386 ones
// of amd64, arm32 ones of arm64 (COMPAT_BIT in bpf/values.h).
const compatBit = 1 << 31

func listNamed(name string, lists []policy.List) (policy.List, error) {
	for _, l := range lists {
		if l.Name == name {
			return l, nil
		}
	}
	return policy.List{}, fmt.Errorf("the policy has no list %s", name)
}

func isList(call string) bool { return strings.HasPrefix(call, "list:") }

// inlineLists returns the entry with the numbers of lists among the values of
// the filters that name them: lists of several policies may have the same name.
func inlineLists(spec policy.Hook, lists []policy.List, arch string) (policy.Hook, error) {
	var err error
	inline := func(filters []policy.ArgFilter) []policy.ArgFilter {
		filters = slices.Clone(filters)
		for i := range filters {
			f := &filters[i]
			f.Values = slices.Clone(f.Values)
			for _, name := range f.Lists {
				numbers, problem := syscallNumbers(name, lists, arch)
				if problem != nil && err == nil {
					err = fmt.Errorf("%v: %w", f.Pos, problem)
				}
				f.Values = append(f.Values, numbers...)
			}
			f.Lists = nil
		}
		return filters
	}
	spec.Selectors = slices.Clone(spec.Selectors)
	for i := range spec.Selectors {
		s := &spec.Selectors[i]
		if slices.ContainsFunc(slices.Concat(s.Args, s.Data, s.Return), func(f policy.ArgFilter) bool { return len(f.Lists) > 0 }) {
			s.Args, s.Data, s.Return = inline(s.Args), inline(s.Data), inline(s.Return)
		}
	}
	return spec, err
}

// syscallNumbers returns the numbers of a list of system calls.
func syscallNumbers(name string, lists []policy.List, arch string) ([]policy.Range, error) {
	list, err := listNamed(name, lists)
	if err != nil {
		return nil, err
	}
	if list.Type != policy.Syscalls {
		return nil, fmt.Errorf("list %s is not one of system calls (type: syscalls)", name)
	}
	var numbers []policy.Range
	for _, call := range list.Values {
		n, err := syscallNumber(call, arch)
		if err != nil {
			return nil, fmt.Errorf("%v: list %s: %w", list.Pos, name, err)
		}
		numbers = append(numbers, policy.Range{Min: n, Max: n})
	}
	return numbers, nil
}

// syscallNumber returns the number of a system call, as "sys_dup" or
// "i386/sys_dup".
func syscallNumber(call, arch string) (uint64, error) {
	abi, name, foreign := strings.Cut(call, "/")
	if !foreign {
		abi, name = "", call
	}
	column, bit := 0, uint64(0)
	switch {
	case (abi == "" || nativeABI(abi, arch)) && arch == "amd64":
		column = 1
	case (abi == "" || nativeABI(abi, arch)) && arch == "arm64":
		column = 2
	case abi == "i386" && arch == "amd64":
		column, bit = 3, compatBit
	case abi == "arm32" && arch == "arm64":
		column, bit = 4, compatBit
	default:
		return 0, fmt.Errorf("%s: the ABI is not known on %s", call, arch)
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, syscallPrefix(arch)), "sys_")
	for line := range strings.Lines(syscallTable) {
		if fields := strings.Fields(line); fields[0] == name {
			n, err := strconv.ParseUint(fields[column], 10, 32)
			if err != nil {
				break // another architecture has it
			}
			return n | bit, nil
		}
	}
	return 0, fmt.Errorf("%s: no such system call on %s", call, arch)
}
