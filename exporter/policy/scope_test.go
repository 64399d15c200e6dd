// SPDX-License-Identifier: Apache-2.0

package policy

import "testing"

func TestScopedKey(t *testing.T) {
	labels := func(r ...Requirement) *LabelSelector { return &LabelSelector{Requirements: r} }
	a := Requirement{"app", "In", []string{"x", "y"}}
	b := Requirement{"tier", "Exists", nil}
	base := Scoped{Namespace: "n", Scope: Scope{Pod: labels(a, b)}}
	same := []Scoped{
		{"n", Scope{Pod: labels(b, a)}},
		{"n", Scope{Pod: labels(a, Requirement{"app", "In", []string{"y", "x", "x"}}, b)}},
		{"n", Scope{Pod: &LabelSelector{Pos: Pos{"f", 1, 2}, Requirements: []Requirement{a, b}}}},
	}
	for _, s := range same {
		if s.Key() != base.Key() {
			t.Errorf("%q and %q are the same scope", s.Key(), base.Key())
		}
	}
	others := []Scoped{
		{"m", base.Scope},
		{"n", Scope{Container: base.Pod}},
		{"n", Scope{Pod: base.Pod, Host: true}},
		{"n", Scope{Pod: labels()}},
		{"n", Scope{}},
		{"n", Scope{Pod: labels(Requirement{"app", "NotIn", a.Values}, b)}},
		{"n", Scope{Pod: labels(Requirement{"app", "In", []string{"x y"}}, b)}},
	}
	seen := map[string]bool{base.Key(): true}
	for _, s := range others {
		if seen[s.Key()] {
			t.Errorf("%q is another scope", s.Key())
		}
		seen[s.Key()] = true
	}
}
