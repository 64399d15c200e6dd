// SPDX-License-Identifier: Apache-2.0

// Package collector exposes the counters of package kernel as Prometheus
// metrics: it joins ids with names, adds up what has the same labels, and
// makes constant metrics anew for every scrape. It sees the kernel and the
// policies through the interfaces it declares; package main wires them.
package collector

import (
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tetrameter/tetrameter/exporter/kernel"
	"github.com/tetrameter/tetrameter/exporter/plan"
)

// Counters is where counts come from.
type Counters interface {
	Read() (*kernel.Snapshot, error)
}

// Policies tells the states of the policies.
type Policies interface {
	States() []PolicyState
	LoadErrors() uint64
	// Hash is the same where the same policies were given.
	Hash() string
}

// PolicyState is one policy's state, one of States, and why it is in that.
type PolicyState struct {
	Policy, Namespace, State string
	Reason                   string
	Severity                 string // empty if the policy could not be read
}

// The states of a policy.
const (
	Enabled          = "enabled"
	PartiallyEnabled = "partially_enabled"
	MonitorOnly      = "monitor_only"
	Error            = "error"
	Disabled         = "disabled"
	LoadError        = "load_error"
	Skipped          = "skipped"
)

// States returns all states.
func States() []string {
	return []string{Enabled, PartiallyEnabled, MonitorOnly, Error, Disabled, LoadError, Skipped}
}

// Collector implements prometheus.Collector.
type Collector struct {
	from    Sources
	filter  Filter
	exposed exposed
	log     *slog.Logger
	descs   map[string]*prometheus.Desc
	types   map[string]prometheus.ValueType
}

// Sources are where a Collector reads.
type Sources struct {
	Counters  Counters
	Policies  Policies
	Workloads Workloads
	Cluster   Cluster // nil without Kubernetes
}

// Filter says which labels of tetragon_policy_events_total have values. The
// others are empty, and what they told apart is added up.
type Filter struct {
	Namespace, Workload, Pod, Binary bool
	// The series have these labels only if they are asked for.
	Container, PolicyNamespace, WorkloadKind bool
}

// New returns a Collector. It reads its sources at each Collect only.
func New(from Sources, filter Filter, log *slog.Logger) *Collector {
	c := &Collector{
		from: from, filter: filter, exposed: filter.exposed(), log: log,
		descs: map[string]*prometheus.Desc{}, types: map[string]prometheus.ValueType{},
	}
	for _, m := range Metrics() {
		labels := m.labelNames()
		if m.Name == policyEvents {
			labels = c.exposed.list()
		}
		c.descs[m.Name] = prometheus.NewDesc(m.Name, m.Help, labels, nil)
		c.types[m.Name] = m.Type
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range Metrics() {
		ch <- c.descs[m.Name]
	}
}

// Collect implements prometheus.Collector. When the kernel cannot be read it
// exposes the other metrics, and that it failed.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	start := time.Now()
	snap, err := c.from.Counters.Read()
	s := scrape{c, ch}
	s.send(readDuration, time.Since(start).Seconds())
	s.send(readSuccess, value(err == nil))
	s.policyStates()
	s.workloadStats()
	s.clusterStats()
	if err != nil {
		c.log.Error("read counters", "err", err)
		return
	}
	s.send(mapReadDuration, snap.MapReading.Seconds())
	s.events(snap)
	s.totals(snap.Totals)
	s.hooks(snap)
	for _, m := range snap.Maps {
		s.send(mapEntries, float64(m.Entries), m.Name)
		s.send(mapCapacity, float64(m.Capacity), m.Name)
	}
	for reason, n := range snap.Losses {
		s.send(losses, float64(n), reason)
	}
}

// scrape is one run of Collect.
type scrape struct {
	*Collector
	ch chan<- prometheus.Metric
}

func (s scrape) send(name string, v float64, labels ...string) {
	for i := range labels {
		labels[i] = valid(labels[i])
	}
	s.ch <- prometheus.MustNewConstMetric(s.descs[name], s.types[name], v, labels...)
}

// valid makes a label value of what may be any bytes: the name of an executable
// or of a policy file, also inside of a reason.
func valid(label string) string {
	return strings.ToValidUTF8(label, "\uFFFD")
}

// sum is what series with the same labels have together.
type sum struct {
	count uint64
	first time.Time
}

func (s *sum) add(count uint64, first time.Time) {
	s.count += count
	if s.first.IsZero() || !first.IsZero() && first.Before(s.first) {
		s.first = first
	}
}

// events adds up the series with the same labels: cgroups of one workload,
// policies of one name in several namespaces, filtered labels.
func (s scrape) events(snap *kernel.Snapshot) {
	sums, last := make(map[eventLabels]sum, len(snap.Series)), lastEvents{}
	add := func(l eventLabels, count uint64, first time.Time) {
		s := sums[l]
		s.add(count, first)
		sums[l] = s
	}
	for _, series := range snap.Series {
		l := s.labels(series)
		add(l, series.Count, series.First)
		last.add(series.ID, l, series.Last)
	}
	for _, t := range snap.Totals {
		if t.Overflow > 0 {
			add(s.other(t.ID), t.Overflow, t.FirstOver)
			last.add(t.ID, s.other(t.ID), t.LastOver)
		}
	}
	s.lastEvents(last)
	for l, sum := range sums {
		s.ch <- newEventMetric(s.descs[policyEvents], &s.exposed, l, sum.count, created(sum.first))
	}
}

// other is the labels of the events that found no room.
func (s scrape) other(id plan.ID) eventLabels {
	return s.filter.apply(eventLabels{
		labelHook: id.Hook, labelPolicy: id.Policy, labelPolicyNamespace: id.Namespace,
		labelBinary: kernel.Other, labelNamespace: kernel.Other, labelPod: kernel.Other, labelContainer: kernel.Other,
		labelWorkload: kernel.Other, labelWorkloadKind: kernel.Other,
	})
}

// labels joins a series with the names of its cgroup.
func (s scrape) labels(series kernel.Series) eventLabels {
	w := s.from.Workloads.Labels(series.Cgroup)
	return s.filter.apply(eventLabels{
		labelHook: series.ID.Hook, labelPolicy: series.ID.Policy, labelPolicyNamespace: series.ID.Namespace,
		labelBinary: valid(series.Binary), labelNamespace: w.Namespace, labelPod: w.Pod, labelContainer: w.Container,
		labelWorkload: w.Workload, labelWorkloadKind: w.Kind,
	})
}

// apply empties the labels that are off.
func (f Filter) apply(l eventLabels) eventLabels {
	on := [labelCount]bool{
		labelHook: true, labelPolicy: true, labelPolicyNamespace: f.PolicyNamespace,
		labelBinary: f.Binary, labelNamespace: f.Namespace, labelPod: f.Pod, labelContainer: f.Container,
		labelWorkload: f.Workload, labelWorkloadKind: f.WorkloadKind,
	}
	for label := range l {
		if !on[label] {
			l[label] = ""
		}
	}
	return l
}

// created is the created timestamp of a series: its first event, a millisecond
// earlier, since Prometheus accepts only one that lies before the sample and
// its clock counts in milliseconds.
func created(first time.Time) time.Time {
	return first.Add(-time.Millisecond)
}

func (s scrape) totals(totals []kernel.Total) {
	for _, t := range totals {
		labels := []string{t.ID.Policy, t.ID.Namespace, t.ID.Hook}
		s.ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(s.descs[hookEvents],
			prometheus.CounterValue, float64(t.Count), t.Created, labels...)
		s.send(overflowEvents, float64(t.Overflow), labels...)
		s.send(lastEvent, seconds(t.Last), labels...)
	}
}

// seconds is a time as Prometheus has them, 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// hooks exposes an id once, although a policy may hook a function both as a
// system call and as a plain one, which share the id.
func (s scrape) hooks(snap *kernel.Snapshot) {
	seen := map[plan.ID]bool{}
	for _, h := range snap.Hooks {
		if seen[h.ID] {
			continue
		}
		seen[h.ID] = true
		labels := []string{h.ID.Policy, h.ID.Namespace, h.ID.Hook}
		attach := h.Attach
		if attach == "" {
			attach = "unsupported"
		}
		s.send(hookInfo, 1, append(labels, attach, strconv.FormatBool(h.Pinned), h.Reason)...)
		s.send(hookGap, h.GapSeconds, labels...)
		s.send(hookMissed, float64(snap.Missed[h.ID]), labels...)
	}
}

// policyStates exposes a name once. It is in two states when a policy is in
// force and a file of the same name could not be loaded.
func (s scrape) policyStates() {
	type key struct{ policy, namespace string }
	type current struct {
		is      map[string]bool
		reasons map[string]string
	}
	policies, severities := map[key]current{}, map[key]string{}
	for _, p := range s.from.Policies.States() {
		k := key{valid(p.Policy), p.Namespace}
		if policies[k].is == nil {
			policies[k] = current{map[string]bool{}, map[string]string{}}
		}
		policies[k].is[p.State] = true
		policies[k].reasons[p.State] = p.Reason
		if p.Severity != "" {
			severities[k] = p.Severity
		}
	}
	for k, severity := range severities {
		s.send(policyInfo, 1, k.policy, k.namespace, severity)
	}
	s.send(policySetInfo, 1, s.from.Policies.Hash())
	for k, c := range policies {
		for _, state := range States() {
			s.send(policyState, value(c.is[state]), k.policy, k.namespace, state, c.reasons[state])
		}
	}
	s.send(loadErrors, float64(s.from.Policies.LoadErrors()))
}

func value(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
