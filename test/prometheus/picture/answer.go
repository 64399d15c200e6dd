// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Answer is what Prometheus says to a target of a panel.
type Answer struct {
	Panel  *Panel
	Target *Target
	Query  string // with the variables filled in
	Vector model.Vector
	Matrix model.Matrix
}

// Empty says whether there is nothing to draw.
func (a *Answer) Empty() bool { return len(a.Vector) == 0 && len(a.Matrix) == 0 }

// Ask has a source answer all targets of a dashboard, in their order.
func (d *Dashboard) Ask(source Source, o Options) ([]*Answer, error) {
	for _, v := range d.Templating.List {
		if v.Type == "query" && !v.IncludeAll && o.Variables[v.Name] == "" {
			return nil, fmt.Errorf("variable %s of %s: no value is chosen, and it has no All", v.Name, d.Title)
		}
	}
	var list []*Answer
	for i := range d.Panels {
		p := &d.Panels[i]
		for j := range p.Targets {
			a := &Answer{Panel: p, Target: &p.Targets[j]}
			a.Query = d.Fill(a.Target.Expr, o)
			var err error
			if a.Target.Instant {
				a.Vector, err = source.Instant(a.Query, o.To)
			} else {
				a.Matrix, err = source.Range(a.Query, o.From, o.To, o.Step)
			}
			if err != nil {
				return nil, fmt.Errorf("panel %q of %s: %w", p.Title, d.Title, err)
			}
			list = append(list, a)
		}
	}
	return list, nil
}

// Fill replaces variables as Grafana does: its own, and those of the dashboard.
func (d *Dashboard) Fill(expr string, o Options) string {
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
	values := []string{
		"$__range_s", seconds(o.To.Sub(o.From)), "$__range", seconds(o.To.Sub(o.From)) + "s",
		"$__interval_ms", strconv.FormatInt(o.Step.Milliseconds(), 10), "$__interval", seconds(o.Step) + "s",
		"$__rate_interval", seconds(max(o.Step+o.Scrape, 4*o.Scrape)) + "s",
	}
	for _, v := range d.Templating.List {
		value := o.Variables[v.Name]
		if value == "" {
			value = v.AllValue
		}
		values = append(values, "$"+v.Name, value)
	}
	return strings.NewReplacer(values...).Replace(expr)
}

// legend is the name of a series.
func legend(format string, labels model.Metric) string {
	return regexp.MustCompile(`{{\s*(\w+)\s*}}`).ReplaceAllStringFunc(format, func(match string) string {
		return string(labels[model.LabelName(strings.Trim(match, "{} "))])
	})
}
