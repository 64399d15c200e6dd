// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files instead of comparing with them")
	os.Exit(m.Run())
}

// TestGood compares the policy of each good file with its golden dump.
func TestGood(t *testing.T) {
	for _, file := range corpus(t, "good") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			p, err := policy.Parse(filepath.Base(file), read(t, file))
			if err != nil {
				t.Fatalf("unexpected error:\n%v", err)
			}
			golden(t, file, ".json", dump(t, p))
		})
	}
}

// TestBad compares the errors of each bad file with its golden messages.
func TestBad(t *testing.T) {
	for _, file := range corpus(t, "bad") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			p, err := policy.Parse(filepath.Base(file), read(t, file))
			if p != nil || err == nil {
				t.Fatalf("policy %v, error %v: want an error only", p, err)
			}
			golden(t, file, ".err", err.Error()+"\n")
		})
	}
}

func corpus(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", folder, err)
	}
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func golden(t *testing.T, file, extension, got string) {
	t.Helper()
	name := strings.TrimSuffix(file, ".yaml") + extension
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(read(t, name)), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}

// FuzzParse checks the contract of Parse: a policy or an error but not both,
// no panic, and positions that an editor can go to.
func FuzzParse(f *testing.F) {
	for _, folder := range []string{"good", "bad"} {
		for _, file := range corpus(f, folder) {
			f.Add(read(f, file))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policy.Parse("fuzz.yaml", data)
		if (p == nil) == (err == nil) {
			t.Fatalf("policy %v and error %v", p, err)
		}
		lines := lines(data)
		if err == nil {
			inside(t, lines, p.Pos)
			for _, h := range p.Hooks {
				inside(t, lines, h.Pos)
			}
			return
		}
		var all policy.Errors
		if !errors.As(err, &all) || len(all) == 0 || len(all) > policy.MaxErrors+1 {
			t.Fatalf("error of type %T with %d entries", err, len(all))
		}
		for i, e := range all {
			inside(t, lines, e.Pos)
			if e.Text == "" || strings.ContainsAny(e.Error(), "\n\r") {
				t.Errorf("text %q is not one line", e.Error())
			}
			if i > 0 && all[i-1].Pos.Line > e.Pos.Line {
				t.Errorf("%v is not in order", e)
			}
		}
	})
}

// lines splits like the YAML specification does: at "\n", "\r\n" and "\r".
func lines(data []byte) []string {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
}

func inside(t *testing.T, lines []string, p policy.Pos) {
	t.Helper()
	if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len([]rune(lines[p.Line-1]))+1 {
		t.Errorf("position %v is outside of the file of %d lines", p, len(lines))
	}
}
