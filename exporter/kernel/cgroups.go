// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/tetrameter/tetrameter/bpf"
)

// watcher is a program that keeps the cgroups map at what cgroups there are.
type watcher struct {
	program *ebpf.Program
	link    link.Link
}

// watchers are the events that change cgroups, and their programs.
func watchers() map[string]string {
	return map[string]string{
		"cgroup_mkdir": bpf.CgroupProgCgroupMade,
		"cgroup_rmdir": bpf.CgroupProgCgroupGone,
	}
}

// WatchCgroups makes the kernel note the cgroups of pods as they are made and
// removed, also while no agent runs. It returns the root of the hierarchy that
// is watched: the inode numbers of its directories are the ids of cgroups.
func (k *Kernel) WatchCgroups() (root string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for event, program := range watchers() {
		if err := k.watchCgroup(event, program); err != nil {
			return "", fmt.Errorf("watch cgroups: %w", err)
		}
	}
	return k.cgroups.root, nil
}

// watchCgroup attaches a program and then ends what an earlier agent attached:
// for a moment both write the same.
func (k *Kernel) watchCgroup(event, program string) (err error) {
	w := watcher{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.program, err = k.loadCgroupProgram(program); err != nil {
		return err
	}
	if w.link, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: event, Program: w.program}); err != nil {
		return fmt.Errorf("attach to %s: %w", event, err)
	}
	k.watchers = append(k.watchers, w)
	if !k.pins.enabled() {
		return nil
	}
	dir := k.pins.watcher(event)
	if err := ignoreMissing(removePins(dir)); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create pin directory: %w", err)
	}
	if err := w.link.Pin(filepath.Join(dir, "link")); err != nil {
		return fmt.Errorf("pin link: %w", err)
	}
	return nil
}

func (k *Kernel) loadCgroupProgram(name string) (*ebpf.Program, error) {
	spec, err := bpf.LoadCgroup()
	if err != nil {
		return nil, fmt.Errorf("read BPF object: %w", err)
	}
	spec.Programs = map[string]*ebpf.ProgramSpec{name: spec.Programs[name]}
	if err := spec.Variables[bpf.CgroupVarCgroupHierarchy].Set(k.cgroups.id); err != nil {
		return nil, fmt.Errorf("constant %s: %w", bpf.CgroupVarCgroupHierarchy, err)
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		MapReplacements: k.maps.replacements(spec), Cache: k.btf,
	})
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", name, err)
	}
	defer coll.Close()
	return coll.DetachProgram(name), nil
}

func (w watcher) close() error {
	var errs []error
	if w.link != nil {
		errs = append(errs, w.link.Close())
	}
	if w.program != nil {
		errs = append(errs, w.program.Close())
	}
	return errors.Join(errs...)
}
