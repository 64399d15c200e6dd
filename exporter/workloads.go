// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"sync"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/kernel"
	"github.com/tetrameter/tetrameter/exporter/workload"
)

// workloadMaps are the maps of the kernel as package workload wants them.
type workloadMaps struct{ *kernel.Kernel }

// Cgroups implements workload.Kernel.
func (m workloadMaps) Cgroups() ([]workload.Cgroup, error) {
	entries, err := m.Kernel.Cgroups()
	if err != nil {
		return nil, err
	}
	cgroups := make([]workload.Cgroup, len(entries))
	for i, c := range entries {
		cgroups[i] = workload.Cgroup{ID: c.ID, Workload: c.Workload, Released: c.Removed, Created: c.Created, Pod: c.Pod}
	}
	return cgroups, nil
}

// SetCgroup implements workload.Kernel.
func (m workloadMaps) SetCgroup(c workload.Cgroup) error {
	return m.Kernel.SetCgroup(kernel.Cgroup{ID: c.ID, Workload: c.Workload, Pod: c.Pod})
}

// counters reads counts together with whose they are: cgroups after the
// counters, so that all that counted are known, and series that are over go
// once they were read often enough.
type counters struct {
	kernel    *kernel.Kernel
	workloads *workload.Workloads
	log       *slog.Logger

	mu     sync.Mutex
	logged string // the last problem of refresh, while it lasts
}

// Read implements collector.Counters.
func (c *counters) Read() (*kernel.Snapshot, error) {
	snapshot, err := c.kernel.Read()
	if err != nil {
		return nil, err
	}
	if c.refresh() {
		c.foldHost(snapshot)
	}
	c.workloads.MarkRead()
	return snapshot, nil
}

// foldHost keeps what counted in cgroups of the host that are gone from filling
// the map.
func (c *counters) foldHost(snapshot *kernel.Snapshot) {
	counted := map[uint64]bool{}
	for _, s := range snapshot.Series {
		counted[s.Cgroup] = true
	}
	if err := c.workloads.FoldHost(counted); err != nil {
		c.log.Error("join series of the host", "err", err)
	}
}

// refresh is also for every few seconds: a container whose name came late should
// not wait for a scrape. It says whether all cgroups of pods are known.
func (c *counters) refresh() bool {
	text := ""
	err := c.workloads.Refresh()
	if err != nil {
		text = err.Error()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if text != c.logged && err != nil {
		c.log.Error("look for workloads", "err", err)
	}
	c.logged = text
	return err == nil
}

// startWorkloads makes the kernel watch cgroups and takes over what an earlier
// agent knew. Without cgroups, all processes are the host's.
func startWorkloads(k *kernel.Kernel, o kernel.Options, filter collector.Filter, log *slog.Logger) *workload.Workloads {
	root, err := k.WatchCgroups()
	if err != nil {
		log.Error("new containers are not noticed", "err", err)
	}
	w := workload.New(workloadMaps{k}, workload.Options{
		CgroupRoot: root, Numbers: k.Workloads(), Retention: o.Retention, Series: filter.Exposed, Logger: log,
	})
	if err := w.Start(); err != nil {
		log.Error("look for containers", "err", err)
	}
	return w
}
