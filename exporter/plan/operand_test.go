// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// probeKernel has a program with one probe.
type probeKernel struct {
	fakeKernel
	args string
}

func (k probeKernel) Executable(string) (plan.Executable, error) {
	return probeFile{args: k.args}, nil
}

type probeFile struct {
	fakeExecutable
	args string
}

func (f probeFile) Probes(string, string) ([]plan.Probe, error) {
	return []plan.Probe{{Offset: 0x2000, Args: f.args}}, nil
}

// planOperand plans a filter on one argument of the probe, and returns where it
// is or why it is not known.
func planOperand(t *testing.T, arch, args string, index int, typ string) (where, refused string) {
	t.Helper()
	p := parseSpec(t, "a", fmt.Sprintf(`  usdts:
  - path: /bin/bash
    provider: bash
    name: start
    args: [{index: %d, type: %s}]
    selectors: [{matchArgs: [{index: %[1]d, operator: Equal, values: ["1"]}]}]
`, index, typ))
	kernel := probeKernel{full(), args}
	kernel.arch = arch
	h := plan.Build([]*policy.Policy{p}, kernel, plan.Options{}).Hooks[0]
	if len(h.Attaches) == 0 {
		return "", h.Rejected[0].Reason
	}
	return renderArg(h.Attaches[0].Points[0].Rules[0].Rule.Args[0]), ""
}

// Where the arguments of static probes are, in the words of the assembler.
func TestOperands(t *testing.T) {
	tests := []struct {
		arch, args string
		index      int
		typ, want  string
	}{
		{"amd64", "-4@%edi 8@%rax", 0, "int64", "r0+4 signed int64"},
		{"amd64", "-4@%edi 8@%rax", 1, "uint64", "field 16+8 uint64"},
		{"amd64", "-1@%al", 0, "int32", "field 16+1 signed int32"},
		{"amd64", "4@%rax", 0, "uint64", "field 16+4 uint64"},
		{"amd64", "-4@$-1", 0, "int64", "18446744073709551615 int64"},
		{"amd64", "4@$-1", 0, "int64", "4294967295 int64"},
		{"amd64", "4@$-1", 0, "int32", "18446744073709551615 int32"},
		{"amd64", "8@-16(%rbp)", 0, "uint64", "field 32+8 +-16 load 8 uint64"},
		{"amd64", "-4@(%rsp)", 0, "int64", "field 40+8 +0 load 4 signed int64"},
		{"amd64", "2@0x10(%r8)", 0, "int32", "field 8+8 +16 load 2 int32"},
		{"amd64", "4@8(%rax,%rdi,4)", 0, "int32", "field 16+8 +8 +field 24<<2 load 4 int32"},
		{"amd64", "4@(%rax, %rdi)", 0, "int32", "field 16+8 +0 +field 24<<0 load 4 int32"},
		{"arm64", "8@x0 -4@[sp, 16] 8@[x1, -8]", 1, "int32", "field 40+8 +16 load 4 signed int32"},
		{"arm64", "8@x0 -4@[sp, 16] 8@[x1, -8]", 2, "int64", "field 208+8 +-8 load 8 int64"},
		{"arm64", "4@17 8@[x0]", 0, "int32", "17 int32"},
		{"arm64", "4@17 8@[x0]", 1, "int64", "field 200+8 +0 load 8 int64"},
	}
	for _, test := range tests {
		if got, refused := planOperand(t, test.arch, test.args, test.index, test.typ); got != test.want {
			t.Errorf("%s of %s: %s%s, want %s", test.args, test.arch, got, refused, test.want)
		}
	}
}

// What is not understood is refused with its reason.
func TestBadOperands(t *testing.T) {
	for args, want := range map[string]string{
		"":                          "the probe has no argument 0",
		"4f@%xmm0":                  "only integers and pointers are supported",
		"16@%rax":                   "16 bytes are not supported",
		"-9223372036854775808@%rax": "bytes are not supported",
		"4@%xmm0":                   "amd64 has no register xmm0",
		"4@value(%rip)":             "places relative to a symbol are not supported",
		"4@value+4(%rip)":           "this form is not supported",
		"4@(%eax)":                  "register eax is no address",
		"4@(%rax,%eax,4)":           "register eax is no address",
		"4@(%rax,%rdi,3)":           "this form is not supported",
		"4@%fs:(%rax)":              "this form is not supported",
		"4@[sp":                     "this form is not supported",
	} {
		if got, refused := planOperand(t, "amd64", args, 0, "int32"); !strings.Contains(refused, want) {
			t.Errorf("%q: %s%s, want %s", args, got, refused, want)
		}
	}
}

// Whatever the notes of a program say, planning ends with a place or a reason.
func FuzzOperand(f *testing.F) {
	for _, args := range []string{"-4@%edi 8@-16(%rbp)", "4@$5", "8@[sp, 16]", "4@8(%rax,%rdi,4)", "-9@%", "4@(%rax,%rdi,99)"} {
		f.Add(args)
	}
	f.Fuzz(func(t *testing.T, args string) {
		for _, arch := range []string{"amd64", "arm64"} {
			if where, refused := planOperand(t, arch, args, 0, "int64"); (where == "") == (refused == "") {
				t.Errorf("%q of %s: %q and %q", args, arch, where, refused)
			}
		}
	})
}
