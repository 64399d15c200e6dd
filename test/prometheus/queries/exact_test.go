// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/util/teststorage"
)

// history is an hour of scrapes, one each 30 s, of an agent of the name. The
// time range of the queries is the last 10 minutes, from the 100th scrape on.
type history struct {
	name   string
	agent  string // of up, in the notation of promtool's tests
	start  float64
	events string // values of a series
	want   float64
	about  bool // not exactly
}

// Of the agent: scraped since long, or since the 110th scrape.
const (
	always = "1x120"
	late   = "_x110 1x10"
	before = -86400 // its start, a day before
	during = 3290   // or just before the 110th scrape
)

func histories() []history {
	return []history{
		{"quiet", always, before, "5x120", 0, false},
		{"grows", always, before, "5x110 28x9", 23, false},
		{"grows twice", always, before, "5x105 10x4 28x9", 23, false},
		{"is born", always, before, "_x110 23x9", 23, false},
		{"is born and grows", always, before, "_x110 7x4 23x4", 23, false},
		{"is born in the last scrape", always, before, "_x120 23", 23, false},
		{"is seen once", always, before, "_x110 23 stale", 23, false},
		{"grows and ends", always, before, "5x105 28x5 stale", 23, false},
		{"ended before", always, before, "5x90 stale", 0, false},
		{"is born before", always, before, "_x90 23x29", 0, false},
		{"is born on a new node", late, during, "_x110 23x10", 23, false},
		{"is old and Prometheus new", late, before, "_x110 1000x10", 0, false},
		{"is old, Prometheus new, and it grows", late, before, "_x110 1000x4 1023x5", 23, true},
		{"grows before and after a reboot", always, before, "5x105 20x4 8x9", 23, true},
	}
}

// load is the histories as one, each of an instance and a workload of its own.
func load(t *testing.T) *teststorage.TestStorage {
	t.Helper()
	var script strings.Builder
	script.WriteString("load 30s\n")
	for i, h := range histories() {
		target := fmt.Sprintf(`job="tetrameter", instance="node-%d:2112"`, i)
		fmt.Fprintf(&script, " up{%s} %s\n", target, h.agent)
		fmt.Fprintf(&script, " process_start_time_seconds{%s} %s\n", target, strings.ReplaceAll(h.agent, "1x", fmt.Sprintf("%vx", h.start)))
		fmt.Fprintf(&script, ` tetragon_policy_events_total{%s, policy="p", namespace="default", workload="%s", pod="%s-1", binary="/bin/%d"} %s`+"\n",
			target, h.name, h.name, i, h.events)
	}
	return promqltest.LoadedStorage(t, script.String())
}

// find returns the expression of a panel.
func find(t *testing.T, dashboard, panel string) string {
	t.Helper()
	for _, q := range all(t) {
		if q.Dashboard == dashboard && q.Panel == panel {
			return q.Expr
		}
	}
	t.Fatalf("%s: no panel %q", dashboard, panel)
	return ""
}

// lastMinutes is the time range of the histories.
func lastMinutes() Values {
	v := Everything()
	v.Range = 10 * time.Minute
	return v
}

// compare reports a count that is not what the history says.
func compare(t *testing.T, h history, got float64) {
	t.Helper()
	if h.about {
		if math.Abs(got-h.want) > h.want/10 {
			t.Errorf("%s: %v events, want about %v", h.name, got, h.want)
		}
	} else if got != h.want {
		t.Errorf("%s: %v events, want %v", h.name, got, h.want)
	}
}

// TestExact: the tables count what happened in the time range, however series
// begin and end.
func TestExact(t *testing.T) {
	store := load(t)
	engine := promqltest.NewTestEngine(t, false, 0, 1e6)
	expr := Expand(find(t, "tetrameter-overview", "Top workloads"), lastMinutes())
	query, err := engine.NewInstantQuery(t.Context(), store, nil, strings.Replace(expr, "topk(10,", "topk(100,", 1), time.Unix(3600, 0))
	if err != nil {
		t.Fatal(err)
	}
	vector, err := query.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, sample := range vector {
		got[sample.Metric.Get("workload")] = sample.F
	}
	for _, h := range histories() {
		compare(t, h, got[h.name])
	}
}

// TestBarsAddUp: the bars of a graph together are what happened, none of it in
// two bars.
func TestBarsAddUp(t *testing.T) {
	store := load(t)
	engine := promqltest.NewTestEngine(t, false, 0, 1e6)
	expr := Expand(find(t, "tetrameter-policy", "Events by workload"), lastMinutes())
	query, err := engine.NewRangeQuery(t.Context(), store, nil, expr, time.Unix(3060, 0), time.Unix(3600, 0), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	matrix, err := query.Exec(t.Context()).Matrix()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, series := range matrix {
		for _, point := range series.Floats {
			got[series.Metric.Get("workload")] += point.F
		}
	}
	for _, h := range histories() {
		compare(t, h, got[h.name])
	}
}

// TestNew: what is new is new to all nodes.
func TestNew(t *testing.T) {
	const series = ` tetragon_policy_events_total{job="tetrameter", instance="%s", policy="p", namespace="default", workload="%s", pod="%s", binary="/bin/sh"} %s` + "\n"
	script := "load 30s\n" +
		fmt.Sprintf(series, "a", "old", "old-1", "5x120") +
		fmt.Sprintf(series, "a", "old", "old-2", "_x110 1x10") + // a new pod
		fmt.Sprintf(series, "b", "old", "old-3", "_x110 1x10") + // on a new node
		fmt.Sprintf(series, "b", "new", "new-1", "_x110 20 stale") +
		fmt.Sprintf(series, "a", "new", "new-2", "_x110 3x10")
	store := promqltest.LoadedStorage(t, script)
	engine := promqltest.NewTestEngine(t, false, 0, 1e6)
	expr := Expand(find(t, "tetrameter-overview", "New series"), lastMinutes())
	query, err := engine.NewInstantQuery(t.Context(), store, nil, expr, time.Unix(3600, 0))
	if err != nil {
		t.Fatal(err)
	}
	vector, err := query.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatal(err)
	}
	if len(vector) != 1 || vector[0].Metric.Get("workload") != "new" || vector[0].F != 23 {
		t.Errorf("%v, want the 23 events of workload new", promql.Vector(vector))
	}
}
