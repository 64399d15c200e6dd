// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/bpf"
)

// Forget deletes the series of cgroups, with what they counted, and clears the
// flag that the map is full.
func (k *Kernel) Forget(cgroups []uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	if len(cgroups) == 0 {
		return nil
	}
	gone := map[uint64]bool{}
	for _, id := range cgroups {
		gone[id] = true
	}
	n, err := k.reader.readAll(k.maps.byName[bpf.RawTPMapSeries])
	if err != nil {
		return fmt.Errorf("read series: %w", err)
	}
	for _, key := range k.reader.keys[:n] {
		if gone[key.Cgroup] {
			if err := k.deleteSeries(key); err != nil {
				return err
			}
		}
	}
	return k.clearFull()
}

// Merge adds the series of cgroups to those of another and deletes them. Nobody
// may count for any of them meanwhile. An agent that is killed within it can
// leave one series counted twice.
func (k *Kernel) Merge(into uint64, from []uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	merged := map[uint64]bool{}
	for _, id := range from {
		merged[id] = id != into
	}
	n, err := k.reader.readAll(k.maps.byName[bpf.RawTPMapSeries])
	if err != nil {
		return fmt.Errorf("read series: %w", err)
	}
	cpus := len(k.reader.values) / max(len(k.reader.keys), 1)
	for i, key := range k.reader.keys[:n] {
		if !merged[key.Cgroup] {
			continue
		}
		if err := k.mergeSeries(key, into, k.reader.values[i*cpus:(i+1)*cpus]); err != nil {
			return err
		}
	}
	return k.clearFull()
}

// mergeSeries gives what one series counted to that of another cgroup.
func (k *Kernel) mergeSeries(key bpf.SeriesKey, into uint64, values []bpf.SeriesValue) error {
	series, target := k.maps.byName[bpf.RawTPMapSeries], key
	target.Cgroup = into
	var sums []bpf.SeriesValue
	err := series.Lookup(target, &sums)
	isNew := errors.Is(err, ebpf.ErrKeyNotExist)
	switch {
	case isNew:
		sums = values
	case err != nil:
		return fmt.Errorf("read series: %w", err)
	default:
		for cpu := range sums {
			sums[cpu] = together(sums[cpu], values[cpu])
		}
	}
	err = series.Put(target, sums)
	if errors.Is(err, unix.E2BIG) {
		return k.moveSeries(key, target, sums)
	}
	if err != nil {
		return fmt.Errorf("merge series: %w", err)
	}
	if err := k.deleteSeries(key); err != nil || !isNew {
		return err
	}
	return k.addQuota(into)
}

// moveSeries changes the cgroup of a series in a map that is full. The old one has
// to go first, and no program may take its place: with the flag that the map is full
// none tries, but for those that have looked at the flag just before.
func (k *Kernel) moveSeries(key, target bpf.SeriesKey, sums []bpf.SeriesValue) error {
	if err := k.setFull(1); err != nil {
		return err
	}
	time.Sleep(time.Millisecond) // programs run for microseconds
	if err := k.deleteSeries(key); err != nil {
		return err
	}
	if err := k.maps.byName[bpf.RawTPMapSeries].Put(target, sums); err != nil {
		return fmt.Errorf("merge series: %w", err)
	}
	return k.addQuota(target.Cgroup)
}

// together is what two series counted on a CPU.
func together(a, b bpf.SeriesValue) bpf.SeriesValue {
	sum := bpf.SeriesValue{Count: a.Count + b.Count, First: min(a.First, b.First), Last: max(a.Last, b.Last)}
	if sum.First == 0 {
		sum.First = max(a.First, b.First)
	}
	return sum
}

// addQuota charges a cgroup with one series more, as a program does.
func (k *Kernel) addQuota(cgroup uint64) error {
	quotas := k.maps.byName[bpf.RawTPMapQuotas]
	var used uint32
	if err := quotas.Lookup(cgroup, &used); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("read quota: %w", err)
	}
	if err := quotas.Put(cgroup, used+1); err != nil {
		return fmt.Errorf("charge quota: %w", err)
	}
	return nil
}
