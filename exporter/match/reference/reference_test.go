// SPDX-License-Identifier: Apache-2.0

package reference_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// TestMatchArg has the answers which the format's documentation gives.
func TestMatchArg(t *testing.T) {
	one := func(v int64) []policy.Range { return []policy.Range{{Min: uint64(v), Max: uint64(v)}} }
	span := func(low, high int64) []policy.Range { return []policy.Range{{Min: uint64(low), Max: uint64(high)}} }
	two := append(one(3), one(4)...)
	tests := []struct {
		name     string
		typ      policy.Type
		op       policy.Operator
		values   []policy.Range
		register uint64
		want     bool
	}{
		{"equal", "int", policy.Equal, two, 4, true},
		{"equal to none", "int", policy.Equal, two, 5, false},
		{"not equal", "int", policy.NotEqual, two, 5, true},
		{"not equal to one of two", "int", policy.NotEqual, two, 4, false},
		{"greater", "int", policy.GreaterThan, one(-1), 0, true},
		{"greater than itself", "int", policy.GreaterThan, one(4), 4, false},
		{"less, negative", "int", policy.LessThan, one(0), 0xffff_ffff, true},
		{"less, unsigned", "uint32", policy.LessThan, one(1), 0xffff_ffff, false},
		{"upper half of an int", "int", policy.Equal, one(0), 0xffff_ffff_0000_0000, true},
		{"upper half of a long", "long", policy.Equal, one(0), 0xffff_ffff_0000_0000, false},
		{"mask of two bits", "int", policy.Mask, one(6), 2, true},
		{"mask of others", "int", policy.Mask, one(6), 9, false},
		{"mask of the sign", "int8", policy.Mask, one(-128), 0x80, true},
		{"in range", "int8", policy.InRange, span(-2, 2), 0xfe, true},
		{"below range", "int8", policy.InRange, span(-2, 2), 0xfd, false},
		{"not in range", "uint8", policy.NotInRange, span(2, 4), 5, true},
		{"not in range, at its end", "uint8", policy.NotInRange, span(2, 4), 4, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hook := policy.Hook{
				Args:      []policy.Arg{{Index: 1, Type: test.typ}},
				Selectors: []policy.Selector{{Args: []policy.ArgFilter{{Operator: test.op, Values: test.values}}}},
			}
			got := reference.Match(hook, reference.Event{Args: []uint64{0, test.register}})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("match differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMatchCaller(t *testing.T) {
	event := reference.Event{
		Binary: "/bin/sh", Parent: "/usr/bin/sudo",
		PIDs: []uint32{70, 60, 1}, NamespacePIDs: []uint32{7, 1},
		Capabilities: map[policy.CapabilitySet]uint64{policy.Effective: 0b110},
		Namespaces:   map[policy.Namespace]uint32{policy.Mnt: 5, policy.Net: 6},
		Host:         map[policy.Namespace]uint32{policy.Mnt: 5, policy.Net: 1},
	}
	capability := func(op policy.Operator, mask uint64) policy.Selector {
		return policy.Selector{Capabilities: []policy.CapabilityFilter{{Set: policy.Effective, Operator: op, Mask: mask}}}
	}
	namespace := func(ns policy.Namespace, op policy.Operator, host bool, inodes ...uint32) policy.Selector {
		return policy.Selector{Namespaces: []policy.NamespaceFilter{{Namespace: ns, Operator: op, Host: host, Inodes: inodes}}}
	}
	binary := func(op policy.Operator, paths ...string) policy.Selector {
		return policy.Selector{Binaries: []policy.BinaryFilter{{Operator: op, Paths: paths}}}
	}
	pid := func(f policy.PIDFilter) policy.Selector { return policy.Selector{PIDs: []policy.PIDFilter{f}} }
	parent := policy.BinaryFilter{Operator: policy.NotPostfix, Paths: []string{"/sudo"}}
	inNamespace := policy.CapabilityFilter{Set: policy.Effective, Operator: policy.In, Mask: 0b010, Namespace: true}
	tests := []struct {
		name     string
		selector policy.Selector
		want     bool
	}{
		{"empty", policy.Selector{}, true},
		{"holds one", capability(policy.In, 0b011), true},
		{"holds none", capability(policy.In, 0b001), false},
		{"must hold none, holds one", capability(policy.NotIn, 0b011), false},
		{"must hold none", capability(policy.NotIn, 0b001), true},
		{"in the host's", namespace(policy.Mnt, policy.In, true), true},
		{"not in the host's", namespace(policy.Net, policy.NotIn, true), true},
		{"not in the host's, is by number", namespace(policy.Net, policy.NotIn, true, 6), false},
		{"binary", binary(policy.In, "/bin/ls", "/bin/sh"), true},
		{"other binary", binary(policy.NotIn, "/bin/ls", "/bin/sh"), false},
		{"directory of the binary", binary(policy.Prefix, "/bin/"), true},
		{"other directory", binary(policy.NotPrefix, "/bin/"), false},
		{"parent", policy.Selector{ParentBinaries: []policy.BinaryFilter{parent}}, false},
		{"pid", pid(policy.PIDFilter{Operator: policy.In, Values: []uint32{70}}), true},
		{"pid of the parent", pid(policy.PIDFilter{Operator: policy.In, Values: []uint32{60}}), false},
		{"pid of an ancestor", pid(policy.PIDFilter{Operator: policy.In, Values: []uint32{1}, FollowForks: true}), true},
		{"pid in the namespace", pid(policy.PIDFilter{Operator: policy.NotIn, Values: []uint32{0, 1}, Namespace: true}), true},
		{"capability on the host", policy.Selector{Capabilities: []policy.CapabilityFilter{inNamespace}}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := reference.Match(policy.Hook{Selectors: []policy.Selector{test.selector}}, event)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("match differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRandom: a generator that draws only misses tests nothing.
func TestRandom(t *testing.T) {
	for _, features := range []reference.Features{reference.Integers | reference.Caller, reference.Everything} {
		rng := rand.New(rand.NewPCG(1, 2))
		const n = 10_000
		matches := 0
		for range n {
			if reference.Match(reference.Random(rng, features)) {
				matches++
			}
		}
		if matches < n/4 || matches > n*3/4 {
			t.Errorf("%d of %d match: want both matches and misses to be common", matches, n)
		}
	}
}

// TestFeatures: without features a hook needs nothing but registers.
func TestFeatures(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		h, e := reference.Random(rng, reference.Integers)
		if len(e.Objects) > 0 || h.ReturnArg != nil {
			t.Fatalf("hook %+v for event %+v", h, e)
		}
		for _, s := range h.Selectors {
			if !cmp.Equal(s, policy.Selector{Args: s.Args, Data: s.Data}) {
				t.Fatalf("selector %+v", s)
			}
		}
	}
}
