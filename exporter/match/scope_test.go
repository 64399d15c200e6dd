// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// scopeNumbers numbers the scopes that the tests of this package use.
func scopeNumbers() map[string]uint32 {
	return map[string]uint32{
		host().Key(): 3,
		team().Key(): 70,
		(policy.Scoped{Namespace: "team", Scope: host().Scope}).Key(): 1023,
	}
}

func host() policy.Scoped { return policy.Scoped{Scope: policy.Scope{Host: true}} }

func team() policy.Scoped {
	requirement := policy.Requirement{Key: "app", Operator: "In", Values: []string{"web", "db"}}
	return policy.Scoped{
		Namespace: "team",
		Scope:     policy.Scope{Pod: &policy.LabelSelector{Requirements: []policy.Requirement{requirement}}},
	}
}

// inScope is the function of bpf/event.h.
func (w *world) inScope(p []uint64) (uint64, error) {
	for key, number := range scopeNumbers() {
		if uint64(number) == p[0] {
			if w.event.Scopes[key] {
				return 1, nil
			}
			return 0, nil
		}
	}
	return 0, fmt.Errorf("no scope has number %d", p[0])
}

// TestScope: what is not for the process is not tested, and never counts.
func TestScope(t *testing.T) {
	onHost := policy.Selector{Workloads: []policy.WorkloadFilter{{Scope: host().Scope}}}
	anywhere := policy.Selector{Workloads: []policy.WorkloadFilter{{}}}
	five := filter(policy.Equal, 5)
	inTeam := policy.Scoped{Namespace: "team", Scope: host().Scope}
	tests := []struct {
		name      string
		rule      policy.Scoped
		selectors []policy.Selector
		in        []policy.Scoped
		want      int
		calls     []string
	}{
		{"no scope", policy.Scoped{}, []policy.Selector{five}, nil, 1, []string{"count"}},
		{"in scope", team(), []policy.Selector{five}, []policy.Scoped{team()}, 1, []string{"in_scope", "count"}},
		{"out of scope", team(), []policy.Selector{five}, []policy.Scoped{host()}, 0, []string{"in_scope"}},
		{"no selectors", team(), nil, []policy.Scoped{team()}, 1, []string{"in_scope", "count"}},
		{"no selectors, out of scope", team(), nil, nil, 0, []string{"in_scope"}},
		{"selector in scope", policy.Scoped{}, []policy.Selector{onHost}, []policy.Scoped{host()}, 1, []string{"in_scope", "count"}},
		{"selector out of scope", policy.Scoped{}, []policy.Selector{onHost}, nil, 0, []string{"in_scope"}},
		{"the next selector is for all", policy.Scoped{}, []policy.Selector{onHost, anywhere}, nil, 1, []string{"in_scope", "count"}},
		{"selector stays in the namespace", team(), []policy.Selector{onHost}, []policy.Scoped{team(), host()}, 0, []string{"in_scope", "in_scope"}},
		{"selector in the namespace", team(), []policy.Selector{onHost}, []policy.Scoped{team(), inTeam}, 1, []string{"in_scope", "in_scope", "count"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := machine{world: newWorld(sudo(), rand.New(rand.NewPCG(1, 1)))}
			m.event.Scopes = map[string]bool{}
			for _, s := range test.in {
				m.event.Scopes[s.Key()] = true
			}
			rule := on(7, register(), "int", test.selectors...)
			rule.Scope = test.rule
			ins, err := match.Compile(match.Input{Rules: []match.Rule{rule}, Scopes: scopeNumbers()})
			if err != nil {
				t.Fatal(err)
			}
			execute(t, &m, ins)
			if diff := cmp.Diff(test.want, m.counted[7]); diff != "" {
				t.Errorf("count (-want +got):\n%s", diff)
			}
			if !slices.Equal(m.trace, test.calls) {
				t.Errorf("called %v, want %v", m.trace, test.calls)
			}
		})
	}
}

// TestScopeForgotten: a call out of scope leaves nothing that a later return
// would find.
func TestScopeForgotten(t *testing.T) {
	rule := on(7, register(), "int", policy.Selector{Return: filter(policy.Equal, 0).Args})
	rule.Scope = team()
	rule.Return = match.Arg{Source: match.Source{Kind: match.Register, Index: match.ReturnRegister}, Type: "int"}
	m := machine{world: newWorld(sudo(), rand.New(rand.NewPCG(1, 1)))}
	half := func(exit bool) {
		m.exit = exit
		ins, err := match.Compile(match.Input{Rules: []match.Rule{rule}, Scopes: scopeNumbers(), Exit: exit})
		if err != nil {
			t.Fatal(err)
		}
		execute(t, &m, ins)
	}
	m.event.Scopes = map[string]bool{team().Key(): true}
	half(false) // its return is missed
	m.event.Scopes = nil
	half(false)
	half(true)
	if m.counted[7] != 0 {
		t.Errorf("counted %d events out of scope", m.counted[7])
	}
}

func TestExplainScope(t *testing.T) {
	rule := on(7, register(), "int", filter(policy.Equal, 5))
	rule.Scope = team()
	got, err := match.Explain(rule, match.Input{Scopes: scopeNumbers()})
	want := []string{"process of (namespace team, pods app in {web, db}) && arg 0 (int) == 5"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, differs (-want +got):\n%s", err, diff)
	}
}
