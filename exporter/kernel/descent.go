// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// Errors of policies that ask for more than there are numbers.
var (
	// ErrNoList is returned when there are more lists of binaries with
	// followChildren than the word of a process has bits.
	ErrNoList = errors.New("all 64 lists of binaries with followChildren are in use")
	// ErrNoChanges is returned when there are more counters with filters on changes
	// than the kernel looks for at the end of a process.
	ErrNoChanges = errors.New("64 policies and hooks have filters on changes already")
)

// prepareLineage makes known what the plan needs of how processes began, before
// the matchers that ask for it run. It returns why some counters cannot have it.
func (k *Kernel) prepareLineage(p plan.Plan) map[plan.ID]error {
	defer k.calm.begin()()
	refused := map[plan.ID]error{}
	fresh, begin := uint64(0), k.lineage == nil
	var closed error // why it could not be opened
	for _, h := range p.Hooks {
		for _, id := range h.IDs() {
			need := h.Lineage(id)
			if !need.Needed() {
				continue
			}
			if k.lineage == nil && closed == nil {
				closed = k.openLineage()
			}
			if closed != nil {
				refused[id] = fmt.Errorf("how processes began cannot be kept: %w", closed)
				continue
			}
			unwatched := k.lineage.value.Watched == 0
			lists, err := k.addLineage(id, need)
			if err != nil {
				refused[id] = err
			}
			fresh |= lists
			begin = begin || unwatched && k.lineage.value.Watched != 0
		}
	}
	if k.lineage == nil || fresh == 0 && !begin {
		return refused
	}
	err := k.lineage.find(0) // which removes what these numbers meant before
	if err == nil {
		k.lineage.value.Live |= fresh
		err = k.lineage.find(fresh)
	}
	if err == nil {
		return refused
	}
	for _, h := range p.Hooks {
		for _, id := range h.IDs() {
			if h.Lineage(id).Needed() {
				refused[id] = fmt.Errorf("how processes began is not known: %w", err)
			}
		}
	}
	return refused
}

// addLineage gives numbers to what a counter needs, and returns the lists that
// are new, as bits.
func (k *Kernel) addLineage(id plan.ID, need plan.Lineage) (fresh uint64, err error) {
	value := &k.lineage.value
	for key, paths := range need.Lists {
		bit, known := numberOf(value.Lists[:], key)
		if bit < 0 {
			return fresh, ErrNoList
		}
		if known && value.Live>>bit&1 != 0 {
			continue
		}
		if err := errors.Join(k.removeMembers(1<<bit), k.addMembers(paths, 1<<bit)); err != nil {
			return fresh, err
		}
		value.Lists[bit] = key
		fresh |= 1 << bit
	}
	if !need.Changes {
		return fresh, nil
	}
	slot, err := k.slots.assign(id)
	if err != nil {
		return fresh, err
	}
	number, known := numberOf(value.Counters[:], uint64(slot))
	if number < 0 {
		return fresh, ErrNoChanges
	}
	if known {
		return fresh, nil
	}
	if err := k.forgetChanges(uint32(number)); err != nil {
		return fresh, err
	}
	value.Counters[number] = uint64(slot)
	value.Watched |= 1 << number
	return fresh, k.lineage.store()
}

// numberOf returns the place of a key, or else a free one, which has 0, or -1.
func numberOf(places []uint64, key uint64) (number int, known bool) {
	number = -1
	for i, at := range places {
		if at == key {
			return i, true
		}
		if at == 0 && number < 0 {
			number = i
		}
	}
	return number, false
}

// addMembers tells programs which paths are in a list.
func (k *Kernel) addMembers(paths []string, bit uint64) error {
	ids, err := k.names.internAll(paths)
	if err != nil {
		return err
	}
	members := k.maps.byName[bpf.LineageMapMembers]
	for path, id := range ids {
		var lists uint64
		if err := members.Lookup(id, &lists); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("read the lists of %s: %w", path, err)
		}
		if err := members.Put(id, lists|bit); err != nil {
			return fmt.Errorf("list %s: %w", path, err)
		}
	}
	return nil
}

// removeMembers takes lists from all paths.
func (k *Kernel) removeMembers(gone uint64) error {
	members := k.maps.byName[bpf.LineageMapMembers]
	left := map[uint32]uint64{}
	var id uint32
	var lists uint64
	entries := members.Iterate()
	for entries.Next(&id, &lists) {
		if lists&gone != 0 {
			left[id] = lists &^ gone
		}
	}
	errs := []error{entries.Err()}
	for id, lists := range left {
		if lists == 0 {
			errs = append(errs, members.Delete(id))
		} else {
			errs = append(errs, members.Put(id, lists))
		}
	}
	return errors.Join(errs...)
}

// forgetChanges deletes what another counter saw that had the number before.
func (k *Kernel) forgetChanges(number uint32) error {
	changes := k.maps.byName[bpf.LineageMapChanges]
	var keys []bpf.ChangeKey
	var key bpf.ChangeKey
	var seen []byte
	entries := changes.Iterate()
	for entries.Next(&key, &seen) {
		if key.Counter == number {
			keys = append(keys, key)
		}
	}
	if err := entries.Err(); err != nil {
		return fmt.Errorf("read changes: %w", err)
	}
	for _, key := range keys {
		if err := changes.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forget a change: %w", err)
		}
	}
	return nil
}

// releaseLineage gives up what the plan does not need, after the matchers that
// did are gone; all of it if nothing is needed.
func (k *Kernel) releaseLineage(p plan.Plan) error {
	defer k.calm.begin()()
	lists, slots := map[uint64]bool{0: true}, map[uint64]bool{0: true}
	for _, h := range p.Hooks {
		for _, id := range h.IDs() {
			need := h.Lineage(id)
			for key := range need.Lists {
				lists[key] = true
			}
			if slot := k.slots.byID[id]; need.Changes && slot != nil {
				slots[uint64(slot.index)] = true
			}
		}
	}
	if len(lists)+len(slots) == 2 {
		errs := []error{k.lineage.close()}
		k.lineage = nil
		return errors.Join(append(errs, k.removeLineage())...)
	}
	if k.lineage == nil {
		return nil // it could not be opened
	}
	value := &k.lineage.value
	before := *value
	gone := uint64(0)
	for i, key := range value.Lists {
		if !lists[key] {
			value.Lists[i], gone = 0, gone|1<<i
		}
	}
	for i, slot := range value.Counters {
		if !slots[slot] {
			value.Counters[i] = 0
			value.Watched &^= 1 << i
		}
	}
	value.Live &^= gone
	if before == *value {
		return nil
	}
	return errors.Join(k.lineage.store(), k.removeMembers(gone))
}
