// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// at is where the filters of TestErrors are.
func at() policy.Pos { return policy.Pos{File: "p.yaml", Line: 3, Column: 5} }

// argFilters are filters of a selector on the first argument.
func argFilters(list ...policy.ArgFilter) policy.Selector {
	for i := range list {
		list[i].Pos = at()
	}
	return policy.Selector{Args: list}
}

func TestErrors(t *testing.T) {
	arg := func(typ policy.Type, f policy.ArgFilter) match.Rule { return on(0, register(), typ, argFilters(f)) }
	integer := policy.ArgFilter{Operator: policy.GreaterThan, Values: []policy.Range{{Min: 1, Max: 1}}}
	deep := &policy.Expr{Op: "arg", Type: policy.Integer{Bits: 32, Signed: true}}
	for range 11 {
		deep = &policy.Expr{Op: "+", Type: deep.Type, Args: []*policy.Expr{deep, deep}}
	}
	expect(t, []failure{
		{"no argument", on(0, match.Source{}, "int", argFilters(integer)), match.ErrNoArgument, "arg 0: argument is not available at this attach point"},
		{
			"no return value",
			match.Rule{Selectors: []policy.Selector{{Return: argFilters(integer).Args}}},
			match.ErrNoArgument,
			"return value: argument is not available at this attach point",
		},
		{"no integer", arg("string", integer), match.ErrUnsupported, "operator GreaterThan on an argument of type string: not supported yet"},
		{"no text", arg("int", texts(policy.Prefix)), match.ErrUnsupported, "operator Prefix on an argument of type int: not supported yet"},
		{"nothing to compare", arg("bpf_map", integer), match.ErrUnsupported, "operator GreaterThan on an argument of type bpf_map: not supported yet"},
		{"no file", arg("string", texts(policy.FileType)), match.ErrUnsupported, "operator FileType on an argument of type string: not supported yet"},
		{"no socket", arg("sock", texts(policy.Equal)), match.ErrUnsupported, "operator Equal on an argument of type sock: not supported yet"},
		{"list without numbers", arg("int", policy.ArgFilter{Operator: policy.InMap}), nil, "operator InMap has no integers to compare with"},
		{"text without strings", arg("path", texts(policy.Prefix)), nil, "operator Prefix has no strings to compare with"},
		{"no such list", arg("int", policy.ArgFilter{Operator: policy.InMap, Lists: []string{"a"}}), nil, "list a is not known"},
		{"no expression", arg("int", policy.ArgFilter{Operator: policy.CelExpr}), nil, "no expression"},
		{
			"deep expression",
			arg("int", policy.ArgFilter{Operator: policy.CelExpr, Expr: deep}),
			match.ErrUnsupported, "the expression is nested too deep: not supported yet",
		},
	})
}

func TestCallerErrors(t *testing.T) {
	binary := policy.BinaryFilter{Pos: at(), Operator: policy.In, Paths: []string{"/bin/a"}}
	follow := binary
	follow.FollowChildren = true
	capability := policy.CapabilityFilter{Pos: at(), Set: policy.Effective, Operator: policy.In, Namespace: true}
	time := policy.NamespaceFilter{Pos: at(), Namespace: policy.Time, Operator: policy.In, Host: true}
	caller := func(s policy.Selector) match.Rule { return match.Rule{Selectors: []policy.Selector{s}} }
	expect(t, []failure{
		{"no such namespace", caller(policy.Selector{Namespaces: []policy.NamespaceFilter{time}}), nil, "this kernel has no Time namespace, or the agent may not look at that of process 1"},
		{"no user namespace", caller(policy.Selector{Capabilities: []policy.CapabilityFilter{capability}}), nil, "this kernel has no User namespace, or the agent may not look at that of process 1"},
		{"no id", caller(policy.Selector{Binaries: []policy.BinaryFilter{binary}}), nil, "binary /bin/a has no id"},
		{"children", caller(policy.Selector{Binaries: []policy.BinaryFilter{follow}}), nil, "the list of binaries has no number"},
		{"parent's children", caller(policy.Selector{ParentBinaries: []policy.BinaryFilter{follow}}), nil, "the list of binaries has no number"},
		{
			"children of some",
			caller(policy.Selector{Binaries: []policy.BinaryFilter{{Pos: at(), Operator: policy.Prefix, FollowChildren: true}}}),
			match.ErrUnsupported, "operator Prefix with followChildren: not supported yet",
		},
		{
			"capability changes",
			caller(policy.Selector{CapabilityChanges: []policy.CapabilityFilter{{Pos: at()}}}),
			nil, "changes that were counted cannot be kept",
		},
		{
			"namespace changes",
			caller(policy.Selector{NamespaceChanges: []policy.NamespaceChangeFilter{{Pos: at()}}}),
			nil, "changes that were counted cannot be kept",
		},
		{
			"workloads",
			caller(policy.Selector{Workloads: []policy.WorkloadFilter{{Pos: at(), Scope: policy.Scope{Host: true}}}}),
			match.ErrNoScope, "matchWorkloads: there is no room for one more scope",
		},
	})
}

// failure is a rule that does not compile.
type failure struct {
	name string
	rule match.Rule
	is   error
	want string
}

// expect compiles and explains rules whose filters are all at the same place.
func expect(t *testing.T, failures []failure) {
	t.Helper()
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			in := match.Input{Rules: []match.Rule{f.rule}, Exit: match.NeedsReturn(f.rule.Selectors)}
			ins, err := match.Compile(in)
			if err == nil || ins != nil {
				t.Fatalf("instructions %v, error %v: want an error only", ins, err)
			}
			if diff := cmp.Diff(at().String()+": "+f.want, err.Error()); diff != "" {
				t.Errorf("error differs (-want +got):\n%s", diff)
			}
			if f.is != nil && !errors.Is(err, f.is) {
				t.Errorf("error %v is not %v", err, f.is)
			}
			if _, explained := match.Explain(f.rule, in); explained == nil || explained.Error() != err.Error() {
				t.Errorf("Explain returns %v, Compile %v", explained, err)
			}
		})
	}
}

// TestErrorInExpression is at the place within the expression.
func TestErrorInExpression(t *testing.T) {
	at := policy.Pos{File: "p.yaml", Line: 9, Column: 20}
	typ := policy.Integer{Bits: 32, Signed: true}
	tests := map[string]struct {
		expr *policy.Expr
		is   error
	}{
		"no argument": {&policy.Expr{Pos: at, Op: "arg", Arg: 1, Type: typ}, match.ErrNoArgument},
		"no integer":  {&policy.Expr{Pos: at, Op: "arg", Type: typ}, match.ErrUnsupported},
		"no operator": {&policy.Expr{Pos: at, Op: "*", Type: typ}, match.ErrUnsupported},
		"no operand":  {&policy.Expr{Pos: at, Op: "&&", Type: typ}, match.ErrUnsupported},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := argFilters(policy.ArgFilter{Operator: policy.CelExpr, Expr: &policy.Expr{Op: "!", Args: []*policy.Expr{test.expr}}})
			_, err := match.Compile(match.Input{Rules: []match.Rule{on(7, register(), "string", s)}})
			if !errors.Is(err, test.is) || err.Error()[:len(at.String())] != at.String() {
				t.Errorf("error %v, want %v at %v", err, test.is, at)
			}
		})
	}
}
