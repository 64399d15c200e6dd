// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"bytes"
	"flag"
	"log/slog"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/kernel"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

var update = flag.Bool("update", false, "write the golden files and docs/metrics.md instead of comparing with them")

// fakeCounters is a kernel that has counted the same each time.
type fakeCounters struct {
	snapshot kernel.Snapshot
	err      error
}

func (f fakeCounters) Read() (*kernel.Snapshot, error) {
	if f.err != nil {
		return nil, f.err
	}
	snapshot := f.snapshot
	return &snapshot, nil
}

// fakePolicies has one policy in each state.
type fakePolicies []collector.PolicyState

func (f fakePolicies) States() []collector.PolicyState { return f }
func (f fakePolicies) LoadErrors() uint64              { return 3 }
func (f fakePolicies) Hash() string                    { return "5891b5b522d5df08" }

func allStates() fakePolicies {
	var states fakePolicies
	for _, state := range collector.States() {
		states = append(states, collector.PolicyState{Policy: "p-" + state, State: state, Severity: "info"})
	}
	states[0].Namespace = "team"
	return states
}

func everything() collector.Filter {
	return collector.Filter{Namespace: true, Workload: true, Pod: true, Binary: true}
}

// at is a time some milliseconds after the turn of a minute in 2026.
func at(ms int) time.Time { return time.UnixMilli(1_767_225_600_000 + int64(ms)).UTC() }

func setuid() plan.ID {
	return plan.ID{Policy: "privileges-raise", Hook: "kprobe:__sys_setuid"}
}

func execve() plan.ID {
	return plan.ID{Namespace: "team", Policy: "sudo-invocations", Hook: "kprobe:__x64_sys_execve"}
}

// counted is a kernel that uses every field of a Snapshot: two policies, of
// which one found the series map full and has no way to attach.
func counted() kernel.Snapshot {
	return kernel.Snapshot{
		Series: []kernel.Series{
			{ID: setuid(), Binary: "/usr/sbin/sshd", Cgroup: 5, Count: 23, First: at(1000), Last: at(5000)},
			{ID: setuid(), Binary: "/usr/sbin/sshd", Cgroup: 6, Count: 18, First: at(500), Last: at(4000)},
			{ID: setuid(), Binary: "/usr/bin/su", Cgroup: 5, Count: 2, First: at(2000), Last: at(2000)},
			{ID: setuid(), Binary: "", Cgroup: 1, Count: 1, First: at(3000), Last: at(3000)},
			{ID: execve(), Binary: "/usr/bin/sudo", Cgroup: 5, Count: 7, First: at(1), Last: at(2)},
		},
		Totals: []kernel.Total{
			{ID: setuid(), Count: 44, Created: at(0), Last: at(5000)},
			{
				ID: execve(), Count: 18, Created: at(0), Last: at(1234),
				Overflow: 11, FirstOver: at(1111), LastOver: at(1234),
			},
			{ID: plan.ID{Policy: "quiet", Hook: "kprobe:create_user_ns"}, Created: at(0)},
		},
		Hooks: []kernel.Hook{
			{ID: setuid(), Attach: "fentry", Pinned: true},
			{ID: execve(), Reason: "this kernel has no kprobes", GapSeconds: 1.5},
		},
		Missed:     map[plan.ID]uint64{setuid(): 4},
		Losses:     map[string]uint64{"no_matcher": 0, "names_full": 13},
		Maps:       []kernel.MapUse{{Name: "series", Entries: 5, Capacity: 16384}},
		MapReading: 250 * time.Microsecond,
	}
}

// newCollector does not log: the tests see what matters in the metrics.
func newCollector(counters collector.Counters, policies collector.Policies, filter collector.Filter) *collector.Collector {
	from := collector.Sources{Counters: counters, Policies: policies, Workloads: fakeWorkloads{}, Cluster: fakeCluster{}}
	return collector.New(from, filter, slog.New(slog.DiscardHandler))
}

// expose is what a scraper gets, in the given format, without how long reading
// took.
func expose(t *testing.T, c prometheus.Collector, format expfmt.Format, options ...expfmt.EncoderOption) string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	encoder := expfmt.NewEncoder(&b, format, options...)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			t.Fatal(err)
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	duration := regexp.MustCompile(`(?m)^(tetrameter_read_duration_seconds) \S+$`)
	return duration.ReplaceAllString(b.String(), "$1 0.25")
}

func text(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	return expose(t, c, expfmt.NewFormat(expfmt.TypeTextPlain))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}
