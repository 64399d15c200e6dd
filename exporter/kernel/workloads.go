// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/tetrameter/tetrameter/bpf"
)

// Workload numbers that stand for none in particular, and the first that may be
// given to one.
const (
	WorkloadHost    = bpf.WorkloadHost
	WorkloadUnknown = bpf.WorkloadUnknown
	WorkloadFirst   = bpf.WorkloadFirst
)

// Cgroup is a cgroup of a pod.
type Cgroup struct {
	ID       uint64
	Workload uint32
	// Removed says that no process will be in it again.
	Removed bool
	// Created is when it was made, zero if nobody watched then.
	Created time.Time
	Pod     string // UID
}

// Cgroups returns the cgroups of pods that the kernel knows, also those that
// were removed since and not deleted by DeleteCgroup.
func (k *Kernel) Cgroups() ([]Cgroup, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	// What was removed is read first, so that it has an entry to be told of.
	removed, err := readMap[uint64, uint64](k.maps.byName[bpf.RawTPMapRemoved])
	if err != nil {
		return nil, fmt.Errorf("read removed cgroups: %w", err)
	}
	entries, err := readMap[uint64, bpf.CgroupValue](k.maps.byName[bpf.RawTPMapCgroups])
	if err != nil {
		return nil, fmt.Errorf("read cgroups: %w", err)
	}
	cgroups := make([]Cgroup, 0, len(entries))
	for id, v := range entries {
		c := Cgroup{ID: id, Workload: v.Workload, Pod: uidOf(v.Pod)}
		_, c.Removed = removed[id]
		if v.Created != 0 {
			c.Created = k.clock.wallOf(v.Created)
		}
		cgroups = append(cgroups, c)
	}
	return cgroups, nil
}

// SetCgroup says whose a cgroup is. Created is kept as the kernel noted it.
func (k *Kernel) SetCgroup(c Cgroup) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	m := k.maps.byName[bpf.RawTPMapCgroups]
	var value bpf.CgroupValue
	if err := m.Lookup(c.ID, &value); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("read cgroup %d: %w", c.ID, err)
	}
	pod, err := podKey(c.Pod)
	if err != nil {
		return err
	}
	value.Workload, value.Pod = c.Workload, pod
	if err := m.Put(c.ID, value); err != nil {
		return fmt.Errorf("set cgroup %d: %w", c.ID, err)
	}
	return nil
}

// DeleteCgroup forgets a cgroup. It is no error if it is not known.
func (k *Kernel) DeleteCgroup(id uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	for _, name := range []string{bpf.RawTPMapCgroups, bpf.RawTPMapRemoved} {
		if err := k.maps.byName[name].Delete(id); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("delete cgroup %d: %w", id, err)
		}
	}
	return nil
}

// Pods returns the workload numbers of pods, by UID.
func (k *Kernel) Pods() (map[string]uint32, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	entries, err := readMap[bpf.PodKey, uint32](k.maps.byName[bpf.RawTPMapPods])
	if err != nil {
		return nil, fmt.Errorf("read pods: %w", err)
	}
	pods := make(map[string]uint32, len(entries))
	for key, workload := range entries {
		pods[uidOf(key)] = workload
	}
	return pods, nil
}

// SetPod makes the cgroups of a pod that are made from now on belong to a
// workload.
func (k *Kernel) SetPod(uid string, workload uint32) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	key, err := podKey(uid)
	if err != nil {
		return err
	}
	if err := k.maps.byName[bpf.RawTPMapPods].Put(key, workload); err != nil {
		return fmt.Errorf("set pod %s: %w", uid, err)
	}
	return nil
}

// DeletePod forgets a pod. It is no error if it is not known.
func (k *Kernel) DeletePod(uid string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.calm.begin()()
	key, err := podKey(uid)
	if err != nil {
		return err
	}
	if err := k.maps.byName[bpf.RawTPMapPods].Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete pod %s: %w", uid, err)
	}
	return nil
}

// Workloads is how many workload numbers there are, from 0.
func (k *Kernel) Workloads() uint32 {
	return k.maps.byName[bpf.RawTPMapScopes].MaxEntries()
}

// readMap returns all entries of a hash. Those that are added or deleted
// meanwhile may be in it or not.
func readMap[K comparable, V any](m *ebpf.Map) (map[K]V, error) {
	entries := map[K]V{}
	keys, values := make([]K, batch), make([]V, batch)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookup(&cursor, keys, values, nil)
		for i := range n {
			entries[keys[i]] = values[i]
		}
		switch {
		case errors.Is(err, ebpf.ErrKeyNotExist):
			return entries, nil
		case err != nil:
			return nil, err
		}
	}
}

func podKey(uid string) (bpf.PodKey, error) {
	var key bpf.PodKey
	if uid == "" || len(uid) >= len(key.Uid) {
		return key, fmt.Errorf("%q is not the UID of a pod", uid)
	}
	for i := range len(uid) {
		key.Uid[i] = int8(uid[i])
	}
	return key, nil
}

func uidOf(key bpf.PodKey) string {
	text := make([]byte, 0, len(key.Uid))
	for _, c := range key.Uid {
		text = append(text, byte(c))
	}
	return string(bytes.TrimRight(text, "\x00"))
}
