// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// initialNamespaces are the inode numbers that the kernel gives to its first
// namespaces (include/uapi/linux/nsfs.h; before 6.18 include/linux/proc_ns.h,
// which has none for mnt and net).
const (
	initialNamespacesMin = 0xEFFFFFF8
	initialNamespacesMax = 0xEFFFFFFF
)

// hostNamespaces returns the inode numbers of the namespaces of process 1.
// Where that one may not be looked at, the agent's own serve if they are the
// kernel's first. A namespace that stays unknown has no entry: only a policy
// that needs it fails. Those that may not be looked at are named.
func hostNamespaces() (inodes map[policy.Namespace]uint32, hidden []string, err error) {
	inodes = map[policy.Namespace]uint32{}
	for ns, file := range namespaceFiles() {
		inode, err := readNamespace("/proc/1/ns/" + file)
		if errors.Is(err, fs.ErrPermission) {
			inode, err = readNamespace("/proc/self/ns/" + file)
			if err == nil && (inode < initialNamespacesMin || inode > initialNamespacesMax) {
				hidden = append(hidden, file)
				continue
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		inodes[ns] = inode
	}
	slices.Sort(hidden)
	return inodes, hidden, nil
}

func namespaceFiles() map[policy.Namespace]string {
	return map[policy.Namespace]string{
		policy.Uts: "uts", policy.Ipc: "ipc", policy.Mnt: "mnt",
		policy.Pid: "pid", policy.PidForChildren: "pid_for_children",
		policy.Net: "net", policy.Time: "time", policy.TimeForChildren: "time_for_children",
		policy.Cgroup: "cgroup", policy.User: "user",
	}
}

func readNamespace(file string) (uint32, error) {
	target, err := os.Readlink(file)
	if err != nil {
		return 0, fmt.Errorf("read namespace: %w", err)
	}
	if target == "" { // 5.10 refuses without an error
		return 0, fmt.Errorf("read namespace %s: %w", file, fs.ErrPermission)
	}
	return parseNamespace(target)
}

// parseNamespace takes the inode number from a link like "mnt:[4026531840]"
// (namespaces(7)).
func parseNamespace(link string) (uint32, error) {
	_, number, _ := strings.Cut(link, ":[")
	inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("parse namespace %q: %w", link, err)
	}
	return uint32(inode), nil
}
