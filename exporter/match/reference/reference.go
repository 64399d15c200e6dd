// SPDX-License-Identifier: Apache-2.0

// Package reference says what selectors mean, for tests only: it evaluates them
// in the plainest way, on mathematical integers and Go strings, and shares no
// code with package match. The tests of match compare compiled code with it,
// those that count real events compute their expectations by it. No program
// imports it.
package reference

import (
	"net/netip"
	"slices"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Event is one call of a hooked function and what is known of its caller.
type Event struct {
	// Args are the argument registers of the function, by policy.Arg.Index. Of
	// a register that carries less than 64 bits the others are arbitrary.
	Args   []uint64
	Return uint64 // likewise
	// Objects are what the registers stand for that carry no integers.
	Objects map[uint64]Object
	// Binary is empty for a kernel thread.
	Binary, Parent string
	// PIDs are the ids of the process and, after it, of those it descends from;
	// NamespacePIDs are the same in the process's own pid namespace.
	PIDs, NamespacePIDs []uint32
	Capabilities        map[policy.CapabilitySet]uint64
	Namespaces          map[policy.Namespace]uint32
	// Origin and ParentOrigin are how the process and its parent began.
	Origin, ParentOrigin Origin
	// Before is what the process was allowed when it began, or when the counter
	// last saw it. Unseen says that there is no room to remember what is seen.
	Before Privileges
	Unseen bool
	// Host has the namespaces of the host's first process.
	Host map[policy.Namespace]uint32
	// Scopes are the scopes that the process is in, by their keys.
	Scopes map[string]bool
	// Lists are the numbers in the lists that filters name.
	Lists map[string][]policy.Range
}

// Object is what a pointer or a file descriptor stands for.
type Object struct {
	Type                    policy.Type
	Text                    string // empty if it cannot be read
	FileType                uint64
	Family, Protocol, State uint64
	SourcePort, DestPort    uint64
	Source, Dest            netip.Addr // the zero value if there is none
	Capabilities            uint64
}

// Match says whether the selectors of a hook match the event. No selectors match
// every event.
func Match(h policy.Hook, e Event) bool {
	for _, s := range h.Selectors {
		if matchDeclared(s, h, e) && matchCaller(s, e) {
			return true
		}
	}
	return len(h.Selectors) == 0
}

// matchDeclared decides the filters on what the hook declares.
func matchDeclared(s policy.Selector, h policy.Hook, e Event) bool {
	values := func(declared []policy.Arg) []value {
		var list []value
		for _, a := range declared {
			list = append(list, value{a, e.Args[a.Index]})
		}
		return list
	}
	for _, f := range s.Args {
		if !matchValue(f, values(h.Args), e) {
			return false
		}
	}
	for _, f := range s.Data {
		if !matchValue(f, values(h.Data), e) {
			return false
		}
	}
	for _, f := range s.Return {
		if !matchValue(f, []value{{*h.ReturnArg, e.Return}}, e) {
			return false
		}
	}
	return true
}

// matchCaller decides the filters on the process that makes the call.
func matchCaller(s policy.Selector, e Event) bool {
	for _, f := range s.PIDs {
		if matchPIDs(f, e) == f.Operator.Negated() {
			return false
		}
	}
	if !matchBinaries(s.Binaries, e.Binary, e.Origin) || !matchBinaries(s.ParentBinaries, e.Parent, e.ParentOrigin) {
		return false
	}
	for _, f := range s.Workloads {
		if within := (policy.Scoped{Scope: f.Scope}); !within.Everything() && !e.Scopes[within.Key()] {
			return false
		}
	}
	for _, f := range s.Capabilities {
		onHost := e.Namespaces[policy.User] == e.Host[policy.User]
		if holdsOne := e.Capabilities[f.Set]&f.Mask != 0; holdsOne == f.Operator.Negated() || f.Namespace && onHost {
			return false
		}
	}
	for _, f := range s.Namespaces {
		inode := e.Namespaces[f.Namespace]
		listed := slices.Contains(f.Inodes, inode) || f.Host && inode == e.Host[f.Namespace]
		if listed == f.Operator.Negated() {
			return false
		}
	}
	return matchChanges(s, e)
}

// matchBinaries decides the filters on the executable of a process.
func matchBinaries(filters []policy.BinaryFilter, path string, from Origin) bool {
	for _, f := range filters {
		match := matchText(f.Operator, f.Paths, path) != f.Operator.Negated()
		if f.FollowChildren {
			match = matchExecuted(f, from)
		}
		if !match {
			return false
		}
	}
	return true
}

// matchPIDs says whether the filter lists the process.
func matchPIDs(f policy.PIDFilter, e Event) bool {
	pids := e.PIDs
	if f.Namespace {
		pids = e.NamespacePIDs
	}
	if !f.FollowForks {
		pids = pids[:1]
	}
	return slices.ContainsFunc(pids, func(pid uint32) bool { return slices.Contains(f.Values, pid) })
}
