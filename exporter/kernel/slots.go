// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/cilium/ebpf"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// ErrNoSlot is returned when there are more counters than slots.
var ErrNoSlot = errors.New("all policy-hook slots are in use")

const (
	// settle is how long a program that was replaced may still be running.
	settle = 2 * time.Second
	// Servings is how often the last value of a series is read before it goes:
	// two scrapers, or one that failed once, still get it.
	Servings = 2
)

// slotKey is the SHA-256 of an id.
type slotKey [sha256.Size]byte

// slotValue is the persistent record of a slot. Strings end with zero bytes.
type slotValue struct {
	Slot      uint32
	_         uint32
	CreatedNs uint64 // CLOCK_MONOTONIC
	Namespace [64]byte
	Policy    [256]byte
	Hook      [512]byte
}

// slots gives every counter (plan.ID) its index in the totals map, the same
// for as long as the maps live. Slot 0 is never given.
type slots struct {
	table *ebpf.Map
	size  uint32 // of totals
	// retention is how long a counter that nobody reads stays after its policy
	// is gone.
	retention time.Duration
	byID      map[plan.ID]*slot
}

type slot struct {
	index     uint32
	createdNs uint64
	// A slot whose policy is gone waits until its last value was read.
	retired time.Time
	reads   int
}

// slotsSpec describes the map that keeps the slots. Only the agent reads and
// writes it; when it is full a policy does not load.
func slotsSpec() *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name:       slotsMap,
		Type:       ebpf.Hash,
		KeySize:    sha256.Size,
		ValueSize:  4 + 4 + 8 + 64 + 256 + 512,
		MaxEntries: 1024,
		Flags:      1, // BPF_F_NO_PREALLOC: it is far from full, and no program waits for it
	}
}

func openSlots(maps *sharedMaps, retention time.Duration) (*slots, error) {
	s := &slots{
		retention: retention,
		table:     maps.byName[slotsMap],
		size:      maps.byName[bpf.RawTPMapTotals].MaxEntries(),
		byID:      map[plan.ID]*slot{},
	}
	var key slotKey
	var value slotValue
	entries := s.table.Iterate()
	for entries.Next(&key, &value) {
		s.byID[value.id()] = &slot{index: value.Slot, createdNs: value.CreatedNs}
	}
	if err := entries.Err(); err != nil {
		return nil, fmt.Errorf("read slots: %w", err)
	}
	return s, nil
}

func (v slotValue) id() plan.ID {
	text := func(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }
	return plan.ID{Namespace: text(v.Namespace[:]), Policy: text(v.Policy[:]), Hook: text(v.Hook[:])}
}

func keyOf(id plan.ID) slotKey {
	return sha256.Sum256([]byte(id.Namespace + "\x00" + id.Policy + "\x00" + id.Hook))
}

// assign returns the slot of id, a new one if it has none. It returns ErrNoSlot
// when there are no more.
func (s *slots) assign(id plan.ID) (uint32, error) {
	known, ok := s.byID[id]
	if !ok {
		var err error
		if known, err = s.create(id); err != nil {
			return 0, fmt.Errorf("counter of policy %s: %w", id.Policy, err)
		}
	}
	known.retired = time.Time{}
	return known.index, nil
}

func (s *slots) create(id plan.ID) (*slot, error) {
	used := map[uint32]bool{0: true}
	for _, other := range s.byID {
		used[other.index] = true
	}
	index := uint32(0)
	for used[index] {
		index++
	}
	if index >= s.size {
		return nil, ErrNoSlot
	}
	value := slotValue{Slot: index, CreatedNs: monotonic()}
	for _, field := range []struct {
		to   []byte
		from string
	}{{value.Namespace[:], id.Namespace}, {value.Policy[:], id.Policy}, {value.Hook[:], id.Hook}} {
		if copy(field.to, field.from) < len(field.from) {
			return nil, fmt.Errorf("%q is longer than %d bytes", field.from, len(field.to))
		}
	}
	if err := s.table.Put(keyOf(id), value); err != nil {
		return nil, fmt.Errorf("record slot: %w", err)
	}
	created := &slot{index: index, createdNs: value.CreatedNs}
	s.byID[id] = created
	return created, nil
}

// retireOthers marks the counters that are not in the plan. Those that programs
// still count, because a change of their hook failed, are kept.
func (s *slots) retireOthers(p plan.Plan, counting map[plan.ID]bool) {
	planned := maps.Clone(counting)
	if planned == nil {
		planned = map[plan.ID]bool{}
	}
	for _, h := range p.Hooks {
		for _, id := range h.IDs() {
			planned[id] = true
		}
	}
	for id, sl := range s.byID {
		if !planned[id] && sl.retired.IsZero() {
			sl.retired, sl.reads = time.Now(), 0
		}
	}
}

// expired returns the retired counters that may go: their last value was read,
// or nobody came for it.
func (s *slots) expired(now time.Time) map[uint32]plan.ID {
	gone := map[uint32]plan.ID{}
	for id, sl := range s.byID {
		if !sl.retired.IsZero() && (sl.reads >= Servings || now.Sub(sl.retired) > s.retention) {
			gone[sl.index] = id
		}
	}
	return gone
}

// markRead notes that the values which retired counters have now were read.
func (s *slots) markRead(now time.Time) {
	for _, sl := range s.byID {
		if !sl.retired.IsZero() && now.Sub(sl.retired) > settle {
			sl.reads++
		}
	}
}

// remove frees the slot of id.
func (s *slots) remove(id plan.ID) error {
	if err := s.table.Delete(keyOf(id)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("free slot: %w", err)
	}
	delete(s.byID, id)
	return nil
}
