// SPDX-License-Identifier: Apache-2.0

// Package queries reads the queries of the dashboards and of the rules, and
// knows what can be wrong with them before any Prometheus runs: that one is not
// PromQL, that it names a metric or a label that nothing exposes, and what
// Grafana's dashboard-linter looks for. Package live beside it puts the same
// queries to a real Prometheus.
package queries

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tetrameter/tetrameter/dashboards"
)

// Query is one query of a dashboard.
type Query struct {
	Dashboard string // uid
	Panel     string // title, or the name of an annotation
	PanelType string // stat, table, timeseries and so on, or annotation
	RefID     string // letter of the query in the panel, empty for an annotation
	Expr      string // PromQL with Grafana's variables, see Expand
	Legend    string // with labels as in {{policy}}, empty in tables
	Instant   bool   // for the end of the time range only
}

// String names the query in messages.
func (q Query) String() string {
	return fmt.Sprintf("%s: %s: %s", q.Dashboard, q.Panel, q.RefID)
}

// Dashboards returns the dashboards.
func Dashboards() ([]Dashboard, error) {
	files, err := dashboards.Files()
	if err != nil {
		return nil, err
	}
	var list []Dashboard
	for _, f := range files {
		d, err := Read(f.Data)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Name, err)
		}
		list = append(list, d)
	}
	return list, nil
}

// All returns the queries of all dashboards, in their order.
func All() ([]Query, error) {
	list, err := Dashboards()
	if err != nil {
		return nil, err
	}
	var all []Query
	for _, d := range list {
		all = append(all, d.Queries()...)
	}
	return all, nil
}

// Dashboard is what is read of one.
type Dashboard struct {
	UID, Title  string
	Editable    *bool // true if absent
	Panels      []Panel
	Templating  struct{ List []Variable }
	Annotations struct{ List []Annotation }
}

// Variable is a choice at the top of a dashboard.
type Variable struct {
	Name, Label, Type string
	Query             string
	Datasource        Datasource
	Refresh           int
	Multi, IncludeAll bool
	AllValue          string
}

// Datasource is what a query is put to.
type Datasource struct{ Type, UID string }

// Panel is one panel; those of the type row are headings.
type Panel struct {
	Type, Title, Description string
	Datasource               Datasource
	Targets                  []Target
	Transformations          []struct {
		ID      string
		Options json.RawMessage
	}
	FieldConfig struct {
		Defaults  struct{ Unit string }
		Overrides []struct {
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
}

// Target is a query of a panel.
type Target struct {
	RefID, Expr, LegendFormat string
	Instant                   bool
	Datasource                Datasource
}

// Annotation is a query whose results mark times.
type Annotation struct {
	Name, Expr, TitleFormat, TextFormat string
	Datasource                          Datasource
}

// Read decodes a dashboard.
func Read(data []byte) (Dashboard, error) {
	var d Dashboard
	err := json.Unmarshal(data, &d)
	return d, err
}

// Queries returns the queries of panels and annotations.
func (d Dashboard) Queries() []Query {
	var list []Query
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			list = append(list, Query{d.UID, p.Title, p.Type, t.RefID, t.Expr, t.LegendFormat, t.Instant})
		}
	}
	for _, a := range d.Annotations.List {
		if a.Expr != "" {
			list = append(list, Query{d.UID, a.Name, "annotation", "", a.Expr, a.TitleFormat + a.TextFormat, false})
		}
	}
	return list
}

// Values are what Grafana puts in place of variables.
type Values struct {
	Range, Interval, RateInterval time.Duration // multiples of a second
	// Chosen are the variables of the dashboard, as regular expressions. Those
	// that are missing stay as they are.
	Chosen map[string]string
}

// Default is a time range of six hours, seen on a wide screen.
func Default() Values {
	return Values{Range: 6 * time.Hour, Interval: time.Minute, RateInterval: 4 * time.Minute}
}

// Opens is Default with the choices that the dashboard opens with: "All", and of
// the variables without it the first value, which first returns.
func (d Dashboard) Opens(first func(Variable) (string, error)) (Values, error) {
	v := Default()
	v.Chosen = map[string]string{}
	for _, choice := range d.Templating.List {
		switch {
		case choice.Type != "query":
		case choice.IncludeAll:
			v.Chosen[choice.Name] = choice.AllValue
		default:
			value, err := first(choice)
			if err != nil {
				return Values{}, fmt.Errorf("%s: first value of %s: %w", d.UID, choice.Name, err)
			}
			v.Chosen[choice.Name] = value
		}
	}
	return v, nil
}

var variable = regexp.MustCompile(`\$(\w+)|\$\{(\w+)\}`)

// Expand puts values in place of variables.
func Expand(expr string, v Values) string {
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
	values := map[string]string{
		"__range": seconds(v.Range) + "s", "__range_s": seconds(v.Range), "__range_ms": seconds(v.Range) + "000",
		"__interval": seconds(v.Interval) + "s", "__interval_ms": seconds(v.Interval) + "000",
		"__rate_interval": seconds(v.RateInterval) + "s",
	}
	for name, value := range v.Chosen {
		values[name] = value
	}
	return variable.ReplaceAllStringFunc(expr, func(found string) string {
		name := variable.FindStringSubmatch(found)
		if value, ok := values[name[1]+name[2]]; ok {
			return value
		}
		return found
	})
}

// parse parses an expression of a dashboard or a rule.
func parse(expr string) (parser.Expr, error) {
	return parser.NewParser(parser.Options{}).ParseExpr(Expand(expr, Default()))
}
