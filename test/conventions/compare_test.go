// SPDX-License-Identifier: Apache-2.0

package conventions_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestComparedNumbers: what docs/compare.md says that an operation costs here is
// what was measured last.
func TestComparedNumbers(t *testing.T) {
	measured := func(operation string) string {
		for _, cells := range rows(t, "../../docs/performance.md") {
			if cells[0] == operation {
				return cells[2]
			}
		}
		t.Fatalf("docs/performance.md does not measure %q", operation)
		return ""
	}
	want := map[string]string{
		"setuid(0), a policy matches":                         measured("setuid(0), policy matches, by fentry"),
		"read of one byte, a file policy does not match":      measured("1-byte pread, file policy (14 prefixes), path does not match, by fentry"),
		"TCP connection, an address policy does not match":    measured("TCP connection on loopback, NotDAddr filter, no match, by fentry"),
		"TCP connection, it matches":                          measured("the same, match"),
		"a process starts and ends, policies on other things": measured("fork+exec+exit, reference policies, no match"),
		"resident memory of the agent":                        measured("agent's resident memory, shipped policies, after start"),
	}
	got := map[string]string{}
	for _, cells := range rows(t, "../../docs/compare.md") {
		if _, ok := want[cells[0]]; ok {
			got[cells[0]] = cells[1]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("numbers of Tetrameter (-docs/performance.md +docs/compare.md):\n%s", diff)
	}
}

// rows are the lines of the tables in a file.
func rows(t *testing.T, file string) (all [][]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) > 2 {
			all = append(all, cells)
		}
	}
	return all
}
