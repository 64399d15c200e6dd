// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// query is one query of a panel.
type query struct {
	// expr is PromQL with a shorthand, see expand.
	expr string
	// legend names a series by its labels, as in {{policy}}.
	legend string
}

// expand writes out the shorthand for the matchers that the variables of a
// dashboard make: {agent} selects agents, {policy} also a policy, and {event}
// also where an event happened. More matchers may follow: {agent, map="series"}.
func expand(expr string) string {
	const (
		agent  = `job=~"$job", instance=~"$instance"`
		policy = agent + `, policy=~"$policy"`
		event  = policy + `, namespace=~"$namespace", workload=~"$workload", pod=~"$pod", binary=~"$binary"`
	)
	var pairs []string
	for word, matchers := range map[string]string{"agent": agent, "policy": policy, "event": event} {
		pairs = append(pairs, "{"+word+"}", "{"+matchers+"}", "{"+word+",", "{"+matchers+",")
	}
	return strings.NewReplacer(pairs...).Replace(expr)
}

// counted is PromQL for how often what the series of a counter count has
// happened in a window, $__range or $__interval, exactly.
//
// increase() is not exact, does not see the event that a series is born with,
// which for these is often the only one, and takes a new pod of an agent for a
// new counter. So, for each node and in this order:
//   - after a reboot the counter began anew, which increase() knows to handle;
//   - a series that was there before the window has grown by the difference. Its
//     last value is also its largest, and is found when it ended in the window;
//   - all that a new series counts has happened in the window, if the series
//     would have been seen before: the node was scraped then, or its agent has
//     begun since;
//   - of the others, of a node new to Prometheus, what was seen happening.
//
// Before the window means in the 15 minutes before it: an agent may be away for as
// long while its node reboots, or its image is pulled.
func counted(selector, window string) string {
	age := "$__range_s"
	if window == "$__interval" {
		age = "$__interval_ms / 1000"
	}
	shape := strings.NewReplacer(
		"LARGEST", perNode("max_over_time(SELECTOR[WINDOW])"),
		"BEFORE", perNode("last_over_time(SELECTOR[15m] offset WINDOW)"),
		"REBOOTED", perNode("increase(SELECTOR[WINDOW]) and resets(SELECTOR[WINDOW]) > 0"),
		"GROWN", perNode("increase(SELECTOR[WINDOW])"),
		"KNOWN", perNode("max_over_time(up{agent}[15m] offset WINDOW) == 1 or time() - process_start_time_seconds{agent} < AGE"),
	).Replace(
		`    REBOOTED
  or
    LARGEST
    - BEFORE >= 0
  or
    LARGEST
    and on (job, host) KNOWN
  or
    GROWN`)
	return strings.NewReplacer("SELECTOR", selector, "WINDOW", window, "AGE", age).Replace(shape)
}

// perNode is what all agents of a node have counted: the largest value, since an
// agent goes on where the one before it ended. Outside of Kubernetes, where the
// label node is empty, a node is an instance.
func perNode(expr string) string {
	return `max without (instance, node, tetrameter_pod) (label_replace(label_join(
      ` + expr + `
    , "host", "/", "node", "instance"), "host", "$1", "host", "([^/]+)/.*"))`
}

// sumCounted adds up counted by labels, without those where nothing happened.
func sumCounted(labels, selector, window string) string {
	return fmt.Sprintf("sum by (%s) (\n%s\n) > 0", labels, counted(selector, window))
}

// born is PromQL for the events of combinations of labels that were not there,
// on any node, when the time range of the dashboard began.
func born(labels, selector string) string {
	return strings.NewReplacer("SELECTOR", selector, "LABELS", labels).Replace(
		`  sum by (LABELS) (max_over_time(SELECTOR[$__range]))
unless
  sum by (LABELS) (last_over_time(SELECTOR[15m] offset $__range))`)
}

// host gives events outside of pods a workload, or pod, to be called by.
func host(label, expr string) string {
	return fmt.Sprintf("label_replace(\n%s\n, %[2]q, \"(host)\", %[2]q, \"\")", expr, label)
}

// targets are the queries as Grafana wants them, with the ids A, B and so on.
func targets(queries []query, form form) ([]variants.Dataquery, error) {
	var list []variants.Dataquery
	for i, q := range queries {
		builder := prometheus.NewDataqueryBuilder().
			Datasource(datasource()).
			EditorMode(prometheus.QueryEditorModeCode).
			Expr(expand(q.expr)).
			LegendFormat(q.legend).
			RefId(string(rune('A' + i)))
		switch form {
		case overTime:
			builder.Range().Format(prometheus.PromQueryFormatTimeSeries)
		case atEnd:
			builder.Instant().Format(prometheus.PromQueryFormatTimeSeries)
		case asTable:
			builder.Instant().Format(prometheus.PromQueryFormatTable)
		}
		target, err := cog.Builder[variants.Dataquery](builder).Build()
		if err != nil {
			return nil, fmt.Errorf("query %q: %w", q.expr, err)
		}
		list = append(list, target)
	}
	return list, nil
}
