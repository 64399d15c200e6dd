// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const filePermission = "kprobe:security_file_permission"

// pathPolicy counts reads and writes of files whose path compares with one.
func pathPolicy(name, operator, path string) string {
	return fmt.Sprintf(`apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: %s}
spec:
  kprobes:
  - call: security_file_permission
    syscall: false
    args:
    - {index: 0, type: file}
    - {index: 1, type: int}
    selectors:
    - matchArgs:
      - {index: 0, operator: %s, values: [%q]}
      - {index: 1, operator: Mask, values: ["6"]}
`, name, operator, path)
}

// mount mounts until the end of the test.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s: %v", target, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", target, err)
		}
	})
}

// Files have the paths that a reader in the same mount namespace would use,
// whatever they are reached by.
func TestPaths(t *testing.T) {
	dir := t.TempDir()
	in := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	for _, d := range []string{"plain", "bound", "jail", "nameless", "policies"} {
		if err := os.MkdirAll(in(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{in("plain", "file"), in("jail", "file"), in("gone"), in("linked")} {
		if err := os.WriteFile(file, []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(in("linked"), in("link")); err != nil {
		t.Fatal(err)
	}
	mount(t, in("plain"), in("bound"), "", unix.MS_BIND, "")

	var want []string
	add := func(name, operator, path string) {
		writePolicy(t, in("policies"), name+".yaml", pathPolicy(name, operator, path))
		want = append(want, event(*triggerFlag, filePermission, name, 23))
	}
	add("bound", "Equal", in("bound", "file"))
	add("deleted", "Equal", in("gone"))
	add("jail", "Equal", in("jail", "file"))
	add("link", "Equal", in("linked"))
	add("nameless", "Prefix", in("nameless", "#"))
	a := startAgent(t, "--policy-dir", in("policies"))

	trigger(t, *triggerFlag, "repeat", "23", "pread", in("bound", "file"))
	trigger(t, *triggerFlag, "repeat", "23", "pread", in("link"))
	trigger(t, *triggerFlag, "repeat", "23", "tmpfile", in("nameless"))
	trigger(t, *triggerFlag, "chroot", in("jail"), "repeat", "23", "pread", "/file")
	load := startWaiting(t, "repeat", "23", "pread", in("gone"))
	if err := os.Remove(in("gone")); err != nil {
		t.Fatal(err)
	}
	load.goOn(t)
	load.finish(t)

	sort.Strings(want)
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

// A file of an overlay has its path there, not that of the layer it is in.
func TestOverlay(t *testing.T) {
	dir := t.TempDir()
	in := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	for _, d := range []string{"lower", "layers", "merged"} {
		if err := os.Mkdir(in(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// A file system of its own, since what the test runs on may be an overlay.
	mount(t, "tmpfs", in("layers"), "tmpfs", 0, "")
	for _, d := range []string{"layers/upper", "layers/work"} {
		if err := os.Mkdir(in(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(in("lower", "file"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", in("lower"), in("layers", "upper"), in("layers", "work"))
	if err := unix.Mount("overlay", in("merged"), "overlay", 0, layers); errors.Is(err, unix.ENODEV) {
		leaveTo(t, "the host, which runs containers", "Debian's kernels have overlayfs as a module")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(in("merged"), unix.MNT_DETACH) })

	policies := t.TempDir()
	writePolicy(t, policies, "overlay.yaml", pathPolicy("overlay", "Equal", in("merged", "file")))
	a := startAgent(t, "--policy-dir", policies)
	trigger(t, *triggerFlag, "repeat", "23", "write", in("merged", "file"))
	want := []string{event(*triggerFlag, filePermission, "overlay", 23)}
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

// leaveTo skips a test that another kernel runs.
func leaveTo(t *testing.T, kernel, reason string) {
	t.Helper()
	t.Skipf("%s: run by %s", reason, kernel) //nolint:forbidigo // this is the function that names the kernel
}
