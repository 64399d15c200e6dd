// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// event is a call by sudo.
func sudo() reference.Event {
	return reference.Event{
		Args:   []uint64{5, 0, 0, 0, 0, 0},
		Binary: "/usr/bin/sudo", Parent: "/bin/sh", PIDs: []uint32{70, 60, 1}, NamespacePIDs: []uint32{7, 1},
		Capabilities: map[policy.CapabilitySet]uint64{policy.Effective: 0b010},
		Namespaces:   map[policy.Namespace]uint32{policy.User: 8, policy.Mnt: 5},
		Host:         map[policy.Namespace]uint32{policy.User: 9, policy.Mnt: 5},
	}
}

func TestCaller(t *testing.T) {
	capability := func(host uint32) policy.CapabilityFilter {
		return policy.CapabilityFilter{Set: policy.Effective, Operator: policy.In, Mask: 0b110, Namespace: host != 0}
	}
	binary := func(op policy.Operator, paths ...string) []policy.BinaryFilter {
		return []policy.BinaryFilter{{Operator: op, Paths: paths}}
	}
	pid := func(f policy.PIDFilter) policy.Selector { return policy.Selector{PIDs: []policy.PIDFilter{f}} }
	tests := []struct {
		name     string
		selector policy.Selector
		want     bool
	}{
		{"pid", pid(policy.PIDFilter{Operator: policy.In, Values: []uint32{1, 70}}), true},
		{"not pid", pid(policy.PIDFilter{Operator: policy.NotIn, Values: []uint32{1, 70}}), false},
		{"pid of an ancestor", pid(policy.PIDFilter{Operator: policy.In, Values: []uint32{2, 60}, FollowForks: true}), true},
		{
			"outside of the container's first process",
			pid(policy.PIDFilter{Operator: policy.NotIn, Values: []uint32{0, 1}, FollowForks: true, Namespace: true}), false,
		},
		{"pid in its namespace", pid(policy.PIDFilter{Operator: policy.In, Values: []uint32{7}, Namespace: true}), true},
		{"capability", policy.Selector{Capabilities: []policy.CapabilityFilter{capability(0)}}, true},
		{"capability in a namespace", policy.Selector{Capabilities: []policy.CapabilityFilter{capability(9)}}, true},
		{"binary", policy.Selector{Binaries: binary(policy.In, "/usr/bin/sudo")}, true},
		{"not binary", policy.Selector{Binaries: binary(policy.NotIn, "/usr/bin/sudo")}, false},
		{"directory", policy.Selector{Binaries: binary(policy.Prefix, "/usr/bin/")}, true},
		{"not directory", policy.Selector{Binaries: binary(policy.NotPrefix, "/usr/bin/")}, false},
		{"name", policy.Selector{Binaries: binary(policy.Postfix, "/su")}, false},
		{"parent", policy.Selector{ParentBinaries: binary(policy.In, "/bin/sh", "/usr/bin/sudo")}, true},
		{"parent's name", policy.Selector{ParentBinaries: binary(policy.NotPostfix, "/bash", "/sh")}, false},
	}
	for _, test := range tests {
		for _, unnamed := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				m := machine{world: newWorld(sudo(), rand.New(rand.NewPCG(1, 1)))}
				m.binaries, m.unnamed = binaries(), unnamed
				ins, err := match.Compile(match.Input{
					Rules:    []match.Rule{{Slot: 7, Selectors: []policy.Selector{test.selector}}},
					Binaries: binaries(), HostNamespaces: m.event.Host,
				})
				if err != nil {
					t.Fatal(err)
				}
				execute(t, &m, ins)
				execute(t, &m, ins) // with what is known of the executable now
				if diff := cmp.Diff(test.want, m.counted[7] == 2); diff != "" {
					t.Errorf("passes differs (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestVerdict: the path of an executable that has an id is compared once for
// all filters with the same values.
func TestVerdict(t *testing.T) {
	filter := func(op policy.Operator, paths ...string) policy.Selector {
		return policy.Selector{Binaries: []policy.BinaryFilter{{Operator: op, Paths: paths}}}
	}
	compile := func(selectors ...policy.Selector) match.Input {
		return match.Input{Rules: []match.Rule{{Slot: 7, Selectors: selectors}}}
	}
	tests := []struct {
		name    string
		in      match.Input
		unnamed bool
		want    int // readings
	}{
		{"one filter", compile(filter(policy.Prefix, "/etc/")), false, 1},
		{"same values in another order", compile(filter(policy.Prefix, "/etc/", "/var/"), filter(policy.Prefix, "/var/", "/etc/")), false, 1},
		{"the opposite", compile(filter(policy.Prefix, "/etc/"), filter(policy.NotPrefix, "/etc/")), false, 1},
		{"other values", compile(filter(policy.Prefix, "/etc/"), filter(policy.Prefix, "/etc")), false, 2},
		{"other operator", compile(filter(policy.Prefix, "/etc/"), filter(policy.Postfix, "/etc/")), false, 2},
		{"no id", compile(filter(policy.Prefix, "/etc/")), true, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := machine{world: newWorld(sudo(), rand.New(rand.NewPCG(1, 1)))}
			m.binaries, m.unnamed = binaries(), test.unnamed
			ins, err := match.Compile(test.in)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				execute(t, &m, ins)
			}
			m.trace = slices.DeleteFunc(m.trace, func(f string) bool { return f != "text" })
			if len(m.trace) != test.want {
				t.Errorf("the path was read %d times, want %d", len(m.trace), test.want)
			}
		})
	}
}
