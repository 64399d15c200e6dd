// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/match"
)

// cloneNewUser is CLONE_NEWUSER of include/uapi/linux/sched.h.
const cloneNewUser = 0x10000000

// readingModule is READING_MODULE of include/linux/kernel_read_file.h, the same
// since 5.9.
const readingModule = 2

// Equivalent is a set of tracepoints that see the calls of a function on
// kernels where the function itself cannot be probed.
type Equivalent struct {
	Function string
	Points   []Point
	// Difference is what the tracepoints see otherwise than the function.
	Difference string
}

// Equivalents is the table of functions with equivalent tracepoints. System
// calls are not in it: each has its own sys_enter tracepoint.
func Equivalents() []Equivalent {
	table := []Equivalent{
		{
			Function: "create_user_ns",
			Points: []Point{
				syscallPoint("unshare", &match.Guard{Arg: 0, Mask: cloneNewUser}, nil),
				syscallPoint("clone", &match.Guard{Arg: 0, Mask: cloneNewUser}, nil),
				syscallPoint("clone3", &match.Guard{Arg: 0, Dereference: true, Mask: cloneNewUser}, nil),
			},
			Difference: "also counts calls refused before the function is reached, as unshare in a multithreaded process is; the new credentials are no argument",
		},
		{
			Function:   "security_kernel_module_request",
			Points:     []Point{{Target: "module/module_request"}},
			Difference: "does not count requests that a security module refused; the name is no argument",
		},
		{
			Function: "security_kernel_read_file",
			Points: []Point{syscallPoint("finit_module", nil, []match.Source{
				{}, {Kind: match.Constant, Value: readingModule},
			})},
			Difference: "counts finit_module, so module files only, also when the file cannot be read; the file is no argument",
		},
	}
	for _, call := range []struct {
		name string
		args int
	}{
		{"setuid", 1},
		{"setgid", 1},
		{"setreuid", 2},
		{"setregid", 2},
		{"setresuid", 3},
		{"setresgid", 3},
		{"setfsuid", 1},
		{"setfsgid", 1},
	} {
		table = append(table, Equivalent{
			Function:   "__sys_" + call.name,
			Points:     []Point{syscallPoint(call.name, nil, identity(call.args))},
			Difference: "does not see 32-bit system calls",
		})
	}
	return table
}

func syscallPoint(name string, guard *match.Guard, sources []match.Source) Point {
	return Point{Target: "syscalls/sys_enter_" + name, Syscall: true, Guard: guard, Sources: sources}
}

// equivalents returns the points which stand for the hook's function.
func equivalents(h Hook, kernel Kernel) ([]Point, error) {
	points, err := lookUp(h, kernel.Arch())
	if err != nil {
		return nil, err
	}
	for _, p := range points {
		if !kernel.HasTracepoint(p.Target) {
			return nil, fmt.Errorf("this kernel has no tracepoint %s", p.Target)
		}
	}
	return points, nil
}

// lookUp knows only the native system calls: sys_enter tracepoints do not see
// those of other ABIs, such as __ia32_sys_execve and compat_sys_execve.
func lookUp(h Hook, arch string) ([]Point, error) {
	if name, ok := strings.CutPrefix(h.Function, syscallPrefix(arch)+"sys_"); ok && h.Syscall {
		return []Point{syscallPoint(name, nil, identity(registers))}, nil
	}
	for _, e := range Equivalents() {
		if e.Function == h.Function {
			return e.Points, nil
		}
	}
	return nil, fmt.Errorf("no tracepoint is equivalent to %s", h.Function)
}
