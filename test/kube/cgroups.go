// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// cgroups is a cgroup of the same name in every hierarchy: one of version 2, or
// those of version 1 and perhaps one of version 2 beside them.
type cgroups struct{ dirs []string }

// makeCgroups makes them anew: an earlier test that was killed may have left some.
func makeCgroups(name string) (*cgroups, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, fmt.Errorf("find cgroups: %w", err)
	}
	c := &cgroups{}
	for line := range strings.Lines(string(mounts)) {
		// device, directory, type, options
		mount := strings.Fields(line)
		if len(mount) < 3 || mount[2] != "cgroup" && mount[2] != "cgroup2" {
			continue
		}
		delegate(mount[1])
		c.dirs = append(c.dirs, filepath.Join(mount[1], name))
	}
	if err := c.remove(); err != nil {
		return nil, err
	}
	for _, dir := range c.dirs {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, errors.Join(fmt.Errorf("make cgroup: %w", err), c.remove())
		}
		delegate(dir)
	}
	return c, nil
}

// delegate gives the controllers of a cgroup of version 2 to those in it; in version
// 1 they are there. Whether all are that it needs is for the kubelet to say.
func delegate(dir string) {
	controllers, _ := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	for controller := range strings.FieldsSeq(string(controllers)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0)
	}
}

// remove removes the cgroups and those in them, in which nothing runs any more.
func (c *cgroups) remove() error {
	for _, dir := range c.dirs {
		var tree []string
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && entry.IsDir() {
				tree = append(tree, path)
			}
			return err
		})
		for _, path := range slices.Backward(tree) {
			err = errors.Join(err, os.Remove(path))
		}
		if err != nil {
			return fmt.Errorf("remove cgroup: %w", err)
		}
	}
	return nil
}

// processes are those in the cgroup whose name is the ID of a container.
func (c *cgroups) processes(id string) ([]int, error) {
	var pids []int
	for _, dir := range c.dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && entry.Name() != id {
				return nil // cgroups come and go
			}
			if err != nil {
				return err
			}
			list, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			for field := range bytes.FieldsSeq(list) {
				if pid, err := strconv.Atoi(string(field)); err == nil && !slices.Contains(pids, pid) {
					pids = append(pids, pid)
				}
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("find processes: %w", err)
		}
	}
	return pids, nil
}
