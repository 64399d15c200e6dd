// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// eventMetric is one series of tetragon_policy_events_total. A scrape may have
// ten thousand; this is one allocation where a constant metric of the client
// library is more than twenty.
type eventMetric struct {
	desc    *prometheus.Desc
	labels  [6]dto.LabelPair
	pairs   [6]*dto.LabelPair
	values  [6]string
	counter dto.Counter
	count   float64
	created timestamppb.Timestamp
}

// newEventMetric fills in the labels in the order of eventLabelNames, which is
// alphabetical, as the registry wants it.
func newEventMetric(desc *prometheus.Desc, names *[6]string, l eventLabels, count uint64, created time.Time) *eventMetric {
	m := &eventMetric{
		desc:   desc,
		values: [6]string{l.binary, l.hook, l.namespace, l.pod, l.policy, l.workload},
		count:  float64(count),
	}
	for i := range m.labels {
		m.labels[i].Name, m.labels[i].Value = &names[i], &m.values[i]
		m.pairs[i] = &m.labels[i]
	}
	m.created.Seconds, m.created.Nanos = created.Unix(), int32(created.Nanosecond())
	m.counter.Value, m.counter.CreatedTimestamp = &m.count, &m.created
	return m
}

// eventLabelNames are the names of the labels in their order.
func eventLabelNames() *[6]string {
	return &[6]string{"binary", "hook", "namespace", "pod", "policy", "workload"}
}

// Desc implements prometheus.Metric.
func (m *eventMetric) Desc() *prometheus.Desc { return m.desc }

// Write implements prometheus.Metric.
func (m *eventMetric) Write(out *dto.Metric) error {
	out.Label, out.Counter = m.pairs[:], &m.counter
	return nil
}
