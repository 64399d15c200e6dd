// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// hierarchy is the tree of cgroups that workloads are told apart by.
type hierarchy struct {
	root       string // where it is mounted
	controller uint32 // in css_set.subsys, controllerV2 for version 2
	id         int32  // as in /proc/cgroups, 0 for version 2
}

// controllerV2 is CGROUP_V2 of bpf/workload.h.
const controllerV2 = 0xffffffff

// controllers are those by which a version 1 hierarchy is chosen: container
// runtimes use all that exist, and the first two exist nearly everywhere.
func controllers() []string { return []string{"memory", "pids", "cpuset", "devices"} }

// findHierarchy looks at what is mounted at dir. Where version 1 has a
// controller of controllers, containers are there, whether version 2 is mounted
// beside it (hybrid) or not.
func findHierarchy(dir string, kernelTypes func() (*btf.Spec, error)) (hierarchy, error) {
	if isMounted(dir, unix.CGROUP2_SUPER_MAGIC) {
		return hierarchy{root: dir, controller: controllerV2}, nil
	}
	ids, err := hierarchyIDs()
	if err != nil {
		return hierarchy{}, err
	}
	for _, name := range controllers() {
		root := filepath.Join(dir, name)
		if ids[name] == 0 || !isMounted(root, unix.CGROUP_SUPER_MAGIC) {
			continue
		}
		types, err := kernelTypes()
		if err != nil {
			return hierarchy{}, fmt.Errorf("number of cgroup controller %s: %w", name, err)
		}
		index, err := controllerIndex(types, name)
		return hierarchy{root, index, ids[name]}, err
	}
	if unified := filepath.Join(dir, "unified"); isMounted(unified, unix.CGROUP2_SUPER_MAGIC) {
		return hierarchy{root: unified, controller: controllerV2}, nil
	}
	return hierarchy{}, fmt.Errorf("no cgroup hierarchy is mounted at %s", dir)
}

// findCgroups chooses the hierarchy. Without any the agent works as if all
// processes were the host's.
func (k *Kernel) findCgroups() {
	var err error
	k.cgroups, err = findHierarchy(k.opts.CgroupFS, func() (*btf.Spec, error) {
		k.useBTF()
		return k.btf.Kernel()
	})
	if err != nil {
		k.log.Warn("pods are not told apart", "err", err)
		k.cgroups = hierarchy{controller: controllerV2}
	}
}

// hierarchyIDs reads /proc/cgroups (kernel/cgroup/cgroup-v1.c): name,
// hierarchy, number of cgroups, enabled.
func hierarchyIDs() (map[string]int32, error) {
	f, err := os.Open("/proc/cgroups")
	if err != nil {
		return nil, fmt.Errorf("read cgroup controllers: %w", err)
	}
	defer f.Close()
	ids := map[string]int32{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		id, err := strconv.ParseInt(fields[1], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read cgroup controllers: %w", err)
		}
		ids[fields[0]] = int32(id)
	}
	return ids, lines.Err()
}

// controllerIndex is a controller's place in css_set.subsys, which depends on
// the kernel's configuration (enum cgroup_subsys_id, include/linux/cgroup-defs.h).
func controllerIndex(types *btf.Spec, name string) (uint32, error) {
	var enum *btf.Enum
	if err := types.TypeByName("cgroup_subsys_id", &enum); err != nil {
		return 0, fmt.Errorf("number of cgroup controller %s: %w", name, err)
	}
	for _, v := range enum.Values {
		if v.Name == name+"_cgrp_id" {
			return uint32(v.Value), nil
		}
	}
	return 0, fmt.Errorf("this kernel has no cgroup controller %s", name)
}
