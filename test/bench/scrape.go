// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/cilium/ebpf"

	"github.com/tetrameter/tetrameter/bpf"
)

// What a large node may have: each binary at each of some hooks.
const (
	manySeries   = 10000
	manyHooks    = 20
	manyBinaries = manySeries / manyHooks
	manyCgroups  = 20
)

const (
	scrapeBudget  = 50 // milliseconds
	mapReadBudget = 1  // milliseconds for mapReadKeys
	mapReadKeys   = 3000
)

// scrapes measures an agent whose series map was filled.
func (h host) scrapes(ctx context.Context) (rows []row, err error) {
	// A cgroup's share does not matter here: it is for events.
	p, err := h.startPinned(ctx, "--max-series", "16384")
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	dirs, err := filepath.Glob(filepath.Join(p.bpffs, "tetrameter", "*", "maps"))
	if err != nil || len(dirs) != 1 {
		return nil, fmt.Errorf("scrape: pinned maps are not in one directory but %d: %w", len(dirs), err)
	}
	if err := fill(dirs[0]); err != nil {
		return nil, fmt.Errorf("scrape: fill maps: %w", err)
	}
	limit := 3 * time.Minute
	if h.quick {
		limit = 10 * time.Second
	}
	idle, err := waitQuiet(ctx, limit)
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	if rows, err = measureScrapes(ctx, p.agent); err == nil && idle < quietIdle {
		rows[0].other += fmt.Sprintf("; others had %.0f %% of the CPUs", 100-100*idle)
	}
	return rows, err
}

func measureScrapes(ctx context.Context, a *agent) ([]row, error) {
	const warmUp, rounds = 5, 20
	var wall, mapRead, cpu []float64
	var series, size int
	for round := range warmUp + rounds {
		time.Sleep(100 * time.Millisecond)
		start := time.Now()
		metrics, err := a.scrape(ctx)
		if err != nil {
			return nil, fmt.Errorf("scrape: %w", err)
		}
		elapsed := time.Since(start)
		used, _, err := family(metrics, "process_cpu_seconds_total")
		if err != nil {
			return nil, err
		}
		cpu = append(cpu, used*1e3)
		if round < warmUp {
			continue
		}
		wall = append(wall, elapsed.Seconds()*1e3)
		seconds, _, err := family(metrics, "tetrameter_map_read_duration_seconds")
		if err != nil {
			return nil, err
		}
		keys, _, err := family(metrics, "tetrameter_map_entries", `map="series"`)
		if err != nil {
			return nil, err
		}
		mapRead = append(mapRead, seconds*1e3*mapReadKeys/keys)
		if _, series, err = family(metrics, "tetragon_policy_events_total"); err != nil {
			return nil, err
		}
		size = len(metrics)
		if series < manySeries {
			return nil, fmt.Errorf("scrape: %d series are exposed, not %d", series, manySeries)
		}
	}
	perScrape := (cpu[len(cpu)-1] - cpu[warmUp-1]) / rounds
	return []row{
		{
			"scrape of 10 000 series, text", scrapeBudget, median(wall), "ms",
			fmt.Sprintf("%s; %s series, %s MB, %s ms of CPU", spread(wall, 0),
				number(float64(series)), number(float64(size)/megabyte), number(perScrape)),
		},
		{
			"kernel map reading in it, per 3 000 keys", mapReadBudget, median(mapRead), "ms",
			fmt.Sprintf("%s; %.2f us per key", spread(mapRead, 0), median(mapRead)*1e3/mapReadKeys),
		},
	}, nil
}

// fill inserts series as programs would, with the names of their binaries.
func fill(maps string) error {
	slots, err := slotIndices(filepath.Join(maps, "slots"))
	if err != nil {
		return err
	}
	if len(slots) < manyHooks {
		return fmt.Errorf("the policies have %d hooks, not %d", len(slots), manyHooks)
	}
	binaries, err := fillNames(maps)
	if err != nil {
		return err
	}
	series, err := ebpf.LoadPinnedMap(filepath.Join(maps, bpf.RawTPMapSeries), nil)
	if err != nil {
		return err
	}
	defer series.Close()
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	now := uint64(1) << 32 // jiffies, near the start of the kernel
	for i, id := range binaries {
		for _, slot := range slots[:manyHooks] {
			values := make([]bpf.SeriesValue, cpus)
			for cpu := range values {
				values[cpu] = bpf.SeriesValue{Count: uint64(i + 1), Last: now}
			}
			values[0].First = now
			key := bpf.SeriesKey{PolicyHook: slot, Binary: id, Cgroup: uint64(1000 + i%manyCgroups)}
			if err := series.Put(key, values); err != nil {
				return fmt.Errorf("series: %w", err)
			}
		}
	}
	return nil
}

// slotIndices lists the slots that the agent has given. A record starts with
// its slot.
func slotIndices(path string) ([]uint32, error) {
	m, err := ebpf.LoadPinnedMap(path, nil)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	var key, value []byte
	var slots []uint32
	entries := m.Iterate()
	for entries.Next(&key, &value) {
		slots = append(slots, binary.NativeEndian.Uint32(value))
	}
	return slots, entries.Err()
}

// fillNames interns the paths of binaries, each one chunk, and returns their
// ids.
func fillNames(maps string) ([]uint32, error) {
	names, err := ebpf.LoadPinnedMap(filepath.Join(maps, bpf.RawTPMapNames), nil)
	if err != nil {
		return nil, err
	}
	defer names.Close()
	ids, err := ebpf.LoadPinnedMap(filepath.Join(maps, bpf.RawTPMapNameIds), nil)
	if err != nil {
		return nil, err
	}
	defer ids.Close()
	folders := []string{
		"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/lib/systemd", "/usr/libexec",
		"/opt/application/bin", "/usr/lib/git-core", "/usr/lib/jvm/java-21-openjdk-amd64/bin",
		"/opt/monitoring/exporters", "/home/build/.local/share/toolchain/x86_64-unknown-linux-gnu/bin",
	}
	var given []uint32
	for i := range manyBinaries {
		path := fmt.Sprintf("%s/program-%03d", folders[i%len(folders)], i)
		key, id := bpf.NameKey{}, uint32(1_000_000+i)
		for at := range len(path) {
			key.Chunk[at] = int8(path[at])
		}
		if err := errors.Join(names.Update(key, id, ebpf.UpdateNoExist), ids.Update(id, key.Parent, ebpf.UpdateNoExist)); err != nil {
			return nil, fmt.Errorf("names: %w", err)
		}
		given = append(given, id)
	}
	return given, nil
}
