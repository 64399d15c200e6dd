// SPDX-License-Identifier: Apache-2.0

package conventions_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLicence: a file that is copied elsewhere must still say how it may be
// used. Generated files say what they were generated from instead.
func TestLicence(t *testing.T) {
	const (
		agent  = "SPDX-License-Identifier: Apache-2.0"
		kernel = "SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause"
	)
	for _, name := range withSuffix(files(t), ".go") {
		if generated(t, name) {
			continue
		}
		head := append(lines(t, name), "", "")
		if head[0] != "// "+agent || head[1] != "" {
			t.Errorf("%s: does not start with %q and an empty line, which keeps it out of the package comment", name, "// "+agent)
		}
	}
	for _, name := range withSuffix(files(t), ".c", ".h") {
		head := append(lines(t, name), "")
		if head[0] == "//go:build ignore" {
			head = head[1:]
		} else if strings.HasSuffix(name, ".c") {
			t.Errorf("%s: does not start with //go:build ignore, without which Go takes it for cgo", name)
		}
		want := "/* " + agent + " */"
		if strings.HasPrefix(name, "bpf/") {
			want = "/* " + kernel + " */"
		}
		if head[0] != want {
			t.Errorf("%s: does not start with %q; the kernel gives its helpers to GPL-compatible programs only", name, want)
		}
	}
}

// TestNames: a package is named for what it provides. The names below say only
// that something had no place, and attract the next thing that has none.
func TestNames(t *testing.T) {
	vague := []string{"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}
	for _, name := range withSuffix(files(t), ".go", ".c", ".h") {
		base := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
		for word := range strings.FieldsFuncSeq(base, func(r rune) bool { return r == '_' || r == '.' || r == '-' }) {
			if slices.Contains(vague, word) {
				t.Errorf("%s: a file named %s; name it for what it holds", name, word)
			}
		}
		if folder := filepath.Base(filepath.Dir(name)); folder == "types" || slices.Contains(vague, folder) {
			t.Errorf("%s: a package named %s; name it for what it provides", name, folder)
		}
	}
}

// TestPlaces: the sources build anywhere, so they name neither the machine they
// were written on nor the hosts that packages happened to come from.
func TestPlaces(t *testing.T) {
	// Written in parts, or this file would match.
	places := regexp.MustCompile(strings.Join([]string{
		`(^|[^\w./-])/wo` + `rk/`,
		`\bdeb\.` + `debian\.org`,
		`\bproxy\.` + `golang\.org`,
		`\bregistry\.` + `npmjs`,
	}, "|"))
	unfinished := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)
	for _, name := range files(t) {
		if !isText(read(t, name)) {
			continue
		}
		for i, line := range lines(t, name) {
			if found := places.FindString(line); found != "" {
				t.Errorf("%s:%d: %q exists on some machines only", name, i+1, found)
			}
			if found := unfinished.FindString(line); found != "" {
				t.Errorf("%s:%d: %s; finish it, or open an issue", name, i+1, found)
			}
		}
	}
}

// TestReadme: a newcomer finds the two commands without scrolling.
func TestReadme(t *testing.T) {
	all := lines(t, "README.md")
	top := strings.Join(all[:min(len(all), 60)], "\n")
	for _, command := range []string{"make run", "make test"} {
		if !strings.Contains(top, command) {
			t.Errorf("README.md: %q is not in the first 60 lines", command)
		}
	}
}

// TestMakefile: the Makefile names commands. What needs more room is a program,
// which can be tested.
func TestMakefile(t *testing.T) {
	all := lines(t, "Makefile")
	if len(all) > 120 {
		t.Errorf("Makefile: %d lines, more than 120", len(all))
	}
	text := strings.Join(all, "\n")
	for _, target := range []string{"run", "test", "build", "generate", "lint", "fmt", "test-vm", "bench", "clean", "help"} {
		if !regexp.MustCompile(`(?m)^` + target + `:.* ## \S`).MatchString(text) {
			t.Errorf("Makefile: no target %s with a ## comment for `make help`", target)
		}
	}
}

// TestChangelog: operators search the changelog by kind and by area.
func TestChangelog(t *testing.T) {
	entry := regexp.MustCompile(`^\* \[(FEATURE|ENHANCEMENT|BUGFIX|CHANGE|SECURITY)\] [a-z][a-z0-9/, -]*: \S`)
	for i, line := range lines(t, "CHANGELOG.md") {
		if strings.HasPrefix(line, "* ") && !entry.MatchString(line) {
			t.Errorf("CHANGELOG.md:%d: not `* [KIND] area: what changed`", i+1)
		}
	}
}
