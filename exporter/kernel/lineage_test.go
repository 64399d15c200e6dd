// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tetrameter/tetrameter/bpf"
)

const pgid = "tracepoint:syscalls/sys_enter_getpgid"

// pgidPolicy counts getpgid where a selector matches.
func pgidPolicy(selector string) string {
	return fmt.Sprintf(`  tracepoints:
  - subsystem: syscalls
    event: sys_enter_getpgid
    selectors: [{%s}]
`, selector)
}

func followChildren(operator, path string) string {
	return pgidPolicy(fmt.Sprintf("matchBinaries: [{operator: %s, values: [%q], followChildren: true}]", operator, path))
}

// program is the path of this program.
func program(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// callPgid causes 23 events.
func callPgid(t *testing.T) {
	t.Helper()
	for range 23 {
		if _, err := unix.Getpgid(0); err != nil {
			t.Fatal(err)
		}
	}
}

// Of a process that nothing is known of no filter matches, and that is a loss; a
// scan finds out what it runs.
func TestProcessUnknown(t *testing.T) {
	k := open(t)
	attached(t, k, planOf(t, k, map[string]string{
		"in":      followChildren("In", program(t)),
		"not":     followChildren("NotIn", "/nowhere"),
		"changes": pgidPolicy("matchNamespaceChanges: [{operator: In, values: [Mnt]}]"),
	}))
	callPgid(t)
	processes := k.maps.byName[bpf.LineageMapProcesses]
	var key bpf.ProcessKey
	var value []byte
	for entries := processes.Iterate(); entries.Next(&key, &value); {
		if key.Tgid == uint32(os.Getpid()) {
			if err := processes.Delete(key); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	callPgid(t) // three filters fail
	if err := k.lineage.find(0); err != nil {
		t.Fatal(err)
	}
	callPgid(t)
	want(t, k, "in", pgid, 46)
	want(t, k, "not", pgid, 46)
	want(t, k, "changes", pgid, 0)
	losses, err := k.readLosses()
	if err != nil {
		t.Fatal(err)
	}
	if lost := losses["process_unknown"]; lost != 3*23 {
		t.Errorf("%d losses, want 69", lost)
	}
}

// A list beyond those that the word of a process has bits for is refused alone.
func TestTooManyLists(t *testing.T) {
	k := open(t)
	specs := map[string]string{}
	for i := range 65 {
		specs[fmt.Sprintf("list-%02d", i)] = followChildren("In", fmt.Sprintf("/bin/%d", i))
	}
	refused := 0
	for _, s := range apply(t, k, planOf(t, k, specs).Hooks...) {
		if s.Attach == "" {
			refused++
			if !strings.Contains(s.Reason, ErrNoList.Error()) {
				t.Errorf("reason %q, want %q", s.Reason, ErrNoList)
			}
		}
	}
	if refused != 1 {
		t.Errorf("%d policies are refused, want 1", refused)
	}
}

// The programs and their maps are there while a policy needs them, and a new
// agent's take the place of an earlier one's.
func TestLineageWhileNeeded(t *testing.T) {
	bpffs := mountBPF(t)
	agent := func() *Kernel {
		k, err := Open(Options{BPFFS: bpffs, MaxSeries: 64})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	pinned := func(k *Kernel) (names []string) {
		for _, pattern := range []string{filepath.Join(k.pins.lineage(), "*", "*", "link"), filepath.Join(k.pins.maps(), "*")} {
			files, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				switch name := filepath.Base(f); name {
				case "link":
					names = append(names, filepath.Base(filepath.Dir(f)))
				case bpf.LineageMapProcesses, bpf.LineageMapChanges, bpf.LineageMapMembers, bpf.LineageMapLineage:
					names = append(names, name)
				}
			}
		}
		return names
	}
	needing := map[string]string{"in": followChildren("In", program(t))}
	all := []string{
		"sched_process_exec", "sched_process_fork", "sched_process_free", "changes", "lineage", "members", "processes",
	}
	for _, test := range []struct {
		specs map[string]string
		want  []string
	}{{nil, nil}, {needing, all}, {needing, all}, {map[string]string{"all": pgidPolicy("")}, nil}} {
		k := agent()
		attached(t, k, planOf(t, k, test.specs))
		if diff := cmp.Diff(test.want, pinned(k)); diff != "" {
			t.Errorf("pinned for %v (-want +got):\n%s", test.specs, diff)
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Numbers are given again only when nothing has them.
func TestLineageNumbers(t *testing.T) {
	places := []uint64{7, 0, 9}
	for key, want := range map[uint64]int{7: 0, 9: 2, 8: 1} {
		if got, known := numberOf(places, key); got != want || known != (key != 8) {
			t.Errorf("number of %d: %d, known %t", key, got, known)
		}
	}
	if got, _ := numberOf([]uint64{1, 2}, 3); got != -1 {
		t.Errorf("number %d where there is none", got)
	}
	l := &lineage{value: bpf.LineageValue{Lists: [64]uint64{0, 5}, Counters: [64]uint64{3}}}
	if diff := cmp.Diff(map[uint64]uint32{5: 1}, l.descents()); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[uint32]uint32{3: 0}, l.changes()); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}
