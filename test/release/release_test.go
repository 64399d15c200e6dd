// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// root is the repository, from the directory of the tests.
const root = "../.."

var (
	// built is the release that `make image` made with the same flags.
	built = releaseFlags()

	triggerFlag = flag.String("trigger", root+"/bin/trigger", "program that causes events")
	unitFlag    = flag.String("unit", root+"/docs/systemd/tetrameter.service", "unit whose capabilities containers get")
	qemuFlag    = flag.String("qemu", root+"/bin/qemu/usr/bin/qemu-aarch64", "emulator for programs of arm64")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if _, err := os.Stat(built.archiveName()); err != nil {
		fmt.Fprintln(os.Stderr, "run `make test-image`, which makes the release first:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// tree returns the contents of the files below a directory.
func tree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	content := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content[strings.TrimPrefix(path, dir)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// copySources copies the repository as it is to another directory.
func copySources(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name := range strings.SplitSeq(command(t, "git", "-C", root, "ls-files", "-co", "--exclude-standard"), "\n") {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || name == "" {
			continue // removed, and not committed
		}
		if err := writeFile(filepath.Join(dir, name), data); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestReproducible makes the release a second time, elsewhere and outside of a
// repository.
func TestReproducible(t *testing.T) {
	want := tree(t, built.out)
	again := *built
	again.out = t.TempDir()
	t.Chdir(copySources(t))
	if err := again.run(); err != nil {
		t.Fatal(err)
	}
	got := tree(t, again.out)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("files (-first +second):\n%s", diff)
	}
	for name := range want {
		if !bytes.Equal(want[name], got[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

// TestPrograms checks that programs are static, of their architecture, and
// stamped.
func TestPrograms(t *testing.T) {
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	for _, arch := range architectures() {
		path := filepath.Join(built.out, "linux-"+arch, "tetrameter")
		file, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if file.Machine != machines[arch] {
			t.Errorf("%s is for %v", path, file.Machine)
		}
		for _, p := range file.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				t.Errorf("%s is not static: %v", path, p.Type)
			}
		}
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, setting := range info.Settings {
			if strings.HasPrefix(setting.Key, "vcs.") {
				t.Errorf("%s depends on the repository: %v", path, setting)
			}
		}
	}
}

// TestOtherArchitecture runs the program for arm64 in an emulator.
func TestOtherArchitecture(t *testing.T) {
	agent := filepath.Join(built.out, "linux-arm64", "tetrameter")
	version := command(t, *qemuFlag, agent, "version")
	for _, want := range []string{"version " + built.version, "revision: " + built.revision, "linux/arm64"} {
		if !strings.Contains(version, want) {
			t.Errorf("no %q in\n%s", want, version)
		}
	}
	command(t, *qemuFlag, agent, "check", "application:network-egress-cluster", root+"/policies/standard/sudo-invocations.yaml",
		"--set", "PODCIDR=10.0.0.0/16", "--set", "SERVICECIDR=10.96.0.0/12")
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := writeFile(bad, []byte("kind: TracingPolicy\n")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(*qemuFlag, agent, "check", bad).CombinedOutput(); err == nil {
		t.Errorf("a bad policy is good:\n%s", out)
	}
}

// TestSBOM compares each SBOM with what the linker says of the program.
func TestSBOM(t *testing.T) {
	for _, arch := range architectures() {
		text, err := os.ReadFile(built.name(arch, ".spdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		var d document
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		program, err := os.ReadFile(filepath.Join(built.out, "linux-"+arch, "tetrameter"))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Packages[0].Checksums[0].Value; "sha256:"+got != digest(program) {
			t.Errorf("%s: the checksum %s is not that of the program", arch, got)
		}
		ids := map[string]bool{d.SPDXID: true}
		var got []string
		for _, p := range d.Packages {
			if ids[p.SPDXID] {
				t.Errorf("%s: %s is there twice", arch, p.SPDXID)
			}
			ids[p.SPDXID] = true
			got = append(got, p.Name+" "+p.VersionInfo)
		}
		for _, r := range d.Relationships {
			if !ids[r.Element] || !ids[r.Related] {
				t.Errorf("%s: %v relates what is not there", arch, r)
			}
		}
		// What `go version -m` prints: path, then mod and dep lines.
		want := []string{"github.com/tetrameter/tetrameter " + built.version}
		for line := range strings.SplitSeq(command(t, "go", "version", "-m", filepath.Join(built.out, "linux-"+arch, "tetrameter")), "\n") {
			fields := strings.Fields(line)
			if len(fields) == 2 && strings.HasPrefix(fields[1], "go1") {
				want = append(want, "stdlib "+strings.TrimPrefix(fields[1], "go"))
			}
			if len(fields) > 2 && fields[0] == "dep" {
				want = append(want, fields[1]+" "+fields[2])
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: packages (-linked +SBOM):\n%s", arch, diff)
		}
	}
}

// TestSums has the sums checked by who reads them.
func TestSums(t *testing.T) {
	cmd := exec.Command("sha256sum", "--check", "--strict", "sha256sums.txt")
	cmd.Dir = built.out
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Count(out, []byte(": OK\n")) != 7 {
		t.Errorf("%v, want seven files:\n%s", err, out)
	}
}

// command runs a program that has to succeed, and returns what it printed.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}
