// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/collector"
)

// TestLossReasons: each reason of a loss is explained once by the metric's label,
// and once by the table of docs/operations.md, which says what to do. Neither
// explains others.
func TestLossReasons(t *testing.T) {
	operations, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| [^|]*\{reason="(\w+)"\}`)
	parts := regexp.MustCompile(`(?:(\w+), )?(\w+): `) // as "one: ...; two, three: ..."
	var documented, described []string
	for _, row := range rows.FindAllStringSubmatch(string(operations), -1) {
		documented = append(documented, row[1])
	}
	for _, part := range parts.FindAllStringSubmatch(lossReason(t), -1) {
		for _, reason := range part[1:] {
			if reason != "" {
				described = append(described, reason)
			}
		}
	}
	reasons := slices.Sorted(slices.Values(bpf.LossReasons()))
	for where, got := range map[string][]string{"docs/operations.md": documented, "the label reason": described} {
		slices.Sort(got)
		if diff := cmp.Diff(reasons, got); diff != "" {
			t.Errorf("%s (-reasons of losses +explained):\n%s", where, diff)
		}
	}
}

// lossReason is what the label of the metric of losses says.
func lossReason(t *testing.T) string {
	t.Helper()
	for _, m := range collector.Metrics() {
		if m.Name == "tetrameter_bpf_losses_total" {
			return m.Labels[0].Help
		}
	}
	t.Fatal("no metric of losses")
	return ""
}
