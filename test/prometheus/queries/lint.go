// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// LintRule is one of the rules of Grafana's dashboard-linter, under its name
// there (https://github.com/grafana/dashboard-linter/tree/main/docs/rules). The
// linter itself needs the modules of Loki and Grafana. Where it looks at some
// kinds of panels only, these look at all.
type LintRule struct {
	Name  string
	check func(Dashboard) []string
}

// LintRules returns all of them.
func LintRules() []LintRule {
	return []LintRule{
		{"template-datasource-rule", templateDatasource},
		{"template-job-rule", templateTarget("job", "Job")},
		{"template-instance-rule", templateTarget("instance", "Instance")},
		{"template-label-promql-rule", templateQuery},
		{"template-on-time-change-reload-rule", templateReload},
		{"uneditable-dashboard", uneditable},
		{"panel-datasource-rule", forPanels(panelDatasource)},
		{"panel-title-description-rule", forPanels(panelTexts)},
		{"panel-units-rule", forPanels(panelUnits)},
		{"panel-no-targets-rule", forPanels(panelTargets)},
		{"target-promql-rule", forTargets(targetPromQL)},
		{"target-rate-interval-rule", forTargets(targetRateInterval)},
		{"target-job-rule", forTargets(targetMatcher("job"))},
		{"target-instance-rule", forTargets(targetMatcher("instance"))},
		{"target-counter-agg-rule", forTargets(targetCounter)},
		{"target-logql-rule", forTargets(targetLogQL)},
		{"target-logql-auto-rule", forTargets(targetLogQLAuto)},
	}
}

// Check says what of the dashboard breaks the rule.
func (r LintRule) Check(d Dashboard) []string { return r.check(d) }

// forPanels checks each panel, which a message names.
func forPanels(check func(Panel) string) func(Dashboard) []string {
	return func(d Dashboard) []string {
		var list []string
		for _, p := range d.Panels {
			if p.Type == "row" {
				continue
			}
			if problem := check(p); problem != "" {
				list = append(list, fmt.Sprintf("panel %q: %s", p.Title, problem))
			}
		}
		return list
	}
}

// forTargets checks each query.
func forTargets(check func(Target) string) func(Dashboard) []string {
	return forPanels(func(p Panel) string {
		var list []string
		for _, t := range p.Targets {
			if problem := check(t); problem != "" {
				list = append(list, fmt.Sprintf("query %s: %s", t.RefID, problem))
			}
		}
		return strings.Join(list, "; ")
	})
}

func templateDatasource(d Dashboard) []string {
	for _, v := range d.Templating.List {
		if v.Type != "datasource" {
			continue
		}
		titles := map[string]string{"datasource": "Data source", "prometheus_datasource": "Prometheus data source"}
		if v.Query != "prometheus" || titles[v.Name] == "" || titles[v.Name] != v.Label {
			return []string{fmt.Sprintf("the variable %s, labelled %q, is of %q", v.Name, v.Label, v.Query)}
		}
		return nil
	}
	return []string{"no variable is for a data source"}
}

func templateTarget(name, label string) func(Dashboard) []string {
	return func(d Dashboard) []string {
		for _, v := range d.Templating.List {
			if v.Name != name {
				continue
			}
			if v.Type == "query" && v.Label == label && v.Multi && v.AllValue == ".+" && chosen(v.Datasource) {
				return nil
			}
			return []string{fmt.Sprintf("the variable %s is not a query of the chosen data source for any number of values, all being .+", name)}
		}
		return []string{"no variable " + name}
	}
}

// chosen tells whether the data source is the dashboard's variable.
func chosen(d Datasource) bool {
	return d.UID == "$datasource" || d.UID == "${datasource}"
}

var variableQuery = regexp.MustCompile(`^(label_values|label_names|metrics|query_result)\((.+)\)$`)

func templateQuery(d Dashboard) []string {
	var list []string
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		found := variableQuery.FindStringSubmatch(v.Query)
		if found == nil {
			list = append(list, fmt.Sprintf("variable %s: %q is no query of Grafana's data source for Prometheus", v.Name, v.Query))
			continue
		}
		expr := found[2]
		if comma := strings.LastIndex(expr, ","); found[1] == "label_values" && comma >= 0 {
			expr = expr[:comma]
		}
		if _, err := parse(expr); err != nil {
			list = append(list, fmt.Sprintf("variable %s: %v", v.Name, err))
		}
	}
	return list
}

func templateReload(d Dashboard) []string {
	const onTimeRangeChange = 2
	var list []string
	for _, v := range d.Templating.List {
		if v.Type == "query" && v.Refresh != onTimeRangeChange {
			list = append(list, fmt.Sprintf("variable %s does not follow the time range", v.Name))
		}
	}
	return list
}

func uneditable(d Dashboard) []string {
	if d.Editable == nil || *d.Editable {
		return []string{"it can be edited, and the next version overwrites that"}
	}
	return nil
}

func panelDatasource(p Panel) string {
	for _, t := range p.Targets {
		if !chosen(t.Datasource) {
			return fmt.Sprintf("query %s: the data source is %q", t.RefID, t.Datasource.UID)
		}
	}
	if !chosen(p.Datasource) {
		return fmt.Sprintf("the data source is %q", p.Datasource.UID)
	}
	return ""
}

func panelTexts(p Panel) string {
	if p.Title == "" || p.Description == "" {
		return "no title, or no description"
	}
	return ""
}

// panelUnits knows those of the linter's units that fit what an agent exposes.
func panelUnits(p Panel) string {
	valid := []string{"none", "short", "percentunit", "bytes", "s", "cpm", "dateTimeFromNow"}
	units := []string{p.FieldConfig.Defaults.Unit}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.ID == "unit" {
				units = append(units, fmt.Sprint(property.Value))
			}
		}
	}
	for _, unit := range units {
		if !slices.Contains(valid, unit) {
			return fmt.Sprintf("the unit is %q, not one of %q", unit, valid)
		}
	}
	return ""
}

func panelTargets(p Panel) string {
	if len(p.Targets) == 0 {
		return "no query"
	}
	return ""
}

func targetPromQL(t Target) string {
	if _, err := parse(t.Expr); err != nil {
		return err.Error()
	}
	return ""
}

// walk calls visit for each node of a query with its parents, the nearest last.
// A query that does not parse has no nodes, and target-promql-rule says so.
func walk(expr string, visit func(node parser.Node, parents []parser.Node)) {
	parsed, err := parse(expr)
	if err != nil {
		return
	}
	parser.Inspect(parsed, func(node parser.Node, parents []parser.Node) error {
		visit(node, parents)
		return nil
	})
}

func targetRateInterval(t Target) string {
	problem := ""
	walk(t.Expr, func(node parser.Node, _ []parser.Node) {
		call, ok := node.(*parser.Call)
		if !ok || call.Func.Name != "rate" && call.Func.Name != "irate" {
			return
		}
		// A subquery is one of rates.
		if m, ok := call.Args[0].(*parser.MatrixSelector); ok && m.Range != Default().RateInterval {
			problem = call.String() + " is not over $__rate_interval"
		}
	})
	return problem
}

func targetMatcher(label string) func(Target) string {
	return func(t Target) string {
		problem := ""
		walk(t.Expr, func(node parser.Node, _ []parser.Node) {
			if s, ok := node.(*parser.VectorSelector); ok && !matches(s, label, "$"+label) {
				problem = fmt.Sprintf("%s does not have %s=~%q", s, label, "$"+label)
			}
		})
		return problem
	}
}

// targetCounter allows, beyond the linter's rate, irate and increase, what counts
// the events that these do not see (docs/operations.md, "Queries"): the largest
// value in a window, less that before it; and asking whether a series is there.
// The linter itself does not look at selectors with matchers.
func targetCounter(t Target) string {
	problem := ""
	walk(t.Expr, func(node parser.Node, parents []parser.Node) {
		s, ok := node.(*parser.VectorSelector)
		if ok && strings.HasSuffix(s.Name, "_total") && !windowed(parents) && !present(s, parents) {
			problem = fmt.Sprintf("the value of the counter %s depends on when the agent started to count", s)
		}
	})
	return problem
}

// windowed tells whether a selector is of a window, in a function for such.
func windowed(parents []parser.Node) bool {
	for _, parent := range parents {
		if call, ok := parent.(*parser.Call); ok &&
			slices.Contains([]string{"rate", "irate", "increase", "resets", "max_over_time"}, call.Func.Name) {
			return true
		}
	}
	return false
}

// present tells whether the selector is only subtracted from a later value, or
// only asked for whether it has series.
func present(s *parser.VectorSelector, parents []parser.Node) bool {
	for _, parent := range parents {
		switch p := parent.(type) {
		case *parser.BinaryExpr:
			if p.Op == parser.SUB && within(s, p.RHS) && s.OriginalOffset > 0 {
				return true
			}
			if p.Op == parser.LUNLESS && within(s, p.RHS) {
				return true
			}
		case *parser.AggregateExpr:
			if p.Op == parser.COUNT || p.Op == parser.GROUP {
				return true
			}
		}
	}
	return false
}

func within(s *parser.VectorSelector, e parser.Expr) bool {
	at, in := s.PositionRange(), e.PositionRange()
	return in.Start <= at.Start && at.End <= in.End
}

// isLoki: no dashboard has logs, because the agent keeps none. If one gets some,
// their rules need a parser.
func isLoki(t Target) bool { return t.Datasource.Type == "loki" }

func targetLogQL(t Target) string {
	if isLoki(t) {
		return "a query of logs, which nothing here can check"
	}
	return ""
}

func targetLogQLAuto(t Target) string {
	if isLoki(t) && strings.Contains(strings.ReplaceAll(t.Expr, "[$__auto]", ""), "[") {
		return "a query of logs over a range other than $__auto"
	}
	return ""
}
