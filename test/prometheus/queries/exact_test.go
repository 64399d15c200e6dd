// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	for i, h := range histories() {
		target := fmt.Sprintf(`job="tetrameter", instance="node-%d:2112"`, i)
		fmt.Fprintf(&script, " up{%s} %s\n", target, h.agent)
		fmt.Fprintf(&script, " process_start_time_seconds{%s} %s\n", target, strings.ReplaceAll(h.agent, "1x", fmt.Sprintf("%vx", h.start)))
		fmt.Fprintf(&script, ` tetragon_policy_events_total{%s, policy="p", namespace="default", workload="%s", pod="%s-1", binary="/bin/%d"} %s`+"\n",
			target, h.name, h.name, i, h.events)
	}
	return stored(t, script.String())
}

// find returns the first expression of a panel, of the last minutes and with the
// choices that the dashboard opens with.
func find(t *testing.T, store *teststorage.TestStorage, dashboard, panel string) string {
	t.Helper()
	return findQuery(t, store, dashboard, panel, "A")
}

// findQuery returns another of its expressions.
func findQuery(t *testing.T, store *teststorage.TestStorage, dashboard, panel, id string) string {
	t.Helper()
	list, err := Dashboards()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		for _, q := range d.Queries() {
			if q.Dashboard == dashboard && q.Panel == panel && q.RefID == id {
				return Expand(q.Expr, opens(t, store, d))
			}
		}
	}
	t.Fatalf("%s: no panel %q with a query %s", dashboard, panel, id)
	return ""
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

// atEnd evaluates a panel over a history's last minutes.
func atEnd(t *testing.T, store *teststorage.TestStorage, dashboard, panel string) promql.Vector {
	t.Helper()
	return instant(t, store, strings.Replace(find(t, store, dashboard, panel), "topk(10,", "topk(100,", 1))
}

// overTime adds up the bars of a panel over a history's last minutes.
func overTime(t *testing.T, store *teststorage.TestStorage, dashboard, panel, label string) map[string]float64 {
	t.Helper()
	query, err := promqltest.NewTestEngine(t, false, 0, 1e6).
		NewRangeQuery(t.Context(), store, nil, find(t, store, dashboard, panel), time.Unix(3060, 0), time.Unix(3600, 0), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	matrix, err := query.Exec(t.Context()).Matrix()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for _, series := range matrix {
		for _, point := range series.Floats {
			sums[series.Metric.Get(label)] += point.F
		}
	}
	return sums
}

// TestExact: the tables count what happened in the time range, however series
// begin and end.
func TestExact(t *testing.T) {
	got := map[string]float64{}
	for _, sample := range atEnd(t, load(t), "tetrameter-overview", "Top workloads") {
		got[sample.Metric.Get("workload")] = sample.F
	}
	for _, h := range histories() {
		compare(t, h, got[h.name])
	}
}

// TestBarsAddUp: the bars of a graph together are what happened, none of it in
// two bars.
func TestBarsAddUp(t *testing.T) {
	got := overTime(t, load(t), "tetrameter-policy", "Events by workload", "workload")
	for _, h := range histories() {
		compare(t, h, got[h.name])
	}
}

// TestNew: what is new is new to all nodes.
func TestNew(t *testing.T) {
	const series = ` tetragon_policy_events_total{job="tetrameter", instance="%s", policy="p", namespace="default", workload="%s", pod="%s", binary="/bin/sh"} %s` + "\n"
	store := stored(t, fmt.Sprintf(series, "a", "old", "old-1", "5x120")+
		fmt.Sprintf(series, "a", "old", "old-2", "_x110 1x10")+ // a new pod
		fmt.Sprintf(series, "b", "old", "old-3", "_x110 1x10")+ // on a new node
		fmt.Sprintf(series, "b", "new", "new-1", "_x110 20 stale")+
		fmt.Sprintf(series, "a", "new", "new-2", "_x110 3x10"))
	vector := atEnd(t, store, "tetrameter-overview", "New series")
	if len(vector) != 1 || vector[0].Metric.Get("workload") != "new" || vector[0].F != 23 {
		t.Errorf("%v, want the 23 events of workload new", vector)
	}
}

// TestRollout: an agent's new pod goes on with the counters of the one before it,
// at another address. Only what happened is counted, also while there was none.
func TestRollout(t *testing.T) {
	const (
		was = `job="tetrameter", instance="10.0.0.1:2112", node="n", tetrameter_pod="t-1"`
		is  = `job="tetrameter", instance="10.0.0.2:2112", node="n", tetrameter_pod="t-2"`
		su  = `policy="p", namespace="", workload="", pod="", binary="/bin/su"`
	)
	store := stored(t, ` up{`+was+`} 1x108 stale
 up{`+is+`} _x111 1x9
 process_start_time_seconds{`+was+`} -86400x108 stale
 process_start_time_seconds{`+is+`} _x111 3320x9
 tetragon_policy_events_total{`+was+`, `+su+`} 5x105 20x2 stale
 tetragon_policy_events_total{`+is+`, `+su+`} _x111 25x3 28x5
`)
	vector := atEnd(t, store, "tetrameter-overview", "Top binaries")
	if len(vector) != 1 || vector[0].F != 23 {
		t.Errorf("%v, want 23 events of one binary", vector)
	}
	bars := overTime(t, store, "tetrameter-policy", "Events by binary", "binary")
	if diff := cmp.Diff(map[string]float64{"/bin/su": 23}, bars); diff != "" {
		t.Errorf("the bars add up to (-want +got):\n%s", diff)
	}
}
