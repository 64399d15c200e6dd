// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// scopeNumbersMap is a map that only the agent uses.
const scopeNumbersMap = "scope_numbers"

// ErrNoScope is the reason why a policy has no scope: there are ScopesMax.
var ErrNoScope = fmt.Errorf("all %d scopes are in use", bpf.ScopesMax)

// scopeKey is the SHA-256 of a scope's key.
type scopeKey [sha256.Size]byte

// scopeNumbers gives scopes their numbers, the same for as long as the programs
// live that test them: those of an earlier agent go on until they are replaced.
type scopeNumbers struct {
	table  *ebpf.Map
	byHash map[scopeKey]uint32
	wanted map[string]uint32 // by policy.Scoped.Key
}

// scopeNumbersSpec describes the map. key: hash of the scope. value: its number.
// Only the agent reads and writes it; it has as many entries as numbers.
func scopeNumbersSpec() *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: scopeNumbersMap, Type: ebpf.Hash, KeySize: sha256.Size, ValueSize: 4, MaxEntries: bpf.ScopesMax,
		Flags: 1, // BPF_F_NO_PREALLOC: few are used
	}
}

func openScopeNumbers(shared *sharedMaps) (*scopeNumbers, error) {
	s := &scopeNumbers{table: shared.byName[scopeNumbersMap]}
	var err error
	if s.byHash, err = readMap[scopeKey, uint32](s.table); err != nil {
		return nil, fmt.Errorf("read numbers of scopes: %w", err)
	}
	return s, nil
}

// ScopeNumbers gives each scope a number; those with equal keys share one. A
// scope that finds none is not in the result, and policies with it are refused.
// The numbers of other scopes are free once an Apply without them has succeeded.
func (k *Kernel) ScopeNumbers(scopes []policy.Scoped) (map[string]uint32, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	wanted := map[string]uint32{}
	for _, s := range scopes {
		wanted[s.Key()] = 0
	}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		number, err := k.scopes.assign(key)
		switch {
		case errors.Is(err, ErrNoScope):
			delete(wanted, key)
		case err != nil:
			return nil, err
		default:
			wanted[key] = number
		}
	}
	k.scopes.wanted = wanted
	return wanted, nil
}

func (s *scopeNumbers) assign(key string) (uint32, error) {
	hash := scopeKey(sha256.Sum256([]byte(key)))
	if number, ok := s.byHash[hash]; ok {
		return number, nil
	}
	used := map[uint32]bool{}
	for _, n := range s.byHash {
		used[n] = true
	}
	number := uint32(0)
	for used[number] {
		number++
	}
	if number >= bpf.ScopesMax {
		return 0, ErrNoScope
	}
	if err := s.table.Put(hash, number); err != nil {
		return 0, fmt.Errorf("record number of scope: %w", err)
	}
	s.byHash[hash] = number
	return number, nil
}

// release makes the numbers free that no program tests any more.
func (s *scopeNumbers) release() error {
	keep := map[scopeKey]bool{}
	for key := range s.wanted {
		keep[sha256.Sum256([]byte(key))] = true
	}
	for hash := range s.byHash {
		if keep[hash] {
			continue
		}
		if err := s.table.Delete(hash); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("release number of scope: %w", err)
		}
		delete(s.byHash, hash)
	}
	return nil
}

// SetScopes says which scopes take in a workload: bit N for the scope with the
// number N. It is in force at once, and all bits change together or, for what
// programs read meanwhile, word by word.
func (k *Kernel) SetScopes(workload uint32, bits [bpf.ScopesMax / 64]uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	if err := k.maps.byName[bpf.RawTPMapScopes].Put(workload, bpf.ScopesValue{Words: bits}); err != nil {
		return fmt.Errorf("set scopes of workload %d: %w", workload, err)
	}
	return nil
}

// Scopes returns what SetScopes wrote, also by an earlier agent.
func (k *Kernel) Scopes(workload uint32) ([bpf.ScopesMax / 64]uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	var value bpf.ScopesValue
	if err := k.maps.byName[bpf.RawTPMapScopes].Lookup(workload, &value); err != nil {
		return value.Words, fmt.Errorf("read scopes of workload %d: %w", workload, err)
	}
	return value.Words, nil
}
