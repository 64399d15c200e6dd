// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Cgroups of the host come and go too: each run of a systemd unit and each session
// of a user has its own, and the kernel tells of those of pods only. Looking
// through all directories is for when it is worth it.
const (
	// manyHostCgroups is how many cgroups that are no pod's have series before it
	// is looked which of them are left.
	manyHostCgroups = 64
	// hostInterval is the least time between two looks.
	hostInterval = time.Minute
)

// rootID is the id of a hierarchy's root (fs/kernfs/dir.c: the first inode
// number).
const rootID = 1

// hostCgroups is what is known of the cgroups of the host.
type hostCgroups struct {
	chosen bool // it is known which hierarchy the ids are of
	looked time.Time
	gone   map[uint64]bool // by the last look
}

// FoldHost joins the series of the host's cgroups that are gone in those of one of
// them, which nobody can see: all have the host's labels. counted are the cgroups
// that have series; it is for after a Refresh that succeeded and so knows what is a
// pod's. A cgroup counts as gone when two looks missed it: its last process may still
// be ending. Programs may count for all others, among them 0, which is what they
// count for while no label needs cgroups.
func (w *Workloads) FoldHost(counted map[uint64]bool) error {
	missing := w.unaccounted(counted)
	if missing == nil {
		return nil
	}
	// Without the lock: pods that begin meanwhile must not wait.
	whole := false
	err := walk(w.opts.CgroupRoot, func(id uint64, path string) bool {
		whole = whole || path == "/" && id == w.opts.RootID
		delete(missing, id)
		return whole
	})
	if err != nil || !whole {
		return err // what cannot be seen may be there
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.host.gone
	w.host.gone = missing
	var ended []uint64
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		if before[id] && w.cgroups[id] == nil {
			ended = append(ended, id)
		}
	}
	if len(ended) < 2 {
		return nil
	}
	if err := w.kernel.Merge(ended[0], ended[1:]); err != nil {
		return fmt.Errorf("merge series of %d cgroups of the host: %w", len(ended)-1, err)
	}
	return nil
}

// unaccounted are the cgroups that are no pod's and may be gone, nil if it is not
// worth looking for them now.
func (w *Workloads) unaccounted(counted map[uint64]bool) map[uint64]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.opts.Now()
	if !w.host.chosen || now.Sub(w.host.looked) < hostInterval {
		return nil
	}
	missing := maps.Clone(counted)
	maps.DeleteFunc(missing, func(id uint64, _ bool) bool {
		_, forgotten := w.forgotten[id]
		return id == 0 || w.cgroups[id] != nil || forgotten
	})
	if len(missing) < manyHostCgroups {
		return nil
	}
	w.host.looked = now
	return missing
}
