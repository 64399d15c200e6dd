// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// lineage is how processes began: programs on fork, exec and the end of
// processes that keep it, while a policy asks for it (bpf/lineage.bpf.c).
type lineage struct {
	links []link.Link
	scan  *ebpf.Program
	table *ebpf.Map
	value bpf.LineageValue // of table
}

// lineageMaps exist only with the programs.
func lineageMaps() []string {
	return []string{bpf.LineageMapProcesses, bpf.LineageMapChanges, bpf.LineageMapMembers, bpf.LineageMapLineage}
}

// lineageProgram gives the program of one of plan.LineagePoints.
func lineageProgram(event string) string {
	return strings.Replace(event, "sched_process_", "process_", 1)
}

// openLineage attaches the programs. What those of an earlier agent know is
// adopted; both run until these are pinned, and the second one of two finds that
// what it does is done.
func (k *Kernel) openLineage() (err error) {
	l := &lineage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close(), k.removeLineage())
		}
	}()
	if !k.pins.tracked() {
		if err := k.removeLineage(); err != nil {
			return err
		}
	}
	spec, err := bpf.LoadLineage()
	if err != nil {
		return fmt.Errorf("read BPF object: %w", err)
	}
	for _, name := range lineageMaps() {
		if k.maps.byName[name], err = openMap(k.pins, name, spec.Maps[name]); err != nil {
			delete(k.maps.byName, name)
			return fmt.Errorf("map %s: %w", name, err)
		}
	}
	l.table = k.maps.byName[bpf.LineageMapLineage]
	if err := l.table.Lookup(uint32(0), &l.value); err != nil {
		return fmt.Errorf("read map %s: %w", bpf.LineageMapLineage, err)
	}
	l.value.Live &^= l.value.Fresh // an agent was killed while it looked for them
	t := template{load: bpf.LoadLineage}
	if l.scan, err = k.loadProgram(t, bpf.LineageProgScanTask, plan.Point{Target: "task"}, nil, nil); err != nil {
		return fmt.Errorf("load %s: %w", bpf.LineageProgScanTask, err)
	}
	agent := fmt.Sprintf("%08x", rand.Uint32())
	for _, event := range plan.LineagePoints() {
		if err := k.attachLineage(l, filepath.Join(k.pins.lineage(), agent, event), event); err != nil {
			return fmt.Errorf("attach to %s: %w", event, err)
		}
	}
	k.lineage = l
	if !k.pins.enabled() {
		return nil
	}
	return removeEntries(k.pins.lineage(), map[string]bool{agent: true})
}

func (k *Kernel) attachLineage(l *lineage, dir, event string) error {
	prog, err := k.loadProgram(template{load: bpf.LoadLineage}, lineageProgram(event), plan.Point{}, nil, nil)
	if err != nil {
		return err
	}
	defer prog.Close()
	tp, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: event, Program: prog})
	if err != nil {
		return err
	}
	l.links = append(l.links, tp)
	if !k.pins.enabled() {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create pin directory: %w", err)
	}
	return tp.Pin(filepath.Join(dir, "link"))
}

// tracked says whether the programs of an agent are pinned, all of them: if not,
// what the maps know is out of date.
func (p *pins) tracked() bool {
	if !p.enabled() {
		return false
	}
	agents, err := os.ReadDir(p.lineage())
	if err != nil {
		return false
	}
	for _, agent := range agents {
		links, err := filepath.Glob(filepath.Join(p.lineage(), agent.Name(), "*", "link"))
		if err == nil && len(links) == len(plan.LineagePoints()) {
			return true
		}
	}
	return false
}

// removeLineage ends what agents know of how processes began, the programs first.
func (k *Kernel) removeLineage() error {
	var errs []error
	if k.pins.enabled() {
		errs = append(errs, removeEntries(k.pins.lineage(), nil))
	}
	for _, name := range lineageMaps() {
		if m := k.maps.byName[name]; m != nil {
			errs = append(errs, m.Close())
			delete(k.maps.byName, name)
		}
		if k.pins.enabled() {
			errs = append(errs, ignoreMissing(os.Remove(filepath.Join(k.pins.maps(), name))))
		}
	}
	return errors.Join(errs...)
}

// close gives up the hold on the programs, which detaches them unless they are
// pinned. The maps are the kernel's.
func (l *lineage) close() error {
	if l == nil {
		return nil
	}
	var errs []error
	for _, tp := range l.links {
		errs = append(errs, tp.Close())
	}
	if l.scan != nil {
		errs = append(errs, l.scan.Close())
	}
	return errors.Join(errs...)
}

// descents gives the numbers of the lists of paths (match.Input).
func (l *lineage) descents() map[uint64]uint32 {
	numbers := map[uint64]uint32{}
	if l != nil {
		for i, key := range l.value.Lists {
			if key != 0 {
				numbers[key] = uint32(i)
			}
		}
	}
	return numbers
}

// changes gives the numbers of the slots whose changes are kept (match.Input).
func (l *lineage) changes() map[uint32]uint32 {
	numbers := map[uint32]uint32{}
	if l != nil {
		for i, slot := range l.value.Counters {
			if slot != 0 {
				numbers[uint32(slot)] = uint32(i)
			}
		}
	}
	return numbers
}

// store makes the programs look for what l says.
func (l *lineage) store() error {
	if err := l.table.Put(uint32(0), l.value); err != nil {
		return fmt.Errorf("write map %s: %w", bpf.LineageMapLineage, err)
	}
	return nil
}

// scans is how often a scan is repeated at most: as often as a process is older
// than its parent in the order of their numbers, and a few times for those that
// come meanwhile.
const scans = 64

// find makes the lists in fresh known for all processes: by what they, and those
// they descend from, run now. Processes that are not known yet are entered, and
// lists that are not live removed.
func (l *lineage) find(fresh uint64) error {
	l.value.Fresh = fresh
	for range scans {
		l.value.Found = 0
		if err := l.store(); err != nil {
			return err
		}
		if err := runIterator(l.scan); err != nil {
			return fmt.Errorf("scan processes: %w", err)
		}
		var now bpf.LineageValue
		if err := l.table.Lookup(uint32(0), &now); err != nil {
			return fmt.Errorf("read map %s: %w", bpf.LineageMapLineage, err)
		}
		if now.Found == 0 {
			break
		}
	}
	l.value.Fresh = 0
	return l.store()
}

// runIterator runs a program for everything it iterates over.
func runIterator(prog *ebpf.Program) error {
	iter, err := link.AttachIter(link.IterOptions{Program: prog})
	if err != nil {
		return err
	}
	defer iter.Close()
	run, err := iter.Open()
	if err != nil {
		return err
	}
	defer run.Close()
	_, err = io.Copy(io.Discard, run)
	return err
}
