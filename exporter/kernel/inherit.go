// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"strings"

	"github.com/tetrameter/tetrameter/exporter/plan"
)

// inherited says whether an earlier agent attached a hook and this one has not
// changed it yet.
func (k *Kernel) inherited(h plan.Hook) bool {
	return k.attached[h.Key()] == nil && len(k.pins.points(h.Key())) > 0
}

// inheritedStatus tells of the counters that an earlier agent knew. New ones wait
// until the hook is theirs too.
func (k *Kernel) inheritedStatus(h plan.Hook) []Hook {
	// The names of points begin with the kind: see pointName.
	kind, _, _ := strings.Cut(k.pins.points(h.Key())[0], ",")
	const reason = "until all policies are known it is as an earlier agent left it"
	var hooks []Hook
	for _, id := range h.IDs() {
		s := Hook{ID: id, Reason: reason, Optional: h.Ignored(id), key: h.Key()}
		if _, known := k.slots.byID[id]; known {
			s.Attach, s.Pinned = kind, true
		}
		hooks = append(hooks, s)
	}
	return hooks
}
