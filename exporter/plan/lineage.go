// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// LineagePoints are the raw tracepoints whose programs keep how processes began.
func LineagePoints() []string {
	return []string{"sched_process_fork", "sched_process_exec", "sched_process_free"}
}

// Lineage is what rules need to be known of how processes began.
type Lineage struct {
	// Lists are the paths of the filters with followChildren, by their
	// match.PathsKey.
	Lists map[uint64][]string
	// Changes says that there are filters on changes of namespaces or
	// capabilities.
	Changes bool
}

// Needed says whether the rules need anything.
func (l Lineage) Needed() bool { return l.Changes || len(l.Lists) > 0 }

// Lineage returns what the rules of id need.
func (h Hook) Lineage(id ID) Lineage {
	l := Lineage{Lists: map[uint64][]string{}}
	for _, r := range h.Rules {
		if r.ID != id {
			continue
		}
		for _, s := range r.Spec.Selectors {
			l.Changes = l.Changes || len(s.NamespaceChanges)+len(s.CapabilityChanges) > 0
			for _, f := range binaryFilters(s) {
				if f.FollowChildren {
					l.Lists[match.PathsKey(f)] = f.Paths
				}
			}
		}
	}
	return l
}

func binaryFilters(s policy.Selector) []policy.BinaryFilter {
	return append(s.Binaries[:len(s.Binaries):len(s.Binaries)], s.ParentBinaries...)
}
