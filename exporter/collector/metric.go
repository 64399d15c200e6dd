// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The labels of tetragon_policy_events_total, in the order of the alphabet, as
// the registry wants them.
const (
	labelBinary = iota
	labelContainer
	labelHook
	labelNamespace
	labelPod
	labelPolicy
	labelPolicyNamespace
	labelWorkload
	labelWorkloadKind
	labelCount
)

// eventLabels are the values of all labels; those that are not exposed are
// empty.
type eventLabels [labelCount]string

// exposed are the labels that series have, the first six always.
type exposed struct {
	labels []int
	names  [labelCount]string
}

func (f Filter) exposed() exposed {
	e := exposed{names: [labelCount]string{
		"binary", "container", "hook", "namespace", "pod", "policy", "policy_namespace", "workload", "workload_kind",
	}}
	optional := map[int]bool{
		labelContainer: f.Container, labelPolicyNamespace: f.PolicyNamespace, labelWorkloadKind: f.WorkloadKind,
	}
	for label := range labelCount {
		if on, ok := optional[label]; on || !ok {
			e.labels = append(e.labels, label)
		}
	}
	return e
}

// list returns the names of the labels.
func (e exposed) list() []string {
	var names []string
	for _, label := range e.labels {
		names = append(names, e.names[label])
	}
	return names
}

// eventMetric is one series of tetragon_policy_events_total. A scrape may have
// ten thousand; this is one allocation where a constant metric of the client
// library is more than twenty.
type eventMetric struct {
	desc    *prometheus.Desc
	labels  [labelCount]dto.LabelPair
	pairs   [labelCount]*dto.LabelPair
	values  eventLabels
	exposed int
	counter dto.Counter
	count   float64
	created timestamppb.Timestamp
}

func newEventMetric(desc *prometheus.Desc, e *exposed, values eventLabels, count uint64, created time.Time) *eventMetric {
	m := &eventMetric{desc: desc, values: values, exposed: len(e.labels), count: float64(count)}
	for i, label := range e.labels {
		m.labels[i].Name, m.labels[i].Value = &e.names[label], &m.values[label]
		m.pairs[i] = &m.labels[i]
	}
	m.created.Seconds, m.created.Nanos = created.Unix(), int32(created.Nanosecond())
	m.counter.Value, m.counter.CreatedTimestamp = &m.count, &m.created
	return m
}

// Desc implements prometheus.Metric.
func (m *eventMetric) Desc() *prometheus.Desc { return m.desc }

// Write implements prometheus.Metric.
func (m *eventMetric) Write(out *dto.Metric) error {
	out.Label, out.Counter = m.pairs[:m.exposed], &m.counter
	return nil
}
