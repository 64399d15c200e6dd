// SPDX-License-Identifier: Apache-2.0

package match_test

import (
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
	return match.Rule{Slot: slot, Args: []match.Arg{{Source: src, Type: typ}}, Selectors: selectors}
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
	m := machine{world: newWorld(reference.Event{Args: []uint64{arg, 0, 0, 0, 0, 0}}, rand.New(rand.NewPCG(1, 1)))}
	// The user word at address a is a with the upper half swapped in.
	m.userWord = func(address uint64) uint64 { return address>>32 | address<<32 }
	execute(t, &m, ins)
	return m.counted, ins
}

// execute runs code that is as it should be.
func execute(t *testing.T, m *machine, ins asm.Instructions) {
	t.Helper()
	if err := reachable(ins); err != nil {
		t.Fatalf("%v in\n%s", err, short(ins))
	}
	if err := m.run(ins); err != nil {
		t.Fatalf("%v in\n%s", err, short(ins))
	}
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
		}}, 0, map[uint32]int{}, 3},
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
