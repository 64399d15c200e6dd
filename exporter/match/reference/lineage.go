// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"maps"
	"slices"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Origin is what is known of how a process began.
type Origin struct {
	Unknown bool
	// Executed are the paths that it, or a process it descends from, executed.
	Executed []string
}

// Privileges are the namespaces and capabilities of a task.
type Privileges struct {
	Namespaces   map[policy.Namespace]uint32
	Capabilities map[policy.CapabilitySet]uint64
}

// See returns what the counter of a hook has seen after an event: the changes that
// were counted, or that count if the function returns what they want.
func See(h policy.Hook, e Event) Privileges {
	after := Privileges{maps.Clone(e.Before.Namespaces), maps.Clone(e.Before.Capabilities)}
	if e.Origin.Unknown {
		return after
	}
	see := func(s policy.Selector) {
		if len(s.NamespaceChanges) > 0 {
			after.Namespaces = e.Namespaces
		}
		if len(s.CapabilityChanges) > 0 {
			after.Capabilities = e.Capabilities
		}
	}
	for _, s := range h.Selectors {
		if len(s.Return) == 0 && matchDeclared(s, h, e) && matchCaller(s, e) {
			see(s)
			return after
		}
	}
	for _, s := range h.Selectors {
		call := s
		call.Return = nil
		if len(s.Return) > 0 && matchDeclared(call, h, e) && matchCaller(s, e) {
			see(s)
		}
	}
	return after
}

// matchExecuted decides a filter with followChildren.
func matchExecuted(f policy.BinaryFilter, of Origin) bool {
	if of.Unknown {
		return false
	}
	listed := slices.ContainsFunc(of.Executed, func(path string) bool { return slices.Contains(f.Paths, path) })
	return listed != f.Operator.Negated()
}

// matchChanges decides the filters on what the process has changed.
func matchChanges(s policy.Selector, e Event) bool {
	if len(s.NamespaceChanges)+len(s.CapabilityChanges) > 0 && (e.Origin.Unknown || e.Unseen) {
		return false
	}
	for _, f := range s.NamespaceChanges {
		match := false
		for ns, inode := range e.Namespaces {
			// NotIn wants a change of one that is not listed.
			decides := slices.Contains(f.Namespaces, ns) != f.Operator.Negated()
			match = match || decides && inode != e.Before.Namespaces[ns]
		}
		if !match {
			return false
		}
	}
	for _, f := range s.CapabilityChanges {
		onHost := e.Namespaces[policy.User] == e.Host[policy.User]
		changed := e.Capabilities[f.Set] ^ e.Before.Capabilities[f.Set]
		match := changed&f.Mask != 0
		if f.Operator.Negated() {
			match = changed != 0 && changed&f.Mask == 0
		}
		if !match || f.Namespace && onHost {
			return false
		}
	}
	return true
}
