// SPDX-License-Identifier: Apache-2.0

// Package conventions_test checks what every file of the repository agrees to
// and no linter can see: names, sizes, licences, imports, and the shape of the
// BPF maps. Each failure says why the rule exists.
package conventions_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the repository seen from this package, where go test runs.
const root = "../.."

// files lists what git tracks, or would after `git add`, by slash-separated
// path from the root.
func files(t *testing.T) []string {
	t.Helper()
	command := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	command.Dir = root
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var list []string
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		// A tracked file may have been removed from the work tree.
		if info, err := os.Lstat(path(name)); err == nil && info.Mode().IsRegular() {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if len(list) == 0 {
		t.Fatal("git ls-files: no files")
	}
	return list
}

// withSuffix keeps the files whose name ends with one of suffixes.
func withSuffix(list []string, suffixes ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool {
		return !slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
	})
}

func path(name string) string {
	return filepath.Join(root, filepath.FromSlash(name))
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(path(name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// lines are those of the file, without their ends.
func lines(t *testing.T, name string) []string {
	t.Helper()
	return strings.Split(strings.TrimSuffix(string(read(t, name)), "\n"), "\n")
}

func isText(data []byte) bool {
	return !bytes.ContainsRune(data[:min(len(data), 8000)], 0)
}
