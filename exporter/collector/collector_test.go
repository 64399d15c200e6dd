// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/kernel"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// TestExposition pins every byte that a scraper sees, in the classic format and
// in the one that has created timestamps.
func TestExposition(t *testing.T) {
	c := newCollector(fakeCounters{snapshot: counted()}, allStates(), everything())
	golden(t, "testdata/metrics.txt", text(t, c))
	golden(t, "testdata/metrics.om.txt",
		expose(t, c, expfmt.NewFormat(expfmt.TypeOpenMetrics), expfmt.WithCreatedLines()))
}

// TestReadFailure: what does not come from the kernel stays, and says so.
func TestReadFailure(t *testing.T) {
	c := newCollector(fakeCounters{err: errors.New("read series: bad file descriptor")}, allStates(), everything())
	golden(t, "testdata/read-failure.txt", text(t, c))
}

// events are the series of tetragon_policy_events_total.
func events(t *testing.T, c prometheus.Collector) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(text(t, c)) {
		if series, ok := strings.CutPrefix(line, "tetragon_policy_events_total"); ok {
			lines = append(lines, strings.TrimSpace(series))
		}
	}
	return lines
}

func TestEvents(t *testing.T) {
	id := func(namespace, hook string) plan.ID { return plan.ID{Namespace: namespace, Policy: "p", Hook: hook} }
	one := func(id plan.ID, binary string, cgroup, count uint64) kernel.Series {
		return kernel.Series{ID: id, Binary: binary, Cgroup: cgroup, Count: count, First: at(1), Last: at(1)}
	}
	over := func(id plan.ID, n uint64) []kernel.Total {
		return []kernel.Total{{ID: id, Count: n, Overflow: n, Created: at(0), FirstOver: at(1)}}
	}
	series := func(binary, hook, names string, count int) string {
		return fmt.Sprintf(`{binary=%q,hook=%q,namespace=%[3]q,pod=%[3]q,policy="p",workload=%[3]q} %[4]d`, binary, hook, names, count)
	}
	tests := []struct {
		name     string
		filter   collector.Filter
		snapshot kernel.Snapshot
		want     []string
	}{
		{"none", everything(), kernel.Snapshot{Totals: []kernel.Total{{ID: id("", "a"), Created: at(0)}}}, nil},
		{"cgroups", everything(), kernel.Snapshot{Series: []kernel.Series{
			one(id("", "a"), "/b", 1, 2), one(id("", "a"), "/b", 2, 3), one(id("", "a"), "/c", 2, 5),
		}}, []string{series("/b", "a", "", 5), series("/c", "a", "", 5)}},
		{"namespaces of the policy", everything(), kernel.Snapshot{Series: []kernel.Series{
			one(id("", "a"), "/b", 1, 2), one(id("team", "a"), "/b", 1, 3), one(id("team", "c"), "/b", 1, 7),
		}}, []string{series("/b", "a", "", 5), series("/b", "c", "", 7)}},
		{"no binary", collector.Filter{Pod: true}, kernel.Snapshot{Series: []kernel.Series{
			one(id("", "a"), "/b", 1, 2), one(id("", "a"), "/c", 1, 3),
		}}, []string{series("", "a", "", 5)}},
		{"overflow", everything(), kernel.Snapshot{
			Series: []kernel.Series{one(id("", "a"), "/b", 1, 2)}, Totals: over(id("", "a"), 5),
		}, []string{series("/b", "a", "", 2), series("~other", "a", "~other", 5)}},
		{
			"overflow without binary",
			collector.Filter{Namespace: true, Workload: true, Pod: true},
			kernel.Snapshot{Totals: over(id("", "a"), 5)},
			[]string{series("", "a", "~other", 5)},
		},
		{"overflow without labels joins the others", collector.Filter{}, kernel.Snapshot{
			Series: []kernel.Series{one(id("", "a"), "/b", 1, 2)}, Totals: over(id("", "a"), 5),
		}, []string{series("", "a", "", 7)}},
		{"a binary without room for its name", everything(), kernel.Snapshot{Series: []kernel.Series{
			one(id("", "a"), kernel.Other, 1, 2),
		}}, []string{series("~other", "a", "", 2)}},
		{"not UTF-8", everything(), kernel.Snapshot{Series: []kernel.Series{
			one(id("", "a"), "/caf\xe9", 1, 2), one(id("", "a"), "/caf\xe8", 1, 3), one(id("", "a"), "/\"\n", 1, 4),
		}}, []string{series("/\"\n", "a", "", 4), series("/caf\uFFFD", "a", "", 5)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := events(t, newCollector(fakeCounters{snapshot: test.snapshot}, fakePolicies{}, test.filter))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("series differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCreated: protobuf carries the time of the first event, a millisecond
// early, and merged series the earliest of theirs; totals that of the policy.
func TestCreated(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newCollector(fakeCounters{snapshot: counted()}, fakePolicies{}, collector.Filter{}))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]time.Time{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if created := m.GetCounter().GetCreatedTimestamp(); created != nil {
				got[family.GetName()] = append(got[family.GetName()], created.AsTime())
			}
		}
	}
	want := map[string][]time.Time{
		"tetragon_policy_events_total":        {at(499), at(0)},
		"tetrameter_policy_hook_events_total": {at(0), at(0), at(0)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("created timestamps differ (-want +got):\n%s", diff)
	}
}

// TestHostile: names of files are any bytes, and come to labels as the name of a
// policy that cannot be loaded and inside of reasons. One metric that the client
// library refuses costs the scrape all that come after it.
func TestHostile(t *testing.T) {
	snapshot := kernel.Snapshot{Hooks: []kernel.Hook{
		{ID: setuid(), Reason: "f has no argument 1, which caf\xe9.yaml:1:1 filters"},
		// One function hooked as a system call and as none.
		{ID: setuid(), Attach: "kprobe"},
	}}
	policies := fakePolicies{
		{Policy: "caf\xe9", State: collector.LoadError, Reason: "caf\xe9.yaml:1:1: bad"},
		{Policy: "caf\xe8", State: collector.LoadError, Reason: "caf\xe8.yaml:1:1: bad"},
		// An operator's broken variant of a policy that is in force.
		{Policy: "privileges-raise", State: collector.Enabled},
		{Policy: "privileges-raise", State: collector.LoadError},
	}
	got := map[string]bool{}
	for line := range strings.Lines(text(t, newCollector(fakeCounters{snapshot: snapshot}, policies, everything()))) {
		if strings.HasPrefix(line, "tetrameter_hook_info") || strings.HasSuffix(line, " 1\n") && strings.HasPrefix(line, "tetrameter_policy_state") {
			got[strings.TrimSpace(line)] = true
		}
	}
	want := []string{
		`tetrameter_hook_info{attach="unsupported",hook="kprobe:__sys_setuid",pinned="false",policy="privileges-raise",policy_namespace="",reason="f has no argument 1, which caf` + "\uFFFD" + `.yaml:1:1 filters"} 1`,
		`tetrameter_policy_state{policy="caf` + "\uFFFD" + `",policy_namespace="",reason="caf` + "\uFFFD" + `.yaml:1:1: bad",state="load_error"} 1`,
		`tetrameter_policy_state{policy="privileges-raise",policy_namespace="",reason="",state="enabled"} 1`,
		`tetrameter_policy_state{policy="privileges-raise",policy_namespace="",reason="",state="load_error"} 1`,
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("series differ (-want +got):\n%s", diff)
	}
}

// BenchmarkCollect10000 gathers 10 000 series.
func BenchmarkCollect10000(b *testing.B) {
	var snapshot kernel.Snapshot
	for i := range 10_000 {
		snapshot.Series = append(snapshot.Series, kernel.Series{
			ID: setuid(), Binary: fmt.Sprintf("/usr/bin/program-%d", i), Cgroup: 5, Count: 23, First: at(i), Last: at(i),
		})
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(fakeCounters{snapshot: snapshot}, fakePolicies{}, everything()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
