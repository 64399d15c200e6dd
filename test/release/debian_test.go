// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// debianPackage is the file of the package for an architecture.
func debianPackage(arch string) string {
	return filepath.Join(built.out, "tetrameter_"+debianVersion(built.version)+"_"+arch+".deb")
}

// dpkg runs dpkg on a root directory of its own.
func dpkg(t *testing.T, dir string, args ...string) {
	t.Helper()
	command(t, "dpkg", append([]string{"--root=" + dir, "--force-script-chrootless", "--force-architecture"}, args...)...)
}

// newDpkgRoot makes a directory that dpkg installs into.
func newDpkgRoot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"updates/x", "info/x", "triggers/x", "status", "available"} {
		path := filepath.Join(dir, "var/lib/dpkg", strings.TrimSuffix(name, "/x"))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil && strings.HasSuffix(name, "/x") {
			err = os.Mkdir(path, 0o755)
		} else if err == nil {
			err = os.WriteFile(path, nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestDebianPackage installs, upgrades and removes each package by dpkg.
func TestDebianPackage(t *testing.T) {
	for _, arch := range architectures() {
		dir := newDpkgRoot(t)
		dpkg(t, dir, "--install", debianPackage(arch))
		program, err := os.ReadFile(filepath.Join(built.out, "linux-"+arch, "tetrameter"))
		if err != nil {
			t.Fatal(err)
		}
		if read(t, dir+"/usr/bin/tetrameter") != string(program) {
			t.Errorf("%s: the program is another one", arch)
		}
		// A configuration that was changed stays, also when the package is removed.
		const changed = "TETRAMETER_FLAGS=--log.level=debug\n"
		settings := dir + "/etc/default/tetrameter"
		if err := os.WriteFile(settings, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		dpkg(t, dir, "--force-confold", "--install", debianPackage(arch))
		dpkg(t, dir, "--verify", "tetrameter")
		dpkg(t, dir, "--remove", "tetrameter")
		if read(t, settings) != changed {
			t.Errorf("%s: the configuration was lost", arch)
		}
		if _, err := os.Stat(dir + "/usr/bin/tetrameter"); !os.IsNotExist(err) {
			t.Errorf("%s: the program is still there: %v", arch, err)
		}
		dpkg(t, dir, "--purge", "tetrameter")
		if _, err := os.Stat(settings); !os.IsNotExist(err) {
			t.Errorf("%s: the configuration is still there: %v", arch, err)
		}
	}
}

// TestDebianContents has dpkg-deb list what the package says of itself.
func TestDebianContents(t *testing.T) {
	fields := command(t, "dpkg-deb", "--field", debianPackage("arm64"), "Package", "Version", "Architecture")
	want := "Package: tetrameter\nVersion: " + debianVersion(built.version) + "\nArchitecture: arm64\n"
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("control (-want +got):\n%s", diff)
	}
	var got []string
	for line := range strings.Lines(command(t, "dpkg-deb", "--contents", debianPackage("amd64"))) {
		words := strings.Fields(line)
		if !strings.HasPrefix(words[0], "d") {
			got = append(got, words[0]+" "+words[1]+" "+words[5])
		}
	}
	files := []string{
		"-rw-r--r-- root/root etc/default/tetrameter",
		"-rw-r--r-- root/root etc/tetrameter/policies/README",
		"-rwxr-xr-x root/root usr/bin/tetrameter",
		"-rw-r--r-- root/root usr/lib/systemd/system/tetrameter.service",
		"-rw-r--r-- root/root usr/share/doc/tetrameter/NOTICE",
		"-rw-r--r-- root/root usr/share/doc/tetrameter/changelog.gz",
		"-rw-r--r-- root/root usr/share/doc/tetrameter/copyright",
	}
	if diff := cmp.Diff(files, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestDebianVersion(t *testing.T) {
	ordered := []string{"b888170-dirty", "v0.9.0", "v1.0.0-rc1", "v1.0.0", "v1.0.0-3-gabc", "v1.0.1"}
	for i, v := range ordered[1:] {
		command(t, "dpkg", "--compare-versions", debianVersion(ordered[i]), "lt", debianVersion(v))
	}
}

// TestInstall runs `make install` into a directory, twice.
func TestInstall(t *testing.T) {
	dir := t.TempDir()
	install := func() {
		t.Helper()
		command(t, "make", "-C", root, "install", "DESTDIR="+dir, "PREFIX=/opt/tm")
	}
	install()
	settings := dir + "/etc/default/tetrameter"
	if err := os.WriteFile(settings, []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	install()
	if read(t, settings) != "changed" {
		t.Error("the configuration was lost")
	}
	want := []string{
		"/etc/default/tetrameter", "/etc/tetrameter/policies/README", "/opt/tm/bin/tetrameter",
		"/opt/tm/lib/systemd/system/tetrameter.service", "/opt/tm/share/doc/tetrameter/LICENSE", "/opt/tm/share/doc/tetrameter/NOTICE",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(tree(t, dir)))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	unit := read(t, dir+"/opt/tm/lib/systemd/system/tetrameter.service")
	if !strings.Contains(unit, "\nExecStart=/opt/tm/bin/tetrameter run ") {
		t.Errorf("the unit runs another program:\n%s", unit)
	}
	command(t, dir+"/opt/tm/bin/tetrameter", "version")
}

// TestUnit has systemd check the unit, with its program where it will be.
func TestUnit(t *testing.T) {
	dir := t.TempDir()
	program, err := filepath.Abs(filepath.Join(built.out, "linux-amd64", "tetrameter"))
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(dir, "tetrameter.service")
	text := strings.ReplaceAll(read(t, *unitFlag), "/usr/bin/tetrameter", program)
	if err := writeFile(unit, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	report := command(t, "systemd-analyze", "security", "--no-pager", "--offline=true", unit)
	found := regexp.MustCompile(`exposure level for tetrameter.service: ([0-9.]+)`).FindStringSubmatch(report)
	if found == nil {
		t.Fatalf("no level in\n%s", report)
	}
	if level, err := strconv.ParseFloat(found[1], 64); err != nil || level > 3.5 {
		t.Errorf("the exposure is %s, want at most 3.5 (%v):\n%s", found[1], err, report)
	}
}
