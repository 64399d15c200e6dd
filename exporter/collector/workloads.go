// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"time"

	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/workload"
)

// Workloads tells whose a cgroup is.
type Workloads interface {
	Labels(cgroup uint64) workload.Labels
	Stats() workload.Stats
}

// Cluster tells how the API server is followed.
type Cluster interface {
	Watches() []Watch
	RequestErrors() []RequestErrors
	Events() map[string]uint64
	// Statuses counts what became of the statuses of policies to write, by result.
	Statuses() map[string]uint64
}

// Watch is how one resource of the API server is followed.
type Watch struct {
	Resource string
	State    string // one of WatchStates
	// Lag is the time since the server last said something about it, 0 if it
	// never did.
	Lag            time.Duration
	Lists, Changes uint64 // received
}

// WatchStates returns the states of a watch.
func WatchStates() []string { return []string{"starting", "synced", "absent", "forbidden", "failing"} }

// RequestErrors counts the requests to the API server that failed alike.
type RequestErrors struct {
	Resource, Verb, Code string
	Count                uint64
}

// workloadPolicy is a policy and whom it matched. Unlike a series it has the
// namespace of the policy whatever the filter says, so that its metric can be
// joined with tetrameter_policy_info.
type workloadPolicy struct{ policy, policyNamespace, namespace, workload string }

// lastEvents is when each policy last matched something of each workload.
type lastEvents map[workloadPolicy]time.Time

func (e lastEvents) add(id plan.ID, l eventLabels, at time.Time) {
	k := workloadPolicy{id.Policy, id.Namespace, l[labelNamespace], l[labelWorkload]}
	if at.After(e[k]) {
		e[k] = at
	}
}

func (s scrape) lastEvents(last lastEvents) {
	for k, at := range last {
		s.send(workloadLastEvent, seconds(at), k.policy, k.policyNamespace, k.namespace, k.workload)
	}
}

// workloadStats exposes what is known of pods.
func (s scrape) workloadStats() {
	stats := s.from.Workloads.Stats()
	s.send(pods, float64(stats.Pods))
	s.send(podsUnknown, float64(stats.UnknownPods))
	s.send(podsUnnumbered, float64(stats.UnnumberedPods))
	s.send(containers, float64(stats.Containers))
	s.send(containersUnknown, float64(stats.UnknownContainers))
	s.send(cgroups, float64(stats.Cgroups))
	s.send(cgroupsReleased, float64(stats.ReleasedCgroups))
	s.send(lateScopings, float64(stats.LatePods), "pod")
	s.send(lateScopings, float64(stats.LateContainers), "container")
	s.send(lateScopingDelay, stats.LatePodDelay.Seconds(), "pod")
	s.send(lateScopingDelay, stats.LateContainerDelay.Seconds(), "container")
	s.send(workloadErrors, float64(stats.Errors))
}

// clusterStats exposes how the API server is followed, if it is.
func (s scrape) clusterStats() {
	if s.from.Cluster == nil {
		return
	}
	for _, w := range s.from.Cluster.Watches() {
		for _, state := range WatchStates() {
			s.send(watchState, value(w.State == state), w.Resource, state)
		}
		s.send(watchLag, w.Lag.Seconds(), w.Resource)
		s.send(watchLists, float64(w.Lists), w.Resource)
		s.send(watchChanges, float64(w.Changes), w.Resource)
	}
	for _, e := range s.from.Cluster.RequestErrors() {
		s.send(requestErrors, float64(e.Count), e.Resource, e.Verb, e.Code)
	}
	for result, n := range s.from.Cluster.Events() {
		s.send(kubernetesEvents, float64(n), result)
	}
	for result, n := range s.from.Cluster.Statuses() {
		s.send(statusWrites, float64(n), result)
	}
}

// Exposed leaves of labels those that series have: cgroups that it makes equal
// share their series.
func (f Filter) Exposed(l workload.Labels) workload.Labels {
	all := f.apply(eventLabels{
		labelNamespace: l.Namespace, labelPod: l.Pod, labelContainer: l.Container,
		labelWorkload: l.Workload, labelWorkloadKind: l.Kind,
	})
	return workload.Labels{
		Namespace: all[labelNamespace], Pod: all[labelPod], Container: all[labelContainer],
		Workload: all[labelWorkload], Kind: all[labelWorkloadKind],
	}
}
