// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"strings"
	"testing"
)

// TestLint: the dashboards keep all rules of dashboard-linter.
func TestLint(t *testing.T) {
	list, err := Dashboards()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		for _, rule := range LintRules() {
			for _, problem := range rule.Check(d) {
				t.Errorf("%s: %s: %s", d.UID, rule.Name, problem)
			}
		}
	}
}

// good keeps all rules.
const good = `{"uid": "good", "title": "Good", "editable": false,
"templating": {"list": [
 {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
 {"name": "job", "label": "Job", "type": "query", "query": "label_values(up, job)", "datasource": {"uid": "${datasource}"}, "multi": true, "allValue": ".+", "refresh": 2},
 {"name": "instance", "label": "Instance", "type": "query", "query": "label_values(up{job=~\"$job\"}, instance)", "datasource": {"uid": "${datasource}"}, "multi": true, "allValue": ".+", "refresh": 2}]},
"panels": [
 {"type": "row", "title": "Heading"},
 {"type": "timeseries", "title": "Panel", "description": "What it shows.", "datasource": {"type": "prometheus", "uid": "${datasource}"},
  "fieldConfig": {"defaults": {"unit": "cpm"}, "overrides": [{"properties": [{"id": "unit", "value": "s"}]}]},
  "targets": [{"refId": "A", "datasource": {"type": "prometheus", "uid": "${datasource}"},
   "expr": "sum(rate(x_total{job=~\"$job\", instance=~\"$instance\"}[$__rate_interval]))"}]}]}`

// TestLintRules: each rule catches what it is for, and only that one does.
func TestLintRules(t *testing.T) {
	const (
		matchers = `{job=~\"$job\", instance=~\"$instance\"}`
		expr     = `sum(rate(x_total` + matchers + `[$__rate_interval]))`
	)
	tests := []struct{ rule, old, new string }{
		{"template-datasource-rule", `"label": "Data source"`, `"label": "Source"`},
		{"template-datasource-rule", `"query": "prometheus"`, `"query": "loki"`},
		{"template-datasource-rule", `"type": "datasource"`, `"type": "constant"`},
		{"template-job-rule", `"name": "job"`, `"name": "jobs"`},
		{"template-job-rule", `"label": "Job"`, `"label": "job"`},
		{"template-instance-rule", `"name": "instance"`, `"name": "node"`},
		{"template-label-promql-rule", `label_values(up, job)`, `label_value(up, job)`},
		{"template-label-promql-rule", `label_values(up{job`, `label_values(up{{job`},
		{"template-on-time-change-reload-rule", `"refresh": 2}]`, `"refresh": 1}]`},
		{"uneditable-dashboard", `"editable": false`, `"editable": true`},
		{"uneditable-dashboard", `"editable": false,`, ``},
		{"panel-datasource-rule", `"What it shows.", "datasource": {"type": "prometheus", "uid": "${datasource}"}`, `"What it shows."`},
		{"panel-datasource-rule", `"refId": "A", "datasource": {"type": "prometheus", "uid": "${datasource}"}`, `"refId": "A", "datasource": {"uid": "abc"}`},
		{"panel-title-description-rule", `What it shows.`, ``},
		{"panel-title-description-rule", `"title": "Panel"`, `"title": ""`},
		{"panel-units-rule", `{"unit": "cpm"}`, `{}`},
		{"panel-units-rule", `"value": "s"`, `"value": "seconds"`},
		{"panel-no-targets-rule", `"targets"`, `"no-targets"`},
		{"target-promql-rule", expr, `sum(rate(x_total` + matchers + `)`},
		{"target-rate-interval-rule", `[$__rate_interval]`, `[5m]`},
		{"target-job-rule", `{job=~\"$job\", `, `{`},
		{"target-job-rule", `job=~\"$job\", `, `job=\"$job\", `},
		{"target-instance-rule", `instance=~\"$instance\"}[`, `instance=~\".+\"}[`},
		{"target-counter-agg-rule", expr, `sum(x_total` + matchers + `)`},
		{"target-counter-agg-rule", expr, `avg_over_time(x_total` + matchers + `[5m])`},
		{"target-counter-agg-rule", expr, `x_total` + matchers + ` - x_total` + matchers + ` offset 5m`},
	}
	caught := map[string]bool{"target-logql-rule": true, "target-logql-auto-rule": true} // by TestLogQL
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			caught[test.rule] = true
			if got := broken(t, strings.Replace(good, test.old, test.new, 1)); got != test.rule {
				t.Errorf("%s in place of %s: %q", test.new, test.old, got)
			}
		})
	}
	for _, rule := range LintRules() {
		if !caught[rule.Name] {
			t.Errorf("no test of %s", rule.Name)
		}
	}
}

// broken names the rules that a dashboard breaks.
func broken(t *testing.T, dashboard string) string {
	t.Helper()
	d, err := Read([]byte(dashboard))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, rule := range LintRules() {
		if len(rule.Check(d)) > 0 {
			names = append(names, rule.Name)
		}
	}
	return strings.Join(names, " ")
}

// TestLintAccepts: what is no mistake is not taken for one.
func TestLintAccepts(t *testing.T) {
	const counter = `x_total{job=~\"$job\", instance=~\"$instance\"}`
	for _, expr := range []string{
		"sum(rate(" + counter + "[$__rate_interval]))",
		"max_over_time(" + counter + "[$__range]) - " + counter + " offset $__range",
		"increase(" + counter + "[5m]) unless " + counter + " offset 5m",
		"count(" + counter + ")",
	} {
		old := "sum(rate(" + counter + "[$__rate_interval]))"
		if got := broken(t, strings.Replace(good, old, expr, 1)); got != "" {
			t.Errorf("%s breaks %s", expr, got)
		}
	}
}

// TestLogQL: a query of logs over a fixed range breaks both rules about logs.
func TestLogQL(t *testing.T) {
	logs := Target{Expr: `sum(count_over_time({app="x"}[5m]))`, Datasource: Datasource{Type: "loki"}}
	if targetLogQL(logs) == "" || targetLogQLAuto(logs) == "" {
		t.Errorf("accepted: %s", logs.Expr)
	}
	logs.Expr = `sum(count_over_time({app="x"}[$__auto]))`
	if problem := targetLogQLAuto(logs); problem != "" {
		t.Errorf("%s: %s", logs.Expr, problem)
	}
}
