// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"
)

// step is between scrapes, and between evaluations of groups that do not say.
const step = 30 * time.Second

// exposition is what all agents expose together, a value for each series.
type exposition map[string]float64

// server is a Prometheus of today: its storage and its engine, with scrapes and
// evaluations at the times a test chooses.
type server struct {
	t       *testing.T
	storage *teststorage.TestStorage
	engine  *promql.Engine
	rules   ruleGroups
	// phase is by how much the evaluations of a group with an interval of its own
	// come later than multiples of it.
	phase time.Duration
	// written are the series that a scrape, or a rule, wrote last: those that it
	// does not write again are marked as stale.
	written map[string][]labels.Labels
	// fired are the workloads for which an alert fired, at any time.
	fired map[string]map[string]bool
}

func newServer(t *testing.T) *server {
	s := &server{
		t: t, storage: teststorage.New(t), rules: readRules(t),
		engine: promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute}),
	}
	s.restart()
	return s
}

// restart forgets what Prometheus does not write down.
func (s *server) restart() {
	s.written = map[string][]labels.Labels{}
	s.fired = map[string]map[string]bool{}
}

// run scrapes and evaluates from one time to another.
func (s *server) run(from, to time.Duration, scrape func(at time.Duration) exposition) {
	s.t.Helper()
	for at := from; at < to; at += step {
		var samples promql.Vector
		for series, v := range scrape(at) {
			metric, err := parser.NewParser(parser.Options{}).ParseMetric(series)
			if err != nil {
				s.t.Fatal(err)
			}
			samples = append(samples, promql.Sample{Metric: metric, F: v})
		}
		s.write("scrape", at, samples)
		s.evaluate(at)
	}
}

// evaluate is what Prometheus does of its rules at a time.
func (s *server) evaluate(at time.Duration) {
	s.t.Helper()
	for _, group := range s.rules.Groups {
		if group.Interval != "" {
			interval, err := time.ParseDuration(group.Interval)
			if err != nil {
				s.t.Fatal(err)
			}
			if (at-s.phase)%interval != 0 {
				continue
			}
		}
		for _, r := range group.Rules {
			result := s.query(r["expr"].(string), at)
			if name, ok := r["record"].(string); ok {
				for i := range result {
					result[i].Metric = labels.NewBuilder(result[i].Metric).Set(model.MetricNameLabel, name).Labels()
				}
				s.write(name, at, result)
				continue
			}
			for _, sample := range result {
				s.fire(r["alert"].(string), sample.Metric.Get("workload"))
			}
		}
	}
}

func (s *server) fire(alert, workload string) {
	if s.fired[alert] == nil {
		s.fired[alert] = map[string]bool{}
	}
	s.fired[alert][workload] = true
}

func (s *server) query(expr string, at time.Duration) promql.Vector {
	s.t.Helper()
	q, err := s.engine.NewInstantQuery(context.Background(), s.storage, nil, expr, time.Unix(0, 0).Add(at))
	if err != nil {
		s.t.Fatalf("%s: %v", expr, err)
	}
	defer q.Close()
	result := q.Exec(context.Background())
	vector, err := result.Vector()
	if err != nil {
		s.t.Fatalf("%s: %v", expr, err)
	}
	return slices.Clone(vector)
}

// write appends samples, and what the last samples by the same writer had and
// these have not as stale.
func (s *server) write(writer string, at time.Duration, samples promql.Vector) {
	s.t.Helper()
	ms := timestamp.FromTime(time.Unix(0, 0).Add(at))
	appender := s.storage.Appender(context.Background())
	add := func(metric labels.Labels, v float64) {
		if _, err := appender.Append(0, metric, ms, v); err != nil {
			s.t.Fatalf("%s at %s: %v", metric, at, err)
		}
	}
	var now []labels.Labels
	for _, sample := range samples {
		add(sample.Metric, sample.F)
		now = append(now, sample.Metric)
	}
	for _, before := range s.written[writer] {
		if !slices.ContainsFunc(now, func(m labels.Labels) bool { return labels.Equal(m, before) }) {
			add(before, math.Float64frombits(value.StaleNaN))
		}
	}
	if err := appender.Commit(); err != nil {
		s.t.Fatal(err)
	}
	s.written[writer] = now
}
