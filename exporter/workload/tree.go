// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// walk visits the cgroup at root and those below, a parent before its
// directory is read. So who enters the parent into a map, from which new
// children are filled in, misses none: a child is made either after that or
// before the reading. visit gets the cgroup's id and its path from root, which
// is "/" itself, and says whether to go on below it.
//
// The id is the number of the directory's inode, which on a 64-bit kernel since
// 5.5 is what bpf_get_current_cgroup_id returns; in a hierarchy of version 1 it
// is the id of the cgroup in that hierarchy. Cgroups that vanish meanwhile are
// left out, and so are those that cannot be read, after which walk goes on and
// returns an error.
func walk(root string, visit func(id uint64, path string) bool) error {
	info, err := os.Lstat(root)
	if err != nil {
		return fmt.Errorf("cgroup file system: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("cgroup file system: %s is not a directory", root)
	}
	return descend(root, "/", visit)
}

func descend(root, path string, visit func(id uint64, path string) bool) error {
	full := filepath.Join(root, path)
	info, err := os.Lstat(full)
	if vanished(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cgroup file system: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("cgroup file system: %s has no inode number", full)
	}
	if !visit(stat.Ino, path) {
		return nil
	}
	children, err := directories(full)
	if err != nil {
		return err
	}
	var p problems
	for _, name := range children {
		p.add(descend(root, filepath.Join(path, name), visit))
	}
	return p.err()
}

// directories are the names of those in the directory, none if it vanished.
func directories(path string) ([]string, error) {
	dir, err := os.Open(path)
	if vanished(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cgroup file system: %w", err)
	}
	defer dir.Close()
	// What was read before the directory vanished vanished with it.
	entries, err := dir.ReadDir(-1)
	if err != nil && !vanished(err) {
		return nil, fmt.Errorf("cgroup file system: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// vanished says whether the error is what kernfs answers about a cgroup that
// was removed, before or after it was opened.
func vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV)
}
