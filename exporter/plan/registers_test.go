// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// ptRegs is a struct pt_regs with the names of both architectures.
func ptRegs() *btf.Struct {
	word := &btf.Int{Name: "unsigned long", Size: 8}
	regs := &btf.Struct{Name: "pt_regs", Size: 512, Members: []btf.Member{
		{Name: "regs", Type: &btf.Array{Type: word, Nelems: 31}, Offset: 8 * 200},
	}}
	for i, name := range []string{"r15", "r8", "ax", "di", "bp", "sp", "pc"} {
		regs.Members = append(regs.Members, btf.Member{Name: name, Type: word, Offset: btf.Bits(8 * 8 * i)})
	}
	return regs
}

// registerPolicy filters a register of a function.
func registerPolicy(t *testing.T, name string) *policy.Policy {
	t.Helper()
	return parseSpec(t, "a", fmt.Sprintf(`  kprobes:
  - call: sys_setuid
    data: [{type: int, source: pt_regs, resolve: %s}]
    selectors: [{matchData: [{args: [0], operator: Equal, values: ["1"]}]}]
`, name))
}

// Registers by their names, of which only kprobes have more than arguments.
func TestRegisters(t *testing.T) {
	tests := []struct{ arch, name, want string }{
		{"amd64", "rax", "field 16+8 int"},
		{"amd64", "edi", "field 24+4 int"},
		{"amd64", "bp", "field 32+2 int"},
		{"amd64", "spl", "field 40+1 int"},
		{"amd64", "r15", "field 0+8 int"},
		{"amd64", "r8b", "field 8+1 int"},
		{"amd64", "r16", "amd64 has no register r16"},
		{"amd64", "x0", "amd64 has no register x0"},
		{"arm64", "x0", "field 200+8 int"},
		{"arm64", "w30", "field 440+4 int"},
		{"arm64", "sp", "field 40+8 int"},
		{"arm64", "x31", "arm64 has no register x31"},
		{"arm64", "rax", "arm64 has no register rax"},
		{"arm64", "x", "arm64 has no register x"},
	}
	for _, test := range tests {
		kernel := full()
		kernel.arch = test.arch
		h := plan.Build([]*policy.Policy{registerPolicy(t, test.name)}, kernel, plan.Options{}).Hooks[0]
		var got string
		if len(h.Attaches) > 0 {
			got = fmt.Sprint(h.Attaches[0].Kind, " ", renderArg(h.Attaches[0].Points[0].Rules[0].Rule.Data[0]))
			if got != "kprobe "+test.want {
				t.Errorf("%s of %s: %s, want kprobe %s", test.name, test.arch, got, test.want)
			}
			continue
		}
		if got = h.Rejected[1].Reason; !strings.HasSuffix(got, test.want) {
			t.Errorf("%s of %s: %s, want %s", test.name, test.arch, got, test.want)
		}
	}
	h := plan.Build([]*policy.Policy{registerPolicy(t, "rax")}, full(), plan.Options{}).Hooks[0]
	want := "registers are known to kprobes and uprobes only, not at __x64_sys_setuid"
	if got := h.Rejected[0].Reason; !strings.HasSuffix(got, want) {
		t.Errorf("fentry: %s, want %s", got, want)
	}
}

// What a function returns is resolved from its type, or from the one named.
func TestReturnedStructure(t *testing.T) {
	tests := []struct{ call, declaration, want string }{
		{"find_task", "type: int, resolve: pid", "r6 +8 load 4 signed int"},
		{"find_task", "type: file, resolve: mm.exe_file", "r6 +32 load 8 +96 load 8 file"},
		{"sys_setuid", "type: int, resolve: pid, btfType: task_struct", "r6 +8 load 4 signed int"},
		{"sys_setuid", "type: int, resolve: pid", "the type that resolve begins with is not known: set btfType"},
		{"find_task", "type: int, resolve: nothing", "nothing in task_struct: no such member"},
		{"find_task", "type: int, sizeArgIndex: 1", "sizeArgIndex: arguments are not known where a function returns"},
	}
	kernel := full()
	kernel.prototypes = map[string]*btf.FuncProto{"find_task": {Return: &btf.Pointer{Target: taskStruct()}}}
	for _, test := range tests {
		p := parseSpec(t, "a", fmt.Sprintf(`  kprobes:
  - call: %s
    syscall: %t
    return: true
    returnArg: {%s}
    selectors: [{matchReturnArgs: [{index: 0, operator: %s}]}]
`, test.call, strings.HasPrefix(test.call, "sys_"), test.declaration, map[bool]string{
			true: `Prefix, values: ["/a"]`, false: `Equal, values: ["1"]`,
		}[strings.Contains(test.declaration, "file")]))
		h := plan.Build([]*policy.Policy{p}, kernel, plan.Options{}).Hooks[0]
		if len(h.Attaches) == 0 {
			if got := h.Rejected[0].Reason; !strings.HasSuffix(got, test.want) {
				t.Errorf("%s: %s, want %s", test.declaration, got, test.want)
			}
			continue
		}
		for _, point := range h.Attaches[0].Points {
			if diff := cmp.Diff(test.want, renderArg(point.Rules[0].Rule.Return)); diff != "" {
				t.Errorf("%s at %s (-want +got):\n%s", test.declaration, point.Target, diff)
			}
		}
	}
}
