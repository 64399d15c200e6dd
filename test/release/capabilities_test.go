// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unitCapabilities are those of the service, sorted.
func unitCapabilities(t *testing.T) []string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^CapabilityBoundingSet=(.*)$`).FindStringSubmatch(read(t, *unitFlag))
	if line == nil {
		t.Fatalf("%s has no capabilities", *unitFlag)
	}
	capabilities := strings.Fields(line[1])
	slices.Sort(capabilities)
	return capabilities
}

// listed are the capabilities of a list like "add: [BPF, PERFMON]".
func listed(t *testing.T, file string) []string {
	t.Helper()
	list := regexp.MustCompile(`(?m)^ +add: \[([A-Z_, ]+)\]`).FindStringSubmatch(read(t, file))
	if list == nil {
		t.Fatalf("%s has no list of capabilities", file)
	}
	var capabilities []string
	for name := range strings.SplitSeq(list[1], ",") {
		capabilities = append(capabilities, "CAP_"+strings.TrimSpace(name))
	}
	slices.Sort(capabilities)
	return capabilities
}

// TestCapabilitiesAgree compares every place that says what the agent needs.
func TestCapabilitiesAgree(t *testing.T) {
	want := unitCapabilities(t)
	operations := root + "/docs/operations.md"
	var table []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(CAP_[A-Z_]+)` \\|").FindAllStringSubmatch(read(t, operations), -1) {
		table = append(table, row[1])
	}
	slices.Sort(table)
	places := map[string][]string{
		"the table of " + operations: table,
		"the pod of " + operations:   listed(t, operations),
	}
	if _, err := os.Stat(root + "/chart/values.yaml"); err == nil {
		places["the chart"] = listed(t, root+"/chart/values.yaml")
	}
	for place, got := range places {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-unit +got):\n%s", place, diff)
		}
	}
}
