// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// few is a table of metrics that have little in common.
func few() Table {
	return Table{
		"a":    setOf("job", "instance", "x", "y"),
		"b":    setOf("job", "instance", "z"),
		"info": setOf("job", "instance", "version"),
	}
}

// TestLabels: what labels the results of each kind of expression have.
func TestLabels(t *testing.T) {
	for expr, want := range map[string]string{
		`a{x="1"}`:                                      "instance job x y",
		`{__name__="b"}`:                                "instance job z",
		`rate(a[5m])`:                                   "instance job x y",
		`sum by (x, job) (a)`:                           "job x",
		`sum without (x) (a)`:                           "instance job y",
		`topk by (x) (3, a)`:                            "instance job x y",
		`count_values("v", a)`:                          "v",
		`1 + -a`:                                        "instance job x y",
		`vector(1)`:                                     "",
		`time() - b`:                                    "instance job z",
		`a and on (job) b`:                              "instance job x y",
		`a unless on (job) b`:                           "instance job x y",
		`sum by (x) (a) or b`:                           "instance job x z",
		`a * on (job, x) a`:                             "job x",
		`a / ignoring (x, y) b`:                         "instance job",
		`a > bool 3`:                                    "instance job x y",
		`max_over_time((a)[5m:])`:                       "instance job x y",
		`b * on (job) group_left (version) info`:        "instance job version z",
		`info * on (job) group_right (version) b`:       "instance job version z",
		`label_replace(a, "new", "$1", "x", "(.*)")`:    "instance job new x y",
		`label_join(a, "new", "-", "x", "y")`:           "instance job new x y",
		`sum by (new) (label_join(a, "new", "-", "x"))`: "new",
		`increase(a[$__range]) / $__range_s > 2`:        "instance job x y",
	} {
		labels, err := few().Labels(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if diff := cmp.Diff(want, strings.Join(labels.Names(), " ")); diff != "" {
			t.Errorf("%s: %s", expr, diff)
		}
	}
}

// TestUnknown: a name that does not exist is an error wherever it stands.
func TestUnknown(t *testing.T) {
	for _, expr := range []string{
		`c`, `{x="1"}`, `a{z="1"}`, `rate(b{x=~".+"}[5m])`,
		`sum by (z) (a)`, `sum without (z) (a)`, `topk by (z) (3, a)`,
		`a and on (x) b`, `b unless on (x) a`, `a - on (z) b`, `a / ignoring (v) b`,
		`b * on (job) group_left (x) info`, `info * on (job) group_right (x) b`,
		`label_replace(a, "new", "$1", "z", "(.*)")`, `label_join(a, "new", "-", "z")`,
		`time() - c`, `-c`, `vector(scalar(c))`, `max_over_time(c[5m:1m])`, `sum by (x) (sum by (y) (a))`,
		`sum(a`,
	} {
		if labels, err := few().Labels(expr); err == nil {
			t.Errorf("%s is accepted, with the labels %q", expr, labels.Names())
		}
	}
}

// TestExposed: the table has what comes from each of its sources.
func TestExposed(t *testing.T) {
	table := exposed(t)
	for name, label := range map[string]string{
		"tetragon_policy_events_total":         "binary",
		"tetrameter_policy_info":               "severity",
		"tetrameter_build_info":                "version",
		"process_start_time_seconds":           "instance",
		"process_resident_memory_bytes":        "tetrameter_pod",
		"go_goroutines":                        "node",
		"promhttp_metric_handler_errors_total": "cause",
		"up":                                   "job",
		"scrape_duration_seconds":              "job",
	} {
		if !table[name][label] {
			t.Errorf("%s has the labels %q, without %s", name, table[name].Names(), label)
		}
	}
}

// TestRuleFile: each name of a rule is checked, and what is recorded can be used.
func TestRuleFile(t *testing.T) {
	const file = `
groups:
  - name: g
    rules:
      - {record: "x:a:sum", expr: "sum by (x) (a)", labels: {kind: new}}
      - {alert: Good, expr: "x:a:sum{kind='new'} > 1", labels: {severity: "{{ $labels.x }}"}, annotations: {summary: "{{ $labels.kind }}"}}
      - {alert: Metric, expr: "c > 1"}
      - {alert: Label, expr: "x:a:sum{y='1'}"}
      - {alert: Annotation, expr: "x:a:sum > 1", annotations: {summary: "{{ $labels.y }}"}}
      - {alert: Route, expr: "a", labels: {severity: "{{ $labels.z }}"}}
`
	f, err := ReadRules([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, err := range f.Check(few()) {
		got = append(got, strings.Fields(err.Error())[1])
	}
	if diff := cmp.Diff([]string{"Metric:", "Label:", "Annotation:", "Route:"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestExpand: Grafana's variables become durations, numbers and text.
func TestExpand(t *testing.T) {
	v := Default()
	v.Chosen = map[string]string{"job": "a|b"}
	got := Expand(`rate(x{job=~"$job", instance=~"${instance}"}[$__rate_interval]) + $__range_s + $__interval_ms offset $__range`, v)
	want := `rate(x{job=~"a|b", instance=~"${instance}"}[240s]) + 21600 + 60000 offset 21600s`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
