// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// MarkRead notes that all counters were read and exposed.
func (w *Workloads) MarkRead() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
}

// Expired returns the cgroups whose series may go, in order of their ids. The
// next Refresh has the kernel forget them.
func (w *Workloads) Expired() []uint64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var expired []uint64
	for _, s := range w.shared() {
		if s.over {
			expired = append(expired, ids(s.final)...)
		}
	}
	slices.Sort(expired)
	return expired
}

// shared are the cgroups whose counts are exposed as one.
type shared struct {
	final []*cgroup // those whose last value was exposed, or waited for long enough
	// over says that nothing will be counted any more and all is exposed.
	over bool
}

// shared returns the cgroups that are final by what is exposed of their labels.
func (w *Workloads) shared() map[Labels]*shared {
	all := map[Labels]*shared{}
	for _, c := range w.cgroups {
		if !w.final(c) {
			continue
		}
		key := w.opts.Series(c.labels())
		if all[key] == nil {
			all[key] = &shared{over: true}
		}
		all[key].final = append(all[key].final, c)
	}
	if len(all) == 0 {
		return nil
	}
	for _, c := range w.cgroups {
		if s := all[w.opts.Series(c.labels())]; s != nil && (!c.pod.over() || !w.final(c)) {
			s.over = false
		}
	}
	return all
}

// final says whether the last value of the cgroup was exposed or nobody came for
// it. Of two readings the first may have begun before the cgroup's end.
func (w *Workloads) final(c *cgroup) bool {
	return c.Released && (w.reads-c.releasedRead >= 2 || w.opts.Now().Sub(c.released) >= w.opts.Retention)
}

// over says whether the pod has ended, if none of its cgroups is left: without
// an API server those are all that tells.
func (p *pod) over() bool {
	return !p.host && (p.gone || !p.known)
}

// expire has the kernel forget the series that are over, and frees the numbers
// of pods without cgroups.
//
// A series that goes on may not go down. A container that was replaced, a cgroup
// that was made and removed inside one, a pod with the name of the one before:
// their counts are part of what goes on, so they are kept in one cgroup of those
// that ended.
func (w *Workloads) expire() error {
	var p problems
	var ended []*cgroup
	for _, s := range w.shared() {
		if s.over {
			ended = append(ended, s.final...)
		} else {
			p.add(w.merge(s.final))
		}
	}
	p.add(w.forget(ended))
	for uid, pod := range w.pods {
		if !pod.over() || pod.cgroups > 0 || pod.entry != 0 {
			pod.idle = 0
		} else if pod.idle++; pod.idle > 1 {
			// A cgroup that was being made when the pod was deleted has shown by now.
			if err := w.forgetPod(pod); err != nil {
				p.add(err)
				continue
			}
			w.free(pod)
			delete(w.pods, uid)
		}
	}
	return p.err()
}

// forget deletes series, and then the entries by which they had labels.
func (w *Workloads) forget(list []*cgroup) error {
	if len(list) == 0 {
		return nil
	}
	if err := w.kernel.Forget(ids(list)); err != nil {
		return fmt.Errorf("forget series of %d cgroups: %w", len(list), err)
	}
	return w.deleteCgroups(list)
}

// merge leaves one of the cgroups, if possible one whose labels the next agent
// will know too.
func (w *Workloads) merge(list []*cgroup) error {
	if len(list) < 2 {
		return nil
	}
	slices.SortFunc(list, func(a, b *cgroup) int {
		switch {
		case a.pod.over() == b.pod.over():
			return cmp.Or(a.released.Compare(b.released), cmp.Compare(a.ID, b.ID))
		case a.pod.over():
			return 1
		}
		return -1
	})
	into, from := list[0], list[1:]
	if err := w.kernel.Merge(into.ID, ids(from)); err != nil {
		return fmt.Errorf("merge series of %d cgroups: %w", len(from), err)
	}
	return w.deleteCgroups(from)
}

func (w *Workloads) deleteCgroups(list []*cgroup) error {
	var p problems
	now := w.opts.Now()
	maps.DeleteFunc(w.forgotten, func(_ uint64, f forgotten) bool { return now.Sub(f.at) > scrapeTime })
	for _, c := range list {
		if err := w.kernel.DeleteCgroup(c.ID); err != nil {
			p.add(fmt.Errorf("delete cgroup %d: %w", c.ID, err))
			continue
		}
		w.forgotten[c.ID] = forgotten{c.labels(), now}
		w.drop(c)
	}
	return p.err()
}

// forgotten is what a cgroup was called of which nothing else is known any more.
type forgotten struct {
	labels Labels
	at     time.Time
}

// scrapeTime is longer than a scrape takes from reading counters to asking for
// their labels: the series of what goes in between must not become the host's.
const scrapeTime = time.Minute

// ids are those of the cgroups, in order.
func ids(list []*cgroup) []uint64 {
	ids := make([]uint64, len(list))
	for i, c := range list {
		ids[i] = c.ID
	}
	slices.Sort(ids)
	return ids
}
