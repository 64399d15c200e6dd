// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"fmt"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tetrameter/tetrameter/exporter/collector"
)

// Set is a set of names of labels.
type Set map[string]bool

func setOf(names ...string) Set {
	s := Set{}
	for _, name := range names {
		s[name] = true
	}
	return s
}

func (s Set) with(others ...Set) Set {
	union := maps.Clone(s)
	for _, other := range others {
		maps.Copy(union, other)
	}
	return union
}

// Names returns the names in order.
func (s Set) Names() []string { return slices.Sorted(maps.Keys(s)) }

// Table has the labels of each metric that a query may name.
type Table map[string]Set

// targetLabels are what Prometheus knows of an agent, by the chart's relabeling.
func targetLabels() Set { return setOf("job", "instance", "node", "tetrameter_pod") }

// Exposed returns the metrics of an agent, and those that Prometheus adds to
// each target. The table of the collector and the registry of the libraries are
// the agent's own.
func Exposed() (Table, error) {
	table := Table{}
	for _, m := range collector.Metrics() {
		labels := targetLabels()
		for _, l := range m.Labels {
			labels[l.Name] = true
		}
		table[m.Name] = labels
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		versioncollector.NewCollector("tetrameter"),
	)
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}) // adds its own metrics
	families, err := registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather the metrics of the libraries: %w", err)
	}
	for _, family := range families {
		labels := targetLabels()
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
		}
		table[family.GetName()] = labels
	}
	for _, name := range []string{
		"up", "scrape_duration_seconds", "scrape_samples_scraped",
		"scrape_samples_post_metric_relabeling", "scrape_series_added",
	} {
		table[name] = targetLabels()
	}
	return table, nil
}
