// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// TestReturn: an event counts once, as soon as it is known to match.
func TestReturn(t *testing.T) {
	now := filter(policy.Equal, 5) // matches at the call
	never := filter(policy.Equal, 6)
	fails := policy.Selector{Return: filter(policy.LessThan, 0).Args} // matches when it returns -1
	both := policy.Selector{Args: now.Args, Return: fails.Return}
	neither := policy.Selector{Args: never.Args, Return: fails.Return}
	succeeds := policy.Selector{Args: now.Args, Return: filter(policy.Equal, 0).Args}
	tests := []struct {
		name      string
		selectors []policy.Selector
		entry     int // counts at the call
		exit      int // and at the return
	}{
		{"at the call", []policy.Selector{now}, 1, 0},
		{"at the return", []policy.Selector{fails}, 0, 1},
		{"both halves match", []policy.Selector{both}, 0, 1},
		{"the first half does not match", []policy.Selector{neither}, 0, 0},
		{"the second half does not match", []policy.Selector{succeeds}, 0, 0},
		{"one selector of each kind", []policy.Selector{fails, now}, 1, 0},
		{"one of each kind, the one for the call fails", []policy.Selector{never, fails}, 0, 1},
		{"the second of two that wait", []policy.Selector{succeeds, both}, 0, 1},
		{"two that match", []policy.Selector{both, fails}, 0, 1},
		{"none", nil, 1, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rule := on(7, register(), "int", test.selectors...)
			rule.Return = match.Arg{Source: match.Source{Kind: match.Register, Index: match.ReturnRegister}, Type: "int"}
			e := sudo()
			e.Return = 0xffff_ffff
			m := machine{world: newWorld(e, rand.New(rand.NewPCG(1, 1)))}
			for half, want := range []int{test.entry, test.entry + test.exit} {
				m.exit = half == 1
				ins, err := match.Compile(match.Input{Rules: []match.Rule{rule, rule}, Exit: m.exit})
				if err != nil {
					t.Fatal(err)
				}
				execute(t, &m, ins)
				if diff := cmp.Diff(2*want, m.counted[7]); diff != "" {
					t.Errorf("count of two rules after half %d differs (-want +got):\n%s", half, diff)
				}
			}
		})
	}
}

// TestForgottenCall: a call whose return was missed does not decide about the
// next one.
func TestForgottenCall(t *testing.T) {
	rule := on(7, register(), "int", policy.Selector{
		Args: filter(policy.Equal, 5).Args, Return: filter(policy.Equal, 0).Args,
	})
	rule.Return = match.Arg{Source: match.Source{Kind: match.Register, Index: match.ReturnRegister}, Type: "int"}
	m := machine{world: newWorld(sudo(), rand.New(rand.NewPCG(1, 1)))}
	for _, step := range []struct {
		arg  byte
		exit bool
	}{{5, false}, {6, false}, {6, true}} {
		m.memo[0], m.exit = step.arg, step.exit
		ins, err := match.Compile(match.Input{Rules: []match.Rule{rule}, Exit: step.exit})
		if err != nil {
			t.Fatal(err)
		}
		execute(t, &m, ins)
	}
	if m.counted[7] != 0 {
		t.Errorf("counted %d times, want 0", m.counted[7])
	}
}

func TestNeedsReturn(t *testing.T) {
	returned := policy.Selector{Return: filter(policy.Equal, 1).Args}
	for want, selectors := range map[bool][]policy.Selector{false: {{}}, true: {{}, returned}} {
		if got := match.NeedsReturn(selectors); got != want {
			t.Errorf("NeedsReturn(%v) = %t", selectors, got)
		}
	}
}
