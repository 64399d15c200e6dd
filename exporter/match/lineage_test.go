// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// shell is a call by sudo that a shell of sshd started, which has left its mount
// namespace and lost capability 2.
func shell() reference.Event {
	e := sudo()
	e.Origin.Executed = []string{"/usr/sbin/sshd", "/bin/sh", "/usr/bin/sudo"}
	e.ParentOrigin.Executed = []string{"/usr/sbin/sshd", "/bin/sh"}
	e.Before = reference.Privileges{
		Namespaces:   map[policy.Namespace]uint32{policy.User: 8, policy.Mnt: 4},
		Capabilities: map[policy.CapabilitySet]uint64{policy.Effective: 0b110},
	}
	return e
}

func descendants(op policy.Operator, paths ...string) policy.Selector {
	return policy.Selector{Binaries: []policy.BinaryFilter{{Operator: op, Paths: paths, FollowChildren: true}}}
}

func parents(op policy.Operator, paths ...string) policy.Selector {
	return policy.Selector{ParentBinaries: descendants(op, paths...).Binaries}
}

func namespaceChanges(op policy.Operator, list ...policy.Namespace) policy.Selector {
	return policy.Selector{NamespaceChanges: []policy.NamespaceChangeFilter{{Operator: op, Namespaces: list}}}
}

func capabilityChanges(op policy.Operator, mask uint64) policy.Selector {
	return policy.Selector{CapabilityChanges: []policy.CapabilityFilter{{Operator: op, Set: policy.Effective, Mask: mask}}}
}

// TestLineage executes filters on how the process began twice: what a process is
// matches always, what it changed once. Where nothing is known none matches.
func TestLineage(t *testing.T) {
	tests := []struct {
		name     string
		selector policy.Selector
		want     int
	}{
		{"itself", descendants(policy.In, "/usr/bin/sudo"), 2},
		{"ancestor", descendants(policy.In, "/usr/bin/runc", "/usr/sbin/sshd"), 2},
		{"nobody", descendants(policy.In, "/usr/bin/runc"), 0},
		{"not nobody", descendants(policy.NotIn, "/usr/bin/runc"), 2},
		{"not ancestor", descendants(policy.NotIn, "/usr/bin/runc", "/usr/sbin/sshd"), 0},
		{"parent", parents(policy.In, "/bin/sh"), 2},
		{"parent is not the process", parents(policy.In, "/usr/bin/sudo"), 0},
		{"not parent", parents(policy.NotIn, "/usr/bin/sudo"), 2},
		{"namespace", namespaceChanges(policy.In, policy.Net, policy.Mnt), 1},
		{"namespace that is the same", namespaceChanges(policy.In, policy.User), 0},
		{"other namespace", namespaceChanges(policy.NotIn, policy.User), 1},
		{"no other namespace", namespaceChanges(policy.NotIn, policy.Mnt), 0},
		{"capability", capabilityChanges(policy.In, 0b100), 1},
		{"capability that is the same", capabilityChanges(policy.In, 0b010), 0},
		{"other capability", capabilityChanges(policy.NotIn, 0b010), 1},
		{"no other capability", capabilityChanges(policy.NotIn, 0b100), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := shell()
			if got := twice(t, test.selector, e); got != test.want {
				t.Errorf("matches %d times, want %d", got, test.want)
			}
			e.Origin.Unknown, e.ParentOrigin.Unknown = true, true
			if got := twice(t, test.selector, e); got != 0 {
				t.Errorf("matches %d times though nothing is known", got)
			}
		})
	}
}

// twice returns how often a selector matches two equal events.
func twice(t *testing.T, s policy.Selector, e reference.Event) int {
	t.Helper()
	m := machine{world: newWorld(e, rand.New(rand.NewPCG(1, 1)))}
	in := match.Input{Rules: []match.Rule{{Slot: 7, Selectors: []policy.Selector{s}}}}
	lineageInput(&in)
	m.descents, m.changes = in.Descents, in.Changes
	ins, err := match.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, &m, ins)
	execute(t, &m, ins)
	return m.counted[7]
}

// TestPathsKey: the same list has the same key, by whoever and in whatever order.
func TestPathsKey(t *testing.T) {
	key := func(op policy.Operator, paths ...string) uint64 {
		return match.PathsKey(policy.BinaryFilter{Operator: op, Paths: paths})
	}
	got := []bool{
		key(policy.In, "/a", "/b") == key(policy.NotIn, "/b", "/a", "/b"),
		key(policy.In, "/a", "/b") == key(policy.In, "/a"),
		key(policy.In, "/a", "/b") == key(policy.In, "/a/b"),
	}
	if diff := cmp.Diff([]bool{true, false, false}, got); diff != "" {
		t.Errorf("equal keys differ (-want +got):\n%s", diff)
	}
}
