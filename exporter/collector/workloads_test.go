// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/kernel"
)

// TestWorkloadLabels: cgroups of one pod are one series, unless the container is
// asked for.
func TestWorkloadLabels(t *testing.T) {
	snapshot := kernel.Snapshot{
		Series: []kernel.Series{
			{ID: execve(), Binary: "/b", Cgroup: 5, Count: 2, First: at(1)},
			{ID: execve(), Binary: "/b", Cgroup: 6, Count: 3, First: at(1)},
			{ID: execve(), Binary: "/b", Cgroup: 7, Count: 5, First: at(1)},
		},
		Totals: []kernel.Total{{ID: execve(), Count: 17, Overflow: 7, Created: at(0), FirstOver: at(1)}},
	}
	all := everything()
	all.Container, all.PolicyNamespace, all.WorkloadKind = true, true, true
	const hook, policy = `hook="kprobe:__x64_sys_execve"`, `policy="sudo-invocations"`
	tests := []struct {
		name   string
		filter collector.Filter
		want   []string
	}{
		{"the labels of old", everything(), []string{
			`{binary="/b",` + hook + `,namespace="",pod="",` + policy + `,workload=""} 5`,
			`{binary="/b",` + hook + `,namespace="test",pod="xwing-7d4b9c",` + policy + `,workload="xwing"} 5`,
			`{binary="~other",` + hook + `,namespace="~other",pod="~other",` + policy + `,workload="~other"} 7`,
		}},
		{"workload only", collector.Filter{Workload: true}, []string{
			`{binary="",` + hook + `,namespace="",pod="",` + policy + `,workload=""} 5`,
			`{binary="",` + hook + `,namespace="",pod="",` + policy + `,workload="xwing"} 5`,
			`{binary="",` + hook + `,namespace="",pod="",` + policy + `,workload="~other"} 7`,
		}},
		{"all", all, []string{
			`{binary="/b",container="",` + hook + `,namespace="",pod="",` + policy + `,policy_namespace="team",workload="",workload_kind=""} 5`,
			`{binary="/b",container="",` + hook + `,namespace="test",pod="xwing-7d4b9c",` + policy +
				`,policy_namespace="team",workload="xwing",workload_kind="Deployment"} 3`,
			`{binary="/b",container="spaceship",` + hook + `,namespace="test",pod="xwing-7d4b9c",` + policy +
				`,policy_namespace="team",workload="xwing",workload_kind="Deployment"} 2`,
			`{binary="~other",container="~other",` + hook + `,namespace="~other",pod="~other",` + policy +
				`,policy_namespace="team",workload="~other",workload_kind="~other"} 7`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := events(t, newCollector(fakeCounters{snapshot: snapshot}, fakePolicies{}, test.filter))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("series differ (-want +got):\n%s", diff)
			}
		})
	}
}
