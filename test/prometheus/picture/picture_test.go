// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
)

var update = flag.Bool("update", false, "write the golden page instead of comparing with it")

// answers is a Source that says the same to all queries, but nothing to one.
type answers struct{}

const nothing = "nothing"

func (answers) Instant(query string, at time.Time) (model.Vector, error) {
	if query == nothing {
		return nil, nil
	}
	sample := func(policy string, value model.SampleValue) *model.Sample {
		return &model.Sample{Metric: model.Metric{"policy": model.LabelValue(policy), "namespace": ""}, Value: value, Timestamp: model.TimeFromUnixNano(at.UnixNano())}
	}
	return model.Vector{sample("<a>", 23), sample("b", 0.5)}, nil
}

func (a answers) Range(query string, from, _ time.Time, step time.Duration) (model.Matrix, error) {
	last, err := a.Instant(query, from)
	var m model.Matrix
	for _, s := range last {
		m = append(m, &model.SampleStream{Metric: s.Metric, Values: []model.SamplePair{
			{Timestamp: s.Timestamp, Value: s.Value}, {Timestamp: s.Timestamp.Add(step), Value: 1},
		}})
	}
	return m, err
}

const dashboard = `{"title": "T", "uid": "t", "templating": {"list": [{"name": "policy", "label": "Policy", "type": "query", "includeAll": true, "allValue": ".*"}]}, "panels": [
	{"type": "row", "title": "Row", "gridPos": {"w": 24, "h": 1}},
	{"type": "stat", "title": "Stat", "gridPos": {"y": 1, "w": 4, "h": 4}, "targets": [{"expr": "x", "instant": true}],
		"fieldConfig": {"defaults": {"unit": "short", "thresholds": {"steps": [{"color": "green"}, {"value": 1, "color": "red"}]}}}},
	{"type": "table", "title": "Table", "gridPos": {"x": 4, "y": 1, "w": 8, "h": 4}, "targets": [{"expr": "x", "instant": true, "refId": "A"}],
		"options": {"sortBy": [{"displayName": "Events", "desc": true}]},
		"fieldConfig": {"overrides": [{"matcher": {"options": "Namespace"}, "properties": [{"id": "mappings", "value": [{"type": "special", "options": {"match": "empty", "result": {"text": "(host)"}}}]}]}]},
		"transformations": [{"id": "organize", "options": {"indexByName": {"policy": 0, "namespace": 1, "Value": 2}, "renameByName": {"policy": "Policy", "namespace": "Namespace", "Value": "Events"}}}]},
	{"type": "bargauge", "title": "Gauge", "gridPos": {"x": 12, "y": 1, "w": 6, "h": 4}, "targets": [{"expr": "x", "instant": true, "legendFormat": "{{policy}}"}]},
	{"type": "timeseries", "title": "Lines", "gridPos": {"y": 5, "w": 12, "h": 4}, "targets": [{"expr": "x", "legendFormat": "{{policy}}"}]},
	{"type": "timeseries", "title": "Bars", "gridPos": {"x": 12, "y": 5, "w": 12, "h": 4}, "targets": [{"expr": "x", "legendFormat": "{{policy}}"}],
		"fieldConfig": {"defaults": {"custom": {"drawStyle": "bars"}}}},
	{"type": "state-timeline", "title": "States", "gridPos": {"y": 9, "w": 12, "h": 4}, "targets": [{"expr": "x", "legendFormat": "{{policy}}"}],
		"fieldConfig": {"defaults": {"mappings": [{"type": "value", "options": {"1": {"text": "events", "color": "red"}}}]}}},
	{"type": "timeseries", "title": "Quiet", "gridPos": {"x": 12, "y": 9, "w": 12, "h": 4}, "targets": [{"expr": "nothing"}],
		"fieldConfig": {"defaults": {"noValue": "All is well & good"}}}
]}`

func chosen() Options {
	from := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	return Options{From: from, To: from.Add(time.Minute), Step: 10 * time.Second, Scrape: time.Second}
}

// The page of each kind of panel is compared with one that somebody has looked at.
func TestPage(t *testing.T) {
	d, err := Parse([]byte(dashboard))
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if _, err := d.Write(&page, answers{}, chosen()); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/page.html"
	if *update {
		if err := os.WriteFile(golden, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), page.String()); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestFill(t *testing.T) {
	d, err := Parse([]byte(dashboard))
	if err != nil {
		t.Fatal(err)
	}
	o := chosen()
	for variable, want := range map[string]string{"": `x{a=~".*"}[60s] 60 10s 10000 [11s]`, "b": `x{a=~"b"}[60s] 60 10s 10000 [11s]`} {
		o.Variables = map[string]string{"policy": variable}
		got := d.Fill(`x{a=~"$policy"}[$__range] $__range_s $__interval $__interval_ms [$__rate_interval]`, o)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("query (-want +got):\n%s", diff)
		}
	}
}

// A choice without "All" must be made: nothing stands for it.
func TestUnchosen(t *testing.T) {
	d, err := Parse([]byte(`{"title": "T", "templating": {"list": [{"name": "job", "type": "query", "includeAll": false, "allValue": ".+"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Ask(answers{}, chosen()); err == nil {
		t.Error("no job is chosen, and that is no error")
	}
	o := chosen()
	o.Variables = map[string]string{"job": "a"}
	if _, err := d.Ask(answers{}, o); err != nil {
		t.Error(err)
	}
}

func TestFormat(t *testing.T) {
	now := chosen().To
	for want, v := range map[string]struct {
		unit  string
		value float64
	}{
		"0": {"short", 0}, "23": {"short", 23}, "1.02 K": {"short", 1023}, "99.5%": {"percentunit", 0.995}, "37.4 ms": {"s", 0.0374},
		"2 mins": {"s", 120}, "28 MiB": {"bytes", 28 << 20}, "0.5 c/m": {"cpm", 0.5},
		"2 minutes ago": {"dateTimeFromNow", float64(now.Add(-2 * time.Minute).UnixMilli())},
	} {
		if got := format(v.unit, v.value, now); got != want {
			t.Errorf("%v in %s: %q, want %q", v.value, v.unit, got, want)
		}
	}
}

func TestUnknownPanel(t *testing.T) {
	if _, err := Parse([]byte(`{"panels": [{"type": "heatmap"}]}`)); err == nil {
		t.Error("a panel that cannot be drawn is no error")
	}
}
