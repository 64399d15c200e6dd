// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/match/reference"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// lineageInput gives numbers to what the rules need of how processes began. They
// are not in the order of anything.
func lineageInput(in *match.Input) {
	in.Descents, in.Changes = map[uint64]uint32{}, map[uint32]uint32{}
	for _, rule := range in.Rules {
		if _, known := in.Changes[rule.Slot]; !known {
			in.Changes[rule.Slot] = 63 - uint32(len(in.Changes))
		}
		for _, s := range rule.Selectors {
			for _, f := range slices.Concat(s.Binaries, s.ParentBinaries) {
				if _, known := in.Descents[match.PathsKey(f)]; f.FollowChildren && !known {
					in.Descents[match.PathsKey(f)] = 63 - uint32(len(in.Descents))
				}
			}
		}
	}
}

// executed knows which list has which number only by the paths in it.
func (w *world) executed(p []uint64) (uint64, error) {
	origin := w.event.Origin
	if p[1] == 1 {
		origin = w.event.ParentOrigin
	}
	if origin.Unknown {
		return 0, nil
	}
	for _, paths := range lists() {
		key := match.PathsKey(policy.BinaryFilter{Operator: policy.In, Paths: paths})
		if number, ok := w.descents[key]; !ok || number != uint32(p[0]) {
			continue
		}
		for _, path := range paths {
			if slices.Contains(origin.Executed, path) {
				return 2, nil
			}
		}
		return 1, nil
	}
	return 0, fmt.Errorf("no list has number %d", p[0])
}

// lists are all that filters of the reference can have: of one path, and of two.
func lists() [][]string {
	var all [][]string
	for i, a := range reference.Binaries() {
		all = append(all, []string{a})
		for _, b := range reference.Binaries()[i+1:] {
			all = append(all, []string{a, b})
		}
	}
	return all
}

// before is what a counter saw last.
func (w *world) before(number uint64) (reference.Privileges, error) {
	if !slices.Contains(slices.Collect(maps.Values(w.changes)), uint32(number)) {
		return reference.Privileges{}, fmt.Errorf("no rule has number %d", number)
	}
	if seen, ok := w.seen[uint32(number)]; ok {
		return seen, nil
	}
	return w.event.Before, nil
}

func (w *world) changedNamespaces(p []uint64) (uint64, error) {
	before, err := w.before(p[0])
	if err != nil || w.event.Origin.Unknown {
		return 0, err
	}
	changed := uint64(0)
	for i, ns := range namespaces() {
		if p[1]>>i&1 != 0 && w.event.Namespaces[ns] != before.Namespaces[ns] {
			changed |= 1 << i
		}
	}
	return changed, nil
}

func (w *world) changedCapabilities(p []uint64) (uint64, error) {
	before, err := w.before(p[0])
	if err != nil || w.event.Origin.Unknown {
		return 0, err
	}
	set := capabilitySets()[p[1]]
	return w.event.Capabilities[set] ^ before.Capabilities[set], nil
}

func (w *world) seeChanges(p []uint64) (uint64, error) {
	before, err := w.before(p[0])
	if err != nil || w.event.Origin.Unknown || w.event.Unseen {
		return 0, err
	}
	if p[1]&1 != 0 {
		before.Namespaces = w.event.Namespaces
	}
	if p[1]&2 != 0 {
		before.Capabilities = w.event.Capabilities
	}
	w.seen[uint32(p[0])] = before
	return 1, nil
}
