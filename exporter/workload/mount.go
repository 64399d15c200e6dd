// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrNoMount says that the hierarchy of cgroups is not mounted.
var ErrNoMount = errors.New("no such cgroup file system is mounted")

// FindRoot returns where a hierarchy of cgroups is mounted, for Options. It
// reads mount information in the format of /proc/self/mountinfo (proc(5)).
// Without a controller the hierarchy is the one of version 2, also beside
// others of version 1; otherwise that of version 1 which has the controller:
// memory, pids, name=systemd.
func FindRoot(mountinfo io.Reader, controller string) (string, error) {
	var found string
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		// ID parent device root mountpoint options [tag...] - type source options
		mount, filesystem, ok := strings.Cut(lines.Text(), " - ")
		before, after := strings.Fields(mount), strings.Fields(filesystem)
		if !ok || len(before) < 5 || len(after) < 3 {
			continue
		}
		wanted := after[0] == "cgroup2"
		if controller != "" {
			wanted = after[0] == "cgroup" && slices.Contains(strings.Split(after[2], ","), controller)
		}
		// A mount of a part of the hierarchy does not have all cgroups.
		whole := before[3] == "/"
		if wanted && (whole || found == "") {
			found = unescape(before[4])
			if whole {
				return found, nil
			}
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("read mounts: %w", err)
	}
	if found == "" {
		return "", fmt.Errorf("%w: controller %q", ErrNoMount, controller)
	}
	return found, nil
}

// unescape undoes how the kernel writes white space and backslashes.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}
