// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// mountFilesystems mounts what BPF needs and a bare machine may lack: a BPF
// file system for pins, and tracefs for the ids of tracepoints.
func mountFilesystems(opts Options) error {
	if !opts.NoPin {
		if err := mountOnce("bpf", opts.BPFFS, unix.BPF_FS_MAGIC); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		if isMounted(dir, unix.TRACEFS_MAGIC) {
			return nil
		}
	}
	return mountOnce("tracefs", "/sys/kernel/tracing", unix.TRACEFS_MAGIC)
}

func isMounted(dir string, magic int64) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && int64(fs.Type) == magic
}

func mountOnce(fstype, dir string, magic int64) error {
	if isMounted(dir, magic) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("mount %s: %w", fstype, err)
	}
	err := unix.Mount(fstype, dir, fstype, 0, "mode=0700")
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s is not mounted on %s, and mounting it needs CAP_SYS_ADMIN: %w", fstype, dir, err)
	}
	if err != nil {
		return fmt.Errorf("mount %s on %s: %w", fstype, dir, err)
	}
	return nil
}
