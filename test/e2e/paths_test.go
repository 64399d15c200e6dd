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

// argPolicy counts calls with one value of one argument.
func argPolicy(name, call string, syscall bool, index int, kind, value string) string {
	return fmt.Sprintf(`apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: %s}
spec:
  kprobes:
  - call: %s
    syscall: %t
    args: [{index: %d, type: %s}]
    selectors: [{matchArgs: [{index: %[4]d, operator: Equal, values: [%[6]q]}]}]
`, name, call, syscall, index, kind, value)
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

// A file of an overlay has its path there, not that of the layer it is in, and
// is read and written once, though the kernel does so to the layer as well.
func TestOverlay(t *testing.T) {
	in := mountOverlay(t)
	policies := t.TempDir()
	hooks := map[string]string{"mapped": "kprobe:security_mmap_file", "opened": "kprobe:security_file_open"}
	for _, name := range []string{"lower", "copied", "upper"} {
		writePolicy(t, policies, name+".yaml", pathPolicy(name, "Equal", in("merged", name)))
		hooks[name] = filePermission
	}
	writePolicy(t, policies, "mapped.yaml", argPolicy("mapped", "security_mmap_file", false, 0, "file", in("merged", "mapped")))
	writePolicy(t, policies, "opened.yaml", argPolicy("opened", "security_file_open", false, 0, "file", in("merged", "lower")))
	writePolicy(t, policies, "program.yaml", setuidPolicy("program", 1)+"      matchBinaries: [{operator: Postfix, values: [merged/program]}]\n")

	a := startAgent(t, "--policy-dir", policies)
	trigger(t, *triggerFlag, "repeat", "23", "open", in("merged", "lower"))
	trigger(t, *triggerFlag, "repeat", "23", "write", in("merged", "copied"))
	trigger(t, *triggerFlag, "repeat", "23", "write", in("merged", "upper"))
	trigger(t, *triggerFlag, "repeat", "23", "mmap", in("merged", "mapped"))
	program := copyTrigger(t, in("merged", "program"))
	trigger(t, program, "repeat", "23", "setuid", "1")
	want := []string{event(program, setuid, "program", 23)}
	for name, hook := range hooks {
		// No tracepoint sees files being opened.
		if name != "opened" || functions(t) {
			want = append(want, event(*triggerFlag, hook, name, 23))
		}
	}
	sort.Strings(want)
	if diff := cmp.Diff(want, a.events()); diff != "" {
		t.Errorf("exposition (-want +got):\n%s", diff)
	}
}

// mountOverlay mounts one with the files lower, copied and mapped in the lower
// layer and upper in the upper one, and returns a function that makes paths.
func mountOverlay(t *testing.T) func(parts ...string) string {
	t.Helper()
	dir := t.TempDir()
	in := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	// A file system of its own, since what the test runs on may be an overlay.
	mount(t, "tmpfs", dir, "tmpfs", 0, "")
	for _, d := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(in(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{in("lower", "lower"), in("lower", "copied"), in("lower", "mapped"), in("upper", "upper")} {
		if err := os.WriteFile(file, []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", in("lower"), in("upper"), in("work"))
	if err := unix.Mount("overlay", in("merged"), "overlay", 0, layers); errors.Is(err, unix.ENODEV) && *attachFlag == "auto" {
		leaveTo(t, "make test-vm", "this kernel has no overlayfs")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(in("merged"), unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return in
}
