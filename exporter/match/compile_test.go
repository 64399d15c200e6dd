// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// filter is a selector with one filter on the first argument.
func filter(op policy.Operator, values ...uint64) policy.Selector {
	f := policy.ArgFilter{Pos: policy.Pos{File: "p.yaml", Line: 3, Column: 5}, Operator: op}
	for _, v := range values {
		f.Values = append(f.Values, policy.Range{Min: v, Max: v})
	}
	return policy.Selector{Args: []policy.ArgFilter{f}}
}

// on is a rule for the first argument of a function.
func on(slot uint32, src match.Source, typ policy.Type, selectors ...policy.Selector) match.Rule {
	return match.Rule{Slot: slot, Args: []match.Source{src}, Types: []policy.Type{typ}, Selectors: selectors}
}

func register() match.Source { return match.Source{Kind: match.Register} }

func constant(v uint64) match.Source { return match.Source{Kind: match.Constant, Value: v} }

// counted compiles and runs the code for an event with one argument.
func counted(t *testing.T, in match.Input, arg uint64) (map[uint32]int, asm.Instructions) {
	t.Helper()
	ins, err := match.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := reachable(ins); err != nil {
		t.Fatalf("%v in\n%v", err, ins)
	}
	m := machine{event: reference.Event{Args: []uint64{arg, 0, 0, 0, 0, 0}}, garbage: rand.New(rand.NewPCG(1, 1))}
	// The user word at address a is a with the upper half swapped in.
	m.userWord = func(address uint64) uint64 { return address>>32 | address<<32 }
	if err := m.run(ins); err != nil {
		t.Fatalf("%v in\n%v", err, ins)
	}
	return m.counted, ins
}

func TestCompile(t *testing.T) {
	guard := func(dereference bool) *match.Guard { return &match.Guard{Dereference: dereference, Mask: 1 << 28} }
	setuid := on(7, register(), "int", filter(policy.NotEqual, 0))
	tests := []struct {
		name string
		in   match.Input
		arg  uint64
		want map[uint32]int
		size int // in instructions, 0 for any
	}{
		{"no rules", match.Input{}, 0, map[uint32]int{}, 3},
		{"no selectors", match.Input{Rules: []match.Rule{{Slot: 7}}}, 0, map[uint32]int{7: 1}, 6},
		{"an empty selector", match.Input{Rules: []match.Rule{{Slot: 7, Selectors: []policy.Selector{{}}}}}, 0, map[uint32]int{7: 1}, 0},
		{"garbage above an int", match.Input{Rules: []match.Rule{setuid}}, 0xdead_0000_0000, map[uint32]int{}, 0},
		{"two rules", match.Input{Rules: []match.Rule{setuid, {Slot: 8}}}, 1, map[uint32]int{7: 1, 8: 1}, 0},
		{"the second of two rules", match.Input{Rules: []match.Rule{setuid, {Slot: 8}}}, 0, map[uint32]int{8: 1}, 0},
		{"two rules with one slot", match.Input{Rules: []match.Rule{setuid, setuid}}, 1, map[uint32]int{7: 2}, 0},
		{"two selectors match", match.Input{Rules: []match.Rule{
			on(7, register(), "int", filter(policy.Equal, 5), filter(policy.GreaterThan, 4)),
		}}, 5, map[uint32]int{7: 1}, 0},
		{"a selector dead by a constant", match.Input{Rules: []match.Rule{
			on(7, constant(2), "int", filter(policy.Equal, 1)),
		}}, 0, map[uint32]int{}, 4},
		{"a filter true by a constant", match.Input{Rules: []match.Rule{
			on(7, constant(2), "int", filter(policy.Equal, 2)),
		}}, 0, map[uint32]int{7: 1}, 0},
		{"a negative constant", match.Input{Rules: []match.Rule{
			on(7, constant(math.MaxUint64), "int", filter(policy.LessThan, 0)),
		}}, 0, map[uint32]int{7: 1}, 0},
		{"a dead selector before a live one", match.Input{Rules: []match.Rule{
			on(7, constant(2), "int", filter(policy.Equal, 1), policy.Selector{}),
		}}, 0, map[uint32]int{7: 1}, 0},
		{"a dead selector after a live one", match.Input{Rules: []match.Rule{
			on(7, constant(2), "int", policy.Selector{}, filter(policy.Equal, 1)),
		}}, 0, map[uint32]int{7: 1}, 0},
		{"the guard holds", match.Input{Guard: guard(false), Rules: []match.Rule{{Slot: 7}}}, 1<<28 | 1, map[uint32]int{7: 1}, 0},
		{"the guard does not hold", match.Input{Guard: guard(false), Rules: []match.Rule{{Slot: 7}, {Slot: 8}}}, 1 << 27, map[uint32]int{}, 0},
		{"the guard behind a pointer holds", match.Input{Guard: guard(true), Rules: []match.Rule{{Slot: 7}}}, 1 << 60, map[uint32]int{7: 1}, 0},
		{"the guard behind a pointer does not hold", match.Input{Guard: guard(true), Rules: []match.Rule{{Slot: 7}}}, 1 << 28, map[uint32]int{}, 0},
		{"a guard without rules", match.Input{Guard: guard(false)}, 1 << 28, map[uint32]int{}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ins := counted(t, test.in, test.arg)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("counts differ (-want +got):\n%s", diff)
			}
			if test.size != 0 && len(ins) != test.size {
				t.Errorf("%d instructions, want %d:\n%v", len(ins), test.size, ins)
			}
			if ins[0].Symbol() != "" {
				t.Errorf("the first instruction carries the symbol %q", ins[0].Symbol())
			}
		})
	}
}

// TestImmediates: an immediate has 32 bits and is sign extended, so a constant
// that would not survive this goes through a register.
func TestImmediates(t *testing.T) {
	tests := map[string]struct {
		constant uint64
		loaded   bool
	}{
		"0":                  {0, false},
		"largest immediate":  {math.MaxInt32, false},
		"one more":           {math.MaxInt32 + 1, true},
		"-1":                 {math.MaxUint64, false},
		"smallest immediate": {1<<64 - 1<<31, false},
		"one less":           {1<<64 - 1<<31 - 1, true},
		"all bits of 32":     {math.MaxUint32, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rule := on(7, register(), "uint64", filter(policy.Equal, test.constant))
			got, ins := counted(t, match.Input{Rules: []match.Rule{rule}}, test.constant)
			if diff := cmp.Diff(map[uint32]int{7: 1}, got); diff != "" {
				t.Errorf("counts differ (-want +got):\n%s", diff)
			}
			loaded := strings.Contains(listing(ins), "LdImmDW")
			if loaded != test.loaded {
				t.Errorf("64-bit load %t, want %t:\n%v", loaded, test.loaded, ins)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	namespace := policy.NamespaceFilter{
		Pos: policy.Pos{File: "p.yaml", Line: 3, Column: 5}, Namespace: policy.Time, Operator: policy.In, Host: true,
	}
	binary := policy.BinaryFilter{
		Pos: policy.Pos{File: "p.yaml", Line: 3, Column: 5}, Operator: policy.In, Paths: []string{"/bin/a"},
	}
	tests := []struct {
		name string
		rule match.Rule
		is   error
		want string
	}{
		{
			"no argument", on(0, match.Source{}, "int", filter(policy.Equal, 1)), match.ErrNoArgument,
			"p.yaml:3:5: argument 0: argument is not available at this attach point",
		},
		{
			"no integer", on(0, register(), "string", filter(policy.Equal, 1)), nil,
			"p.yaml:3:5: filter on an argument of type string",
		},
		{
			"no such namespace",
			match.Rule{Selectors: []policy.Selector{{Namespaces: []policy.NamespaceFilter{namespace}}}},
			nil,
			"p.yaml:3:5: this kernel has no Time namespace",
		},
		{
			"no id",
			match.Rule{Selectors: []policy.Selector{{Binaries: []policy.BinaryFilter{binary}}}},
			nil,
			"p.yaml:3:5: binary /bin/a has no id",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ins, err := match.Compile(match.Input{Rules: []match.Rule{test.rule}})
			if err == nil || ins != nil {
				t.Fatalf("instructions %v, error %v: want an error only", ins, err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error differs (-want +got):\n%s", diff)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %v is not %v", err, test.is)
			}
		})
	}
}

// TestTooLong finds the longest jump from both sides: a comparison with a 64-bit
// constant takes three units, and the first filter jumps over the second.
func TestTooLong(t *testing.T) {
	compile := func(values int) error {
		var long []uint64
		for i := range values {
			long = append(long, 1<<40+uint64(i))
		}
		s := filter(policy.Equal, 1)
		s.Args = append(s.Args, filter(policy.NotEqual, long...).Args...)
		_, err := match.Compile(match.Input{Rules: []match.Rule{on(7, register(), "uint64", s)}})
		return err
	}
	// Between the jump and its target: a load, the comparisons, a jump.
	fits := (math.MaxInt16 - 2) / 3
	if err := compile(fits); err != nil {
		t.Errorf("%d values: unexpected error: %v", fits, err)
	}
	if err := compile(fits + 1); !errors.Is(err, match.ErrTooLong) {
		t.Errorf("%d values: error %v, want %v", fits+1, err, match.ErrTooLong)
	}
}

// TestLargest: what package policy accepts at most either compiles or is
// refused with the error that says so.
func TestLargest(t *testing.T) {
	var values []uint64
	for i := range policy.MaxValues {
		values = append(values, 1<<40+uint64(i))
	}
	var s policy.Selector
	for range policy.MaxFilters {
		s.Args = append(s.Args, filter(policy.Equal, values...).Args...)
	}
	for n := 1; n <= policy.MaxSelectors; n++ {
		var selectors []policy.Selector
		for range n {
			selectors = append(selectors, s)
		}
		ins, err := match.Compile(match.Input{Rules: []match.Rule{on(7, register(), "uint64", selectors...)}})
		if err != nil && !errors.Is(err, match.ErrTooLong) || (ins == nil) == (err == nil) {
			t.Errorf("%d selectors: %d instructions, error %v", n, len(ins), err)
		}
		if err == nil && reachable(ins) != nil {
			t.Errorf("%d selectors: %v", n, reachable(ins))
		}
	}
}
