// SPDX-License-Identifier: Apache-2.0

package workload

import "time"

// Stats tells what is known and what was not in time.
type Stats struct {
	// Pods are those that the API server has and told of, UnknownPods those of
	// which there are only cgroups, and UnnumberedPods those of Pods that count as
	// unknown in scopes because all numbers are in use.
	Pods, UnknownPods, UnnumberedPods int
	// Containers are those that run with a known name. UnknownContainers are
	// those that run and the API server has not named; the sandbox of a pod
	// remains one.
	Containers, UnknownContainers int
	// Cgroups are the entries in the kernel's map, ReleasedCgroups those of them
	// that are kept for their counts only.
	Cgroups, ReleasedCgroups int
	// LatePods is how many pods were heard of after a container's cgroup, and
	// LatePodDelay for how long in sum the scopes that select them did not count.
	LatePods     uint64
	LatePodDelay time.Duration
	// LateContainers is how many containers were in more scopes than what of
	// their pod has no known container, and LateContainerDelay how long in sum
	// they were not named.
	LateContainers     uint64
	LateContainerDelay time.Duration
	// Errors counts calls of SetPod, DeletePod and Replace that could not do
	// everything.
	Errors uint64
}

// Stats returns the state of now.
func (w *Workloads) Stats() Stats {
	w.mu.RLock()
	defer w.mu.RUnlock()
	s := w.stats
	for _, p := range w.pods {
		switch {
		case p.host || p.gone:
		case !p.known:
			s.UnknownPods++
		default:
			s.Pods++
			if p.number() == strangersNumber {
				s.UnnumberedPods++
			}
		}
	}
	s.Cgroups = len(w.cgroups)
	for _, c := range w.cgroups {
		switch {
		case c.Released:
			s.ReleasedCgroups++
		case c.place.Container == "" || c.place.Nested:
		case c.container != "":
			s.Containers++
		default:
			s.UnknownContainers++
		}
	}
	return s
}
