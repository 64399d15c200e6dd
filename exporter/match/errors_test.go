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
	caller := func(s policy.Selector) match.Rule { return match.Rule{Selectors: []policy.Selector{s}} }
	binary := policy.BinaryFilter{Pos: at(), Operator: policy.In, Paths: []string{"/bin/a"}}
	follow := binary
	follow.FollowChildren = true
	deep := &policy.Expr{Op: "arg", Type: policy.Integer{Bits: 32, Signed: true}}
	for range 11 {
		deep = &policy.Expr{Op: "+", Type: deep.Type, Args: []*policy.Expr{deep, deep}}
	}
	tests := []struct {
		name string
		rule match.Rule
		is   error
		want string
	}{
		{"no argument", on(0, match.Source{}, "int", filter(policy.Equal, 1)), match.ErrNoArgument, "arg 0: argument is not available at this attach point"},
		{
			"no return value", match.Rule{Selectors: []policy.Selector{{Return: filter(policy.Equal, 1).Args}}}, match.ErrNoArgument,
			"return value: argument is not available at this attach point",
		},
		{"no integer", on(0, register(), "string", filter(policy.GreaterThan, 1)), match.ErrUnsupported, "operator GreaterThan on an argument of type string: not supported yet"},
		{"no text", on(0, register(), "int", argFilters(policy.ArgFilter{Operator: policy.Prefix})), match.ErrUnsupported, "operator Prefix on an argument of type int: not supported yet"},
		{"nothing that is compared", on(0, register(), "bpf_map", filter(policy.Equal, 1)), match.ErrUnsupported, "operator Equal on an argument of type bpf_map: not supported yet"},
		{"substring", on(0, register(), "string", argFilters(policy.ArgFilter{Operator: policy.SubString})), match.ErrUnsupported, "operator SubString on an argument of type string: not supported yet"},
		{"no file", on(0, register(), "string", argFilters(policy.ArgFilter{Operator: policy.FileType})), match.ErrUnsupported, "operator FileType on an argument of type string: not supported yet"},
		{"no such list", on(0, register(), "int", argFilters(policy.ArgFilter{Operator: policy.InMap, Lists: []string{"a"}})), nil, "list a is not known"},
		{"no expression", on(0, register(), "int", argFilters(policy.ArgFilter{Operator: policy.CelExpr})), nil, "no expression"},
		{"deep expression", on(0, register(), "int", argFilters(policy.ArgFilter{Operator: policy.CelExpr, Expr: deep})), match.ErrUnsupported, "the expression is nested too deep: not supported yet"},
		{
			"no such namespace", caller(policy.Selector{Namespaces: []policy.NamespaceFilter{{Pos: at(), Namespace: policy.Time, Operator: policy.In, Host: true}}}), nil,
			"this kernel has no Time namespace",
		},
		{
			"no user namespace", caller(policy.Selector{Capabilities: []policy.CapabilityFilter{{Pos: at(), Set: policy.Effective, Operator: policy.In, Namespace: true}}}), nil,
			"this kernel has no User namespace",
		},
		{"no id", caller(policy.Selector{Binaries: []policy.BinaryFilter{binary}}), nil, "binary /bin/a has no id"},
		{"children", caller(policy.Selector{Binaries: []policy.BinaryFilter{follow}}), match.ErrUnsupported, "followChildren: not supported yet"},
		{"parent's children", caller(policy.Selector{ParentBinaries: []policy.BinaryFilter{follow}}), match.ErrUnsupported, "followChildren: not supported yet"},
		{
			"capability changes", caller(policy.Selector{CapabilityChanges: []policy.CapabilityFilter{{Pos: at()}}}), match.ErrUnsupported,
			"matchCapabilityChanges: not supported yet",
		},
		{
			"namespace changes", caller(policy.Selector{NamespaceChanges: []policy.NamespaceChangeFilter{{Pos: at()}}}), match.ErrUnsupported,
			"matchNamespaceChanges: not supported yet",
		},
		{"workloads", caller(policy.Selector{Workloads: []policy.WorkloadFilter{{Pos: at()}}}), match.ErrUnsupported, "matchWorkloads: not supported yet"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := match.Input{Rules: []match.Rule{test.rule}, Exit: match.NeedsReturn(test.rule.Selectors)}
			ins, err := match.Compile(in)
			if err == nil || ins != nil {
				t.Fatalf("instructions %v, error %v: want an error only", ins, err)
			}
			if diff := cmp.Diff(at().String()+": "+test.want, err.Error()); diff != "" {
				t.Errorf("error differs (-want +got):\n%s", diff)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %v is not %v", err, test.is)
			}
			if _, explained := match.Explain(test.rule, in); explained == nil || explained.Error() != err.Error() {
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
