// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// pgidHook is the system call getpgid with one rule for each policy.
func pgidHook(rules map[string]match.Rule) plan.Hook {
	h := plan.Hook{Label: "kprobe:__x64_sys_getpgid", Place: plan.Place{Section: policy.Kprobes, Function: "__x64_sys_getpgid", Syscall: true}}
	p := plan.Point{Target: "syscalls/sys_enter_getpgid", Syscall: true}
	for name, rule := range rules {
		id := pgidID(name)
		h.Rules = append(h.Rules, plan.Rule{ID: id})
		p.Rules = append(p.Rules, plan.PointRule{ID: id, Rule: rule})
	}
	h.Attaches = []plan.Attach{{Kind: plan.Tracepoint, Points: []plan.Point{p}}}
	return h
}

func pgidID(name string) plan.ID { return plan.ID{Policy: name, Hook: "kprobe:__x64_sys_getpgid"} }

// equal is a rule that compares an argument of the system call with values.
func equal(source match.Source, values ...uint64) match.Rule {
	f := policy.ArgFilter{Operator: policy.Equal}
	for _, v := range values {
		f.Values = append(f.Values, policy.Range{Min: v, Max: v})
	}
	return match.Rule{
		Args:      []match.Arg{{Source: source, Type: "int"}},
		Selectors: []policy.Selector{{Args: []policy.ArgFilter{f}}},
	}
}

func argument(i int) match.Source { return match.Source{Kind: match.Register, Index: i} }

// apply applies a plan of hooks and returns the hooks' states by policy.
func apply(t *testing.T, k *Kernel, hooks ...plan.Hook) map[string]Hook {
	t.Helper()
	states, err := k.Apply(plan.Plan{Hooks: hooks})
	if err != nil {
		t.Fatal(err)
	}
	k.useBTF()
	byPolicy := map[string]Hook{}
	for _, s := range states {
		byPolicy[s.ID.Policy] = s
	}
	return byPolicy
}

// counts returns what is counted for a policy.
func counts(t *testing.T, k *Kernel, id plan.ID) uint64 {
	t.Helper()
	if k.slots.byID[id] == nil {
		return 0
	}
	return total(t, k, k.slots.byID[id].index)
}

func getpgid(t *testing.T, n int) {
	t.Helper()
	for range n {
		if _, err := unix.Getpgid(0); err != nil {
			t.Fatal(err)
		}
	}
}

// One policy whose rule cannot be carried out does not keep those on the same
// hook from counting.
func TestBadRules(t *testing.T) {
	k := open(t)
	many := make([]uint64, maxInstructions+1)
	for i := range many {
		many[i] = uint64(3*i + 1)
	}
	unknown := match.Rule{Selectors: []policy.Selector{{Namespaces: []policy.NamespaceFilter{
		{Namespace: policy.Time, Operator: policy.In, Host: true, Pos: policy.Pos{File: "namespace.yaml", Line: 3}},
	}}}}
	delete(k.hostNS, policy.Time)
	h := pgidHook(map[string]match.Rule{
		"all": {}, "zero": equal(argument(0), 0), "one": equal(argument(0), 1),
		"no-argument": equal(match.Source{}, 0), "too-large": equal(argument(0), many...),
		"beyond-the-event": equal(argument(60), 0), "namespace": unknown, "refused": {},
		"no-room": {},
	})
	long := plan.ID{Policy: strings.Repeat("x", 300), Hook: h.Label}
	h.Rules = append(h.Rules, plan.Rule{ID: long})
	h.Attaches[0].Refused = map[plan.ID]string{pgidID("refused"): "planned so"}
	states := apply(t, k, h)
	getpgid(t, 23)
	for name, want := range map[string]uint64{"all": 23, "zero": 23, "one": 0} {
		if s := states[name]; s.Attach == "" || s.Reason != "" {
			t.Errorf("%s: %+v, want it attached without a reason", name, s)
		}
		if got := counts(t, k, pgidID(name)); got != want {
			t.Errorf("%s counted %d, want %d", name, got, want)
		}
	}
	for name, reason := range map[string]string{
		"no-argument": "not available", "too-large": fmt.Sprintf("more than %d instructions", maxInstructions), "beyond-the-event": "",
		"namespace": "namespace.yaml:3", "refused": "planned so", long.Policy: "longer than 256 bytes",
	} {
		if s := states[name]; s.Attach != "" || s.Reason == "" || !strings.Contains(s.Reason, reason) {
			t.Errorf("%.20s: %+v, want it not attached because of %q", name, s, reason)
		}
	}
}

// Where all policies of a hook together are too much, those that are last in the
// order of their names are left out.
func TestTooMuchTogether(t *testing.T) {
	k := open(t)
	rules := map[string]match.Rule{}
	var names []string
	for i := range 8 {
		values := make([]uint64, maxInstructions*2/5)
		for j := range values {
			values[j] = uint64(3 * j)
		}
		names = append(names, fmt.Sprintf("p%02d", i))
		rules[names[i]] = equal(argument(0), values...)
	}
	states := apply(t, k, pgidHook(rules))
	attached := 0
	for i, name := range names {
		switch s := states[name]; {
		case s.Attach != "" && i > 0 && states[names[i-1]].Attach == "":
			t.Errorf("%s is attached, and one before it is not", name)
		case s.Attach != "":
			attached++
		case !strings.Contains(s.Reason, "too much together"):
			t.Errorf("%s: %+v, want a reason", name, s)
		}
	}
	if attached == 0 || attached == len(names) {
		t.Errorf("%d policies are attached, want some", attached)
	}
}

// If nothing of a hook can be carried out, nothing is attached.
func TestOnlyBadRules(t *testing.T) {
	k := open(t)
	states := apply(t, k, pgidHook(map[string]match.Rule{"no-argument": equal(match.Source{}, 0)}))
	if s := states["no-argument"]; s.Attach != "" || s.Reason == "" || len(k.attached) != 0 {
		t.Errorf("%+v, %d attached", s, len(k.attached))
	}
}
