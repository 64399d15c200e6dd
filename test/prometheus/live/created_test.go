// SPDX-License-Identifier: Apache-2.0

package live

import (
	"testing"
)

// The newest Prometheus, asked to, lets counters begin at 0 when their first event was:
// plain increase() sees all events of a series that is born with them. Without, it sees
// none, in any version.
func TestCreatedTimestamps(t *testing.T) {
	a := startAgent(t)
	newest := serverOptions{program: *newestFlag, version: "3.6.0", flags: []string{"--enable-feature=created-timestamp-zero-ingestion"}}
	with, without := startServer(t, a, newest), startServer(t, a, serverOptions{})
	const born = `tetragon_policy_events_total{policy="privileges-raise", binary=~".*/trigger"}`
	trigger(t, "repeat", "23", "setuid", "1")
	for _, s := range []*server{with, without} {
		s.wait("three samples of the series", "count_over_time("+born+"[5m]) > 3")
	}
	// From the first event on, and not before: there is nothing to extrapolate over.
	seen, err := with.value("increase(" + born + "[5m])")
	if err != nil {
		t.Fatal(err)
	}
	if seen < 23 || seen > 2*23 {
		t.Errorf("increase() with created timestamps: %v, want about 23", seen)
	}
	if first, err := with.value("min_over_time(" + born + "[5m])"); err != nil || first != 0 {
		t.Errorf("the series begins at %v, %v, want 0", first, err)
	}
	if missed, err := without.value("increase(" + born + "[5m])"); err != nil || missed != 0 {
		t.Errorf("increase() without created timestamps: %v, %v, want 0", missed, err)
	}
}
