// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/collector"
)

// document is a policy with a message that tells its versions apart.
func document(name, message string) string {
	return fmt.Sprintf("apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: %s}\n"+
		"spec: {kprobes: [{call: sys_setuid, message: %q}]}\n", name, "version "+message)
}

// bench is a policySet with a directory and what it logged.
type bench struct {
	t   *testing.T
	set *policySet
	dir string
	log *bytes.Buffer
}

func newBench(t *testing.T, standard fs.FS) *bench {
	b := &bench{t: t, dir: filepath.Join(t.TempDir(), "policies"), log: &bytes.Buffer{}}
	b.set = &policySet{standard: standard, dirs: []string{b.dir}, log: slog.New(slog.NewTextHandler(b.log, nil))}
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) write(file, data string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, file), []byte(data), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) remove(file string) {
	b.t.Helper()
	if err := os.RemoveAll(filepath.Join(b.dir, file)); err != nil {
		b.t.Fatal(err)
	}
}

// load returns the policies in force as "name: message", sorted.
func (b *bench) load() []string {
	var got []string
	for _, p := range b.set.load() {
		got = append(got, p.Name+": "+strings.TrimPrefix(p.Hooks[0].Message, "version "))
	}
	sort.Strings(got)
	return got
}

// want loads and compares policies and the number of errors so far.
func (b *bench) want(errors uint64, policies ...string) {
	b.t.Helper()
	if diff := cmp.Diff(policies, b.load()); diff != "" {
		b.t.Errorf("policies differ (-want +got):\n%s", diff)
	}
	if got := b.set.LoadErrors(); got != errors {
		b.t.Errorf("%d load errors, want %d; log:\n%s", got, errors, b.log)
	}
}

// wantLog checks that the log names a problem with its place.
func (b *bench) wantLog(part string) {
	b.t.Helper()
	if !strings.Contains(b.log.String(), part) {
		b.t.Errorf("log lacks %q:\n%s", part, b.log)
	}
}

func TestLoad(t *testing.T) {
	b := newBench(t, nil)
	b.want(0)
	b.write("a.yaml", document("a", "1"))
	b.write("b.yml", document("b", "1"))
	b.write("c.json", `{"apiVersion": "cilium.io/v1alpha1", "kind": "TracingPolicy", "metadata": {"name": "c"},
		"spec": {"kprobes": [{"call": "sys_setuid", "message": "version 1"}]}}`)
	b.write("d.txt", "no policy")
	b.write(".a.yaml.swp", "no policy")
	b.write(".hidden.yaml", "no policy")
	b.want(0, "a: 1", "b: 1", "c: 1")
	b.write("a.yaml", document("a", "2"))
	b.remove("b.yml")
	b.want(0, "a: 2", "c: 1")
}

// TestBadFile: a file that breaks keeps counting as it did, and is an error
// once for each version that is bad.
func TestBadFile(t *testing.T) {
	b := newBench(t, nil)
	b.write("a.yaml", document("a", "1"))
	b.write("new.yaml", "kind: Pod\n")
	b.want(1, "a: 1")
	b.want(1, "a: 1")
	b.write("a.yaml", "kind: TracingPolicy\n")
	b.want(2, "a: 1")
	b.want(2, "a: 1")
	b.write("a.yaml", "kind: [\n")
	b.want(3, "a: 1")
	b.write("a.yaml", document("a", "3"))
	b.want(3, "a: 3")
	b.write("a.yaml", "kind: [\n")
	b.want(4, "a: 3")
	b.remove("a.yaml")
	b.want(4)
	b.wantLog(filepath.Join(b.dir, "new.yaml") + ":1:")
}

func TestDuplicates(t *testing.T) {
	b := newBench(t, nil)
	b.write("a.yaml", document("same", "1"))
	b.write("b.yaml", document("same", "2"))
	b.want(1, "same: 1")
	b.want(1, "same: 1")
	b.wantLog("policy same is already defined in " + filepath.Join(b.dir, "a.yaml"))
	b.remove("a.yaml")
	b.want(1, "same: 2")
}

// TestShipped: an operator's file takes the place of a policy of its name that
// ships with the agent, as long as it has ever been good.
func TestShipped(t *testing.T) {
	b := newBench(t, fstest.MapFS{
		"a.yaml":    {Data: []byte(document("a", "shipped"))},
		"b.yaml":    {Data: []byte(document("b", "shipped"))},
		"README.md": {Data: []byte("no policy")},
	})
	b.want(0, "a: shipped", "b: shipped")
	b.write("mine.yaml", "kind: [\n")
	b.want(1, "a: shipped", "b: shipped")
	b.write("mine.yaml", document("a", "mine"))
	b.want(1, "a: mine", "b: shipped")
	b.write("mine.yaml", "kind: [\n")
	b.want(2, "a: mine", "b: shipped")
	b.remove("mine.yaml")
	b.want(2, "a: shipped", "b: shipped")
}

// TestDirVanishes: a directory that is away, as a mounted one may be, takes no
// policy with it.
func TestDirVanishes(t *testing.T) {
	b := newBench(t, nil)
	b.write("a.yaml", document("a", "1"))
	b.want(0, "a: 1")
	if err := os.Rename(b.dir, b.dir+"-away"); err != nil {
		t.Fatal(err)
	}
	b.want(1, "a: 1")
	if err := os.Rename(b.dir+"-away", b.dir); err != nil {
		t.Fatal(err)
	}
	b.want(1, "a: 1")
	b.remove("a.yaml")
	b.want(1)
}

func TestPolicyFiles(t *testing.T) {
	b := newBench(t, nil)
	b.write("a.yaml", document("a", "1"))
	b.set.dirs, b.set.files = nil, []string{filepath.Join(b.dir, "a.yaml"), filepath.Join(b.dir, "missing.yaml")}
	b.want(1, "a: 1")
	b.wantLog("missing.yaml: no such file or directory")
}

// TestApplication: a policy for applications is loaded when it is named, once
// its variables have values.
func TestApplication(t *testing.T) {
	b := newBench(t, nil)
	b.set.files = []string{"application:network-egress-cluster", "application:nothing"}
	b.want(2)
	b.wantLog("application:network-egress-cluster:28:45: variable PODCIDR is not set")
	b.wantLog("no policy application:nothing, expected one of application-file-system-access, ")
	b.set.variables = variables{"PODCIDR": "10.0.0.0/8,fd00::/48", "SERVICECIDR": "10.96.0.0/12"}
	b.set.known = nil
	b.want(3, "network-egress-cluster: ")
}

// TestStates: a file that never was good is a policy named as the file.
func TestStates(t *testing.T) {
	b := newBench(t, nil)
	b.write("good.yaml", document("good", "1"))
	b.write("never-good.yaml", "kind: [\n")
	b.write("was-good.yaml", document("was-good", "1"))
	b.load()
	b.write("was-good.yaml", "kind: [\n")
	b.load()
	b.set.setStates([]collector.PolicyState{{Policy: "good", State: collector.Enabled}})
	want := []collector.PolicyState{
		{Policy: "good", State: collector.Enabled},
		{
			Policy: "never-good", State: collector.LoadError,
			Reason: filepath.Join(b.dir, "never-good.yaml") + ":2:1: invalid YAML: did not find expected node content",
		},
	}
	if diff := cmp.Diff(want, b.set.States()); diff != "" {
		t.Errorf("states differ (-want +got):\n%s", diff)
	}
}

func TestCheck(t *testing.T) {
	b := newBench(t, nil)
	b.write("good.yaml", document("good", "1"))
	b.write("bad.yaml", document("bad", "1")+"status: {}\nextra: 1\n")
	good, bad, missing := filepath.Join(b.dir, "good.yaml"), filepath.Join(b.dir, "bad.yaml"), filepath.Join(b.dir, "missing.yaml")
	tests := []struct {
		name   string
		files  []string
		want   string
		stderr string
	}{
		{"good", []string{good, good}, "<nil>", ""},
		{"bad", []string{good, bad}, "1 of 2 policies are bad", bad + ":6:1: extra: unknown field \"extra\"\n"},
		{"missing", []string{missing}, "1 of 1 policies are bad", "open " + missing + ": no such file or directory\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var err error
			printed := captureStderr(t, func() { err = check(test.files, nil) })
			if diff := cmp.Diff(test.want, fmt.Sprint(err)); diff != "" {
				t.Errorf("error differs (-want +got):\n%s", diff)
			}
			// The parser's texts may go on with what it expected instead.
			if !strings.HasPrefix(printed, strings.TrimSuffix(test.stderr, "\n")) || (test.stderr == "") != (printed == "") {
				t.Errorf("printed %q, want %q", printed, test.stderr)
			}
		})
	}
}

// captureStderr returns what f prints to the standard error.
func captureStderr(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	before := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = before }()
	f()
	data, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
