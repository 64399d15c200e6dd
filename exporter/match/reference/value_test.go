// SPDX-License-Identifier: Apache-2.0

package reference_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// TestMatchObject has the answers for values that are not integers.
func TestMatchObject(t *testing.T) {
	object := reference.Object{
		Text: "/etc/shadow", FileType: 8, Family: 2, Protocol: 6, State: 1, SourcePort: 1023, DestPort: 1024,
		Source: netip.MustParseAddr("::ffff:10.1.2.3"), Capabilities: 0b001,
	}
	text := func(op policy.Operator, values ...string) policy.ArgFilter {
		return policy.ArgFilter{Operator: op, Strings: values}
	}
	number := func(op policy.Operator, n uint64) policy.ArgFilter {
		return policy.ArgFilter{Operator: op, Values: []policy.Range{{Min: n, Max: n}}}
	}
	network := func(op policy.Operator, cidr string) policy.ArgFilter {
		return policy.ArgFilter{Operator: op, Prefixes: []netip.Prefix{netip.MustParsePrefix(cidr)}}
	}
	gained := number(policy.CapabilitiesGained, 0b010)
	gained.Second = 1
	tests := []struct {
		name   string
		typ    policy.Type
		filter policy.ArgFilter
		want   bool
	}{
		{"equal", "string", text(policy.Equal, "/etc/passwd", "/etc/shadow"), true},
		{"not equal", "file", text(policy.NotEqual, "/etc/shadow", "/etc/passwd"), false},
		{"prefix", "file", text(policy.Prefix, "/usr", "/etc/"), true},
		{"not prefix", "file", text(policy.NotPrefix, "/usr", "/etc/"), false},
		{"postfix", "path", text(policy.Postfix, "adow"), true},
		{"postfix that is too long", "path", text(policy.Postfix, "//etc/shadow"), false},
		{"not postfix", "path", text(policy.NotPostfix, "passwd"), true},
		{"file type", "fd", number(policy.FileType, 8), true},
		{"not file type", "fd", number(policy.NotFileType, 8), false},
		{"family", "sock", number(policy.Family, 10), false},
		{"protocol", "sock", number(policy.Protocol, 6), true},
		{"state", "sock", number(policy.State, 1), true},
		{"source port", "skb", number(policy.SPort, 1023), true},
		{"not destination port", "skb", number(policy.NotDPort, 1024), false},
		{"privileged source port", "sock", policy.ArgFilter{Operator: policy.SPortPriv}, true},
		{"privileged destination port", "sock", policy.ArgFilter{Operator: policy.DPortPriv}, false},
		{"unprivileged destination port", "sock", policy.ArgFilter{Operator: policy.NotDPortPriv}, true},
		{"source address within IPv6", "sock", network(policy.SAddr, "10.1.0.0/16"), true},
		{"source address is not of IPv6", "sock", network(policy.SAddr, "::/0"), false},
		{"not source address", "sock", network(policy.NotSAddr, "10.1.2.2/32"), true},
		{"no destination address", "sock", network(policy.DAddr, "0.0.0.0/0"), false},
		{"no destination address is not outside of a network", "sock", network(policy.NotDAddr, "0.0.0.0/0"), false},
		{"gained a capability", "cap_effective", gained, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hook := policy.Hook{
				Args:      []policy.Arg{{Type: test.typ}, {Index: 1, Type: test.typ}},
				Selectors: []policy.Selector{{Args: []policy.ArgFilter{test.filter}}},
			}
			got := reference.Match(hook, reference.Event{
				Args:    []uint64{0x1000, 0x2000},
				Objects: map[uint64]reference.Object{0x1000: object, 0x2000: {Capabilities: 0b011}},
			})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("match differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMatchBuffer: what comes after the size is not part of a buffer.
func TestMatchBuffer(t *testing.T) {
	hook := policy.Hook{
		Args:      []policy.Arg{{Type: "char_buf", SizeArg: 2}},
		Selectors: []policy.Selector{{Args: []policy.ArgFilter{{Operator: policy.Equal, Strings: []string{"abc"}}}}},
	}
	event := reference.Event{Args: []uint64{0x1000, 3}, Objects: map[uint64]reference.Object{0x1000: {Text: "abcdef"}}}
	if !reference.Match(hook, event) {
		t.Error("a buffer of 3 bytes is not abc")
	}
}

// TestMatchExpression: numbers wrap around at the size of their type.
func TestMatchExpression(t *testing.T) {
	short, truth := policy.Integer{Bits: 8, Signed: true}, policy.Integer{Bits: 1}
	arg := &policy.Expr{Op: "arg", Type: short}
	constant := func(n uint64) *policy.Expr { return &policy.Expr{Op: "const", Value: n, Type: short} }
	apply := func(op string, t policy.Integer, args ...*policy.Expr) *policy.Expr {
		return &policy.Expr{Op: op, Type: t, Args: args}
	}
	tests := map[string]struct {
		expr *policy.Expr
		want bool
	}{
		"sum":        {apply("==", truth, apply("+", short, arg, constant(1)), constant(1<<64-128)), true},
		"difference": {apply("==", truth, apply("-", short, constant(0), arg), constant(1<<64-127)), true},
		"complement": {apply("<", truth, apply("~", short, arg), constant(0)), true},
		"and":        {apply("&&", truth, apply(">", truth, arg, constant(0)), apply("<", truth, arg, constant(0))), false},
		"or":         {apply("||", truth, apply(">", truth, arg, constant(0)), apply("<", truth, arg, constant(0))), true},
		"not":        {apply("!", truth, apply("==", truth, arg, arg)), false},
		"conversion": {apply("==", truth, apply("uint8", policy.Integer{Bits: 8}, apply("~", short, arg)), &policy.Expr{
			Op: "const", Value: 128, Type: policy.Integer{Bits: 8},
		}), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			hook := policy.Hook{
				Args:      []policy.Arg{{Type: "int8"}},
				Selectors: []policy.Selector{{Args: []policy.ArgFilter{{Operator: policy.CelExpr, Expr: test.expr}}}},
			}
			if got := reference.Match(hook, reference.Event{Args: []uint64{127}}); got != test.want {
				t.Errorf("match %t, want %t", got, test.want)
			}
		})
	}
}
