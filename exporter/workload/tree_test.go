// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func makeTree(t *testing.T, paths ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, path := range paths {
		if err := os.MkdirAll(filepath.Join(root, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestWalk: every cgroup is visited once, with the inode's number, after the one
// that it is in.
func TestWalk(t *testing.T) {
	root := makeTree(t, "a/b/c", "a/d", "e")
	if err := os.WriteFile(filepath.Join(root, "a/cgroup.procs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	if err := walk(root, func(id uint64, path string) bool {
		if parent := filepath.Dir(path); path != "/" && got[parent] == 0 {
			t.Errorf("%s comes before %s", path, parent)
		}
		got[path] = id
		return path != "/a/b"
	}); err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{}
	for _, path := range []string{"/", "/a", "/a/b", "/a/d", "/e"} {
		info, err := os.Stat(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		want[path] = info.Sys().(*syscall.Stat_t).Ino
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("visited (-want +got):\n%s", diff)
	}
}

// TestWalkWhileRemoving: cgroups come and go while they are looked for.
func TestWalkWhileRemoving(t *testing.T) {
	root := makeTree(t, "a/b/c", "d/e", "f")
	visited := map[string]bool{}
	if err := walk(root, func(_ uint64, path string) bool {
		visited[path] = true
		remove := path // its directory cannot be read then
		if path == "/" {
			remove = "/f" // nothing: it is not listed yet
		}
		if err := os.RemoveAll(filepath.Join(root, remove)); err != nil {
			t.Error(err)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(visited)), []string{"/", "/a", "/d"}; !slices.Equal(got, want) {
		t.Errorf("visited %v, want %v", got, want)
	}
	if err := walk(filepath.Join(root, "missing"), nil); err == nil {
		t.Error("no error without a root")
	}
}

func TestFindRoot(t *testing.T) {
	const (
		v2     = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		other  = "23 1 0:21 / /sys rw shared:7 - sysfs sysfs rw\n22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
		hybrid = "30 29 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate\n" +
			"31 29 0:28 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd\n" +
			"37 29 0:34 / /sys/fs/cgroup/cpu,cpuacct rw shared:18 - cgroup cgroup rw,cpu,cpuacct\n" +
			"41 29 0:38 / /sys/fs/cgroup/memory rw shared:22 - cgroup cgroup rw,memory\n"
		part  = "90 80 0:26 /kubepods/pod1 /var/lib/part rw - cgroup2 cgroup2 rw\n"
		space = `95 80 0:26 / /mnt/c\040group\134 rw - cgroup2 cgroup2 rw` + "\n"
	)
	for _, test := range []struct{ name, mountinfo, controller, want string }{
		{"version 2", other + v2, "", "/sys/fs/cgroup"},
		{"hybrid", other + hybrid, "", "/sys/fs/cgroup/unified"},
		{"version 1", other + hybrid, "memory", "/sys/fs/cgroup/memory"},
		{"two controllers", other + hybrid, "cpuacct", "/sys/fs/cgroup/cpu,cpuacct"},
		{"systemd", other + hybrid, "name=systemd", "/sys/fs/cgroup/systemd"},
		{"a part of the hierarchy", part + v2, "", "/sys/fs/cgroup"},
		{"nothing but a part", other + part, "", "/var/lib/part"},
		{"a space", space, "", `/mnt/c group\`},
		{"no controller", other + v2, "memory", ""},
		{"none", other, "", ""},
		{"not the format", "x\n - cgroup2\n\n" + strings.Repeat("a ", 20), "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := FindRoot(strings.NewReader(test.mountinfo), test.controller)
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			if missing := test.want == ""; missing != errors.Is(err, ErrNoMount) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestWalkCgroups: in the real file system inode numbers are ids of cgroups, as
// file handles have them (FILEID_KERNFS of name_to_handle_at).
func TestWalkCgroups(t *testing.T) {
	const idLength = 8
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	root, err := FindRoot(bytes.NewReader(mountinfo), "")
	if errors.Is(err, ErrNoMount) {
		root, err = FindRoot(bytes.NewReader(mountinfo), "memory")
	}
	if err != nil {
		t.Fatal(err)
	}
	cgroups := 0
	if err := walk(root, func(id uint64, path string) bool {
		handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, filepath.Join(root, path), 0)
		if vanished(err) {
			return true
		}
		if err != nil || handle.Size() != idLength {
			t.Errorf("%s: handle %v: %v", path, handle, err)
		} else if want := binary.NativeEndian.Uint64(handle.Bytes()); id != want {
			t.Errorf("%s: id %d, want %d", path, id, want)
		}
		cgroups++
		return true
	}); err != nil {
		t.Error(err)
	}
	if cgroups == 0 {
		t.Errorf("no cgroups in %s", root)
	}
	t.Logf("%d cgroups in %s", cgroups, root)
}
