// SPDX-License-Identifier: Apache-2.0

// Package queries_test checks the queries of the dashboards and of the rules
// without a Prometheus: that each is PromQL, and that it asks for metrics and
// labels that exist.
package queries_test

import (
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tetrameter/tetrameter/exporter/collector"
)

// TestParse shows that every metric's name is a selector by itself.
func TestParse(t *testing.T) {
	p := parser.NewParser(parser.Options{})
	for _, metric := range collector.Metrics() {
		if _, err := p.ParseExpr(metric.Name); err != nil {
			t.Errorf("%s: %v", metric.Name, err)
		}
	}
}
