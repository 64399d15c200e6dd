// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// everything is a selector that passes for the event of TestOrder, with its
// filters in the opposite of the order in which they are tested.
func everything() policy.Selector {
	number := func(arg int, op policy.Operator, n uint64) policy.ArgFilter {
		return policy.ArgFilter{Arg: arg, Operator: op, Values: []policy.Range{{Min: n, Max: n}}}
	}
	paths := func(op policy.Operator, path string) []policy.BinaryFilter {
		return []policy.BinaryFilter{{Operator: op, Paths: []string{path}}}
	}
	return policy.Selector{
		Args: []policy.ArgFilter{
			{Arg: 1, Operator: policy.Equal, Strings: []string{"a"}},
			number(1, policy.FileType, 8),
			{Arg: 2, Operator: policy.NotSAddr},
			number(2, policy.Family, 2),
			number(3, policy.Equal, 3),
			number(0, policy.Equal, 5),
		},
		PIDs: []policy.PIDFilter{
			{Operator: policy.In, Values: []uint32{1}, FollowForks: true},
			{Operator: policy.In, Values: []uint32{70}},
		},
		Binaries:       paths(policy.Prefix, "/usr"),
		ParentBinaries: paths(policy.In, "/bin/sh"),
		Namespaces:     []policy.NamespaceFilter{{Namespace: policy.Mnt, Operator: policy.In, Host: true}},
		Capabilities:   []policy.CapabilityFilter{{Set: policy.Effective, Operator: policy.In, Mask: 0b10}},
	}
}

// orderRule declares the arguments of everything.
func orderRule(s policy.Selector) (match.Input, world) {
	e := sudo()
	e.Args = []uint64{5, 0x1000, 0x2000, 0, 0, 0}
	e.Objects = map[uint64]reference.Object{
		0x1000: {Type: "file", Text: "a", FileType: 8},
		0x2000: {Type: "sock", Family: 2, Source: netip.MustParseAddr("10.1.2.3"), Dest: netip.MustParseAddr("10.1.2.4")},
	}
	w := newWorld(e, rand.New(rand.NewPCG(1, 1)))
	w.binaries = binaries()
	w.words[request{"context_word", 16, 4}] = 3
	rule := match.Rule{Slot: 7, Selectors: []policy.Selector{s}}
	for i, typ := range []policy.Type{"int", "file", "sock"} {
		rule.Args = append(rule.Args, match.Arg{Source: match.Source{Kind: match.Register, Index: i}, Type: typ})
	}
	rule.Args = append(rule.Args, match.Arg{Source: match.Source{Kind: match.Field, Offset: 16, Size: 4}, Type: "int"})
	return match.Input{Rules: []match.Rule{rule}, Binaries: binaries(), HostNamespaces: e.Host}, w
}

// TestOrder: what is dear to read is read last, and only if all else passed.
func TestOrder(t *testing.T) {
	whole := []string{
		"pid", "capabilities", "namespace_inode", "context_word", "parent_binary", "sock_word", "sock_address",
		"descends", "file_type", "binary", "verdict", "text", "set_verdict", "text", "count",
	}
	other := map[string]func(e *world){
		"pid":             func(w *world) { w.event.PIDs[0] = 71 },
		"capabilities":    func(w *world) { w.event.Capabilities = nil },
		"namespace_inode": func(w *world) { w.event.Namespaces = nil },
		"context_word":    func(w *world) { w.words[request{"context_word", 16, 4}] = 4 },
		"parent_binary":   func(w *world) { w.event.Parent = "" },
		"sock_word":       func(w *world) { w.event.Objects[0x2000] = reference.Object{Type: "sock"} },
		"descends":        func(w *world) { w.event.PIDs = w.event.PIDs[:1] },
		"file_type":       func(w *world) { w.event.Objects[0x1000] = reference.Object{Type: "file"} },
		"set_verdict":     func(w *world) { w.event.Binary = "/bin/sh" },
		"count":           func(*world) {},
	}
	for i, last := range whole {
		change, ok := other[last]
		if !ok {
			continue
		}
		t.Run(last, func(t *testing.T) {
			in, w := orderRule(everything())
			ins, err := match.Compile(in)
			if err != nil {
				t.Fatal(err)
			}
			m := machine{world: w}
			change(&m.world)
			execute(t, &m, ins)
			if diff := cmp.Diff(whole[:i+1], m.trace); diff != "" {
				t.Errorf("calls differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	integer := policy.Integer{Bits: 32, Signed: true}
	arg := &policy.Expr{Op: "arg", Type: integer}
	five := &policy.Expr{Op: "const", Value: 1<<64 - 5, Type: integer}
	sum := &policy.Expr{Op: "+", Type: integer, Args: []*policy.Expr{arg, five}}
	expression := policy.ArgFilter{Operator: policy.CelExpr, Expr: &policy.Expr{Op: "!", Args: []*policy.Expr{
		{Op: "<", Args: []*policy.Expr{sum, {Op: "int32", Type: integer, Args: []*policy.Expr{arg}}}},
	}}}
	in, _ := orderRule(everything())
	rule := in.Rules[0]
	rule.Return = match.Arg{Source: match.Source{Kind: match.Register, Index: match.ReturnRegister}, Type: "int"}
	rule.Selectors = append(rule.Selectors,
		policy.Selector{Args: []policy.ArgFilter{expression}},
		policy.Selector{Args: filter(policy.LessThan, 1).Args, Return: filter(policy.NotEqual, 1<<64-1).Args},
		policy.Selector{Args: []policy.ArgFilter{
			{Arg: 0, Operator: policy.NotInMap, Values: []policy.Range{{Min: 1, Max: 3}}, Lists: []string{"calls"}},
			{Arg: 0, Operator: policy.Mask, Values: []policy.Range{{Min: 4, Max: 4}}},
			{Arg: 0, Operator: policy.InRange, Values: []policy.Range{{Min: 1, Max: 300}}},
			{Arg: 1, Operator: policy.NotPostfix, Strings: []string{"a b", "/c"}},
			{Arg: 2, Operator: policy.DPortPriv},
		}},
		policy.Selector{},
	)
	in.Lists = map[string][]policy.Range{"calls": {{Min: 1, Max: 1}}}
	got, err := match.Explain(rule, in)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"arg 0 (int) == 5 && pid == 70 && Effective capabilities has 0x2 && Mnt namespace == host_ns && " +
			"arg 3 (int) == 3 && parent binary == /bin/sh && arg 2 (sock) family == 2 && " +
			"arg 2 (sock) source address not in {} && pid or an ancestor's == 1 && arg 1 (file) file type == 8 && " +
			"binary prefix /usr && arg 1 (file) == a",
		"!((arg0 + -5) < int32(arg0))",
		"arg 0 (int) < 1 && return value (int) != -1",
		"arg 0 (int) not in {1:3, list:calls} && arg 0 (int) has 4 && arg 0 (int) in 1:300 && " +
			`arg 2 (sock) destination port in 0:1023 && arg 1 (file) not postfix {"a b", /c}`,
		"always",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines differ (-want +got):\n%s", diff)
	}
}

// TestExplainConstant: what can never match says why.
func TestExplainConstant(t *testing.T) {
	tests := map[string]struct {
		rule match.Rule
		want string
	}{
		"no selectors": {match.Rule{}, "always"},
		"never":        {on(7, constant(2), "int", filter(policy.Equal, 3)), "never: arg 0 (int) == 3"},
		"always":       {on(7, constant(2), "int", filter(policy.Equal, 2)), "arg 0 (int) == 2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := match.Explain(test.rule, match.Input{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{test.want}, got); diff != "" {
				t.Errorf("lines differ (-want +got):\n%s", diff)
			}
		})
	}
}
