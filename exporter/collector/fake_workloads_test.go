// SPDX-License-Identifier: Apache-2.0

package collector_test

import (
	"time"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/workload"
)

// fakeWorkloads knows two cgroups of one pod, of which one is a container's, and
// has seen everything happen.
type fakeWorkloads struct{}

func (fakeWorkloads) Labels(cgroup uint64) workload.Labels {
	l := workload.Labels{Namespace: "test", Pod: "xwing-7d4b9c", Workload: "xwing", Kind: "Deployment"}
	switch cgroup {
	case 5:
		l.Container = "spaceship"
		return l
	case 6:
		return l
	}
	return workload.Labels{}
}

func (fakeWorkloads) Stats() workload.Stats {
	return workload.Stats{
		Pods: 2, UnknownPods: 3, UnnumberedPods: 5, Containers: 7, UnknownContainers: 11, Cgroups: 13, ReleasedCgroups: 17,
		LatePods: 19, LatePodDelay: 23 * time.Second, LateContainers: 29, LateContainerDelay: 31 * time.Millisecond, Errors: 37,
	}
}

// fakeCluster is a server that lacks one resource.
type fakeCluster struct{}

func (fakeCluster) Watches() []collector.Watch {
	return []collector.Watch{
		{Resource: "pods", State: "synced", Lag: 1500 * time.Millisecond, Lists: 2, Changes: 41},
		{Resource: "tracingpolicies", State: "absent"},
	}
}

func (fakeCluster) RequestErrors() []collector.RequestErrors {
	return []collector.RequestErrors{{Resource: "tracingpolicies", Verb: "list", Code: "404", Count: 43}}
}

func (fakeCluster) Events() map[string]uint64 { return map[string]uint64{"created": 1, "spared": 2} }

func (fakeCluster) Statuses() map[string]uint64 {
	return map[string]uint64{"written": 47, "conflict": 53}
}
