// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/cilium/ebpf"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// Other is the label value of events that have no series, or no name, of their
// own because a map was full.
const Other = "~other"

// Snapshot is everything that programs counted, read at one time.
type Snapshot struct {
	Series []Series
	Totals []Total
	Hooks  []Hook
	Missed map[plan.ID]uint64 // program runs that the kernel refused
	Losses map[string]uint64  // by the reasons of bpf.LossReasons
	Maps   []MapUse
	// MapReading is how long reading the series map took.
	MapReading time.Duration
}

// Series is one counter of the series map.
type Series struct {
	ID          plan.ID
	Binary      string
	Cgroup      uint64
	Count       uint64
	First, Last time.Time
}

// Total is every match of one policy at one hook, counted apart from series.
type Total struct {
	ID      plan.ID
	Count   uint64
	Created time.Time
	Last    time.Time // zero when nothing was counted
	// Overflow is how many of Count found no room in the series map.
	Overflow            uint64
	FirstOver, LastOver time.Time
}

// MapUse is how full a map is.
type MapUse struct {
	Name              string
	Entries, Capacity uint64
}

// reader keeps the buffers between scrapes.
type reader struct {
	keys   []bpf.SeriesKey
	values []bpf.SeriesValue
}

// batch is how many series one system call reads.
const batch = 4096

// Read returns what was counted so far. Counters of policies that are gone are
// in it until they were read once.
func (k *Kernel) Read() (*Snapshot, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	now := time.Now()
	if err := k.clock.adjust(k.readClock); err != nil {
		return nil, err
	}
	ids := map[uint32]plan.ID{}
	for id, s := range k.slots.byID {
		ids[s.index] = id
	}
	snap := &Snapshot{Hooks: k.hooks, Missed: k.missed()}
	expired := k.slots.expired(now)
	if err := k.readSeries(snap, ids, expired); err != nil {
		return nil, err
	}
	if err := k.free(expired); err != nil {
		return nil, err
	}
	if err := k.readTotals(snap); err != nil {
		return nil, err
	}
	var err error
	if snap.Losses, err = k.readLosses(); err != nil {
		return nil, err
	}
	k.slots.markRead(now)
	return snap, nil
}

// readSeries reads the series map, sums CPUs, and deletes the series of expired
// slots.
func (k *Kernel) readSeries(snap *Snapshot, ids, expired map[uint32]plan.ID) error {
	start := time.Now()
	n, err := k.reader.readAll(k.maps.byName[bpf.RawTPMapSeries])
	if err != nil {
		return fmt.Errorf("read series: %w", err)
	}
	snap.MapReading = time.Since(start)
	cpus := len(k.reader.values) / max(len(k.reader.keys), 1)
	used, full := n, n >= int(k.maps.byName[bpf.RawTPMapSeries].MaxEntries())
	for i, key := range k.reader.keys[:n] {
		if _, gone := expired[key.PolicyHook]; gone {
			used--
			if err := k.deleteSeries(key); err != nil {
				return err
			}
			continue
		}
		path, err := k.names.path(key.Binary)
		if err != nil {
			return err
		}
		count, first, last := sum(k.reader.values[i*cpus : (i+1)*cpus])
		snap.Series = append(snap.Series, Series{
			ids[key.PolicyHook], path, key.Cgroup, count, k.clock.wall(first), k.clock.wall(last),
		})
	}
	if !full {
		// A program may have met a full map after room was made.
		if err := k.clearFull(); err != nil {
			return err
		}
	}
	named, err := k.names.entries()
	if err != nil {
		return err
	}
	series, names := k.maps.byName[bpf.RawTPMapSeries], k.maps.byName[bpf.RawTPMapNames]
	snap.Maps = []MapUse{
		{bpf.RawTPMapSeries, uint64(used), uint64(series.MaxEntries())},
		{bpf.RawTPMapNames, uint64(named), uint64(names.MaxEntries())},
		{bpf.RawTPMapCalls, uint64(k.calls.waiting), uint64(k.calls.table.MaxEntries())},
		{slotsMap, uint64(len(k.slots.byID)), uint64(k.slots.size) - 1},
	}
	return nil
}

// readAll fills the buffers and returns how many series there are. Values of
// all CPUs of a key follow one another.
func (r *reader) readAll(m *ebpf.Map) (int, error) {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return 0, err
	}
	n, size := 0, batch
	var cursor ebpf.MapBatchCursor
	for {
		r.grow(n+size, cpus)
		got, err := m.BatchLookup(&cursor, r.keys[n:n+size], r.values[n*cpus:(n+size)*cpus], nil)
		n += got
		switch {
		case errors.Is(err, ebpf.ErrKeyNotExist):
			return n, nil
		case errors.Is(err, syscall.ENOSPC):
			size *= 2 // a hash bucket is larger than the batch
		case err != nil:
			return 0, err
		}
	}
}

func (r *reader) grow(keys, cpus int) {
	for len(r.keys) < keys {
		r.keys = append(r.keys, make([]bpf.SeriesKey, batch)...)
		r.values = append(r.values, make([]bpf.SeriesValue, batch*cpus)...)
	}
}

func sum(perCPU []bpf.SeriesValue) (count, first, last uint64) {
	for _, v := range perCPU {
		count += v.Count
		last = max(last, v.Last)
		if v.First != 0 && (first == 0 || v.First < first) {
			first = v.First
		}
	}
	return count, first, last
}

func (k *Kernel) readTotals(snap *Snapshot) error {
	totals, overflow := k.maps.byName[bpf.RawTPMapTotals], k.maps.byName[bpf.RawTPMapOverflow]
	for id, s := range k.slots.byID {
		var total []bpf.TotalValue
		var over []bpf.SeriesValue
		if err := totals.Lookup(s.index, &total); err != nil {
			return fmt.Errorf("read totals: %w", err)
		}
		if err := overflow.Lookup(s.index, &over); err != nil {
			return fmt.Errorf("read overflow: %w", err)
		}
		t := Total{ID: id, Created: k.clock.wallOf(s.createdNs)}
		last := uint64(0)
		for _, v := range total {
			t.Count += v.Count
			last = max(last, v.Last)
		}
		t.Last = k.clock.wall(last)
		count, first, lastOver := sum(over)
		t.Overflow, t.FirstOver, t.LastOver = count, k.clock.wall(first), k.clock.wall(lastOver)
		snap.Totals = append(snap.Totals, t)
	}
	return nil
}

func (k *Kernel) readLosses() (map[string]uint64, error) {
	losses := map[string]uint64{}
	for i, reason := range bpf.LossReasons() {
		var perCPU []uint64
		if err := k.maps.byName[bpf.RawTPMapLosses].Lookup(uint32(i), &perCPU); err != nil {
			return nil, fmt.Errorf("read losses: %w", err)
		}
		for _, n := range perCPU {
			losses[reason] += n
		}
	}
	return losses, nil
}

// missed returns the program runs that the kernel refused, by counter. A kernel
// before 5.12 does not report them.
func (k *Kernel) missed() map[plan.ID]uint64 {
	missed := map[plan.ID]uint64{}
	for _, h := range k.hooks {
		a := k.attached[h.key]
		if a == nil {
			continue
		}
		for _, p := range a.points {
			missed[h.ID] += p.missedReturns()
			if stats, err := p.program.Stats(); err == nil {
				missed[h.ID] += stats.RecursionMisses
			}
		}
	}
	return missed
}

// deleteSeries makes room for others.
func (k *Kernel) deleteSeries(key bpf.SeriesKey) error {
	if err := k.maps.byName[bpf.RawTPMapSeries].Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete series: %w", err)
	}
	quotas := k.maps.byName[bpf.RawTPMapQuotas]
	var used uint32
	if quotas.Lookup(key.Cgroup, &used) != nil {
		return nil
	}
	var err error
	if used <= 1 {
		err = quotas.Delete(key.Cgroup)
	} else {
		err = quotas.Update(key.Cgroup, used-1, ebpf.UpdateExist)
	}
	if err != nil {
		return fmt.Errorf("return quota: %w", err)
	}
	return nil
}

// clearFull lets programs try again to insert series.
func (k *Kernel) clearFull() error { return k.setFull(0) }

// setFull writes the flag by which programs know that there is no room for a new
// series.
func (k *Kernel) setFull(full uint64) error {
	var value bpf.StateValue
	state := k.maps.byName[bpf.RawTPMapState]
	if err := state.Lookup(uint32(0), &value); err != nil {
		return fmt.Errorf("read full flag: %w", err)
	}
	if value.SeriesFull == full {
		return nil
	}
	value.SeriesFull = full
	if err := state.Put(uint32(0), value); err != nil {
		return fmt.Errorf("write full flag: %w", err)
	}
	return nil
}

// free zeroes what is left of expired slots and makes them available.
func (k *Kernel) free(expired map[uint32]plan.ID) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	for index, id := range expired {
		if err := k.maps.byName[bpf.RawTPMapTotals].Put(index, make([]bpf.TotalValue, cpus)); err != nil {
			return fmt.Errorf("clear total: %w", err)
		}
		if err := k.maps.byName[bpf.RawTPMapOverflow].Put(index, make([]bpf.SeriesValue, cpus)); err != nil {
			return fmt.Errorf("clear overflow: %w", err)
		}
		if err := k.slots.remove(id); err != nil {
			return err
		}
	}
	return nil
}
