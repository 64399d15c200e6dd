// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric describes one metric family: the descriptors and docs/metrics.md are
// made from it.
type Metric struct {
	Name   string
	Help   string
	Type   prometheus.ValueType
	Labels []Label
}

// Label is a label of a metric family.
type Label struct {
	Name, Help string
}

// optional marks a label that series have only if --metrics-label-filter lists it.
const optional = " (only if --metrics-label-filter lists it)"

// Metrics returns the families that a Collector exposes.
func Metrics() []Metric {
	return slices.Concat(policyMetrics(), workloadMetrics(), clusterMetrics(), readMetrics())
}

// policyMetrics are what policies count, and how.
func policyMetrics() []Metric {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	policy := []Label{
		{"policy", "name of the policy"},
		{"policy_namespace", "namespace of the policy, empty for a cluster-wide one"},
	}
	hook := append(policy[:len(policy):len(policy)], Label{"hook", "as in tetragon_policy_events_total"})
	mapName := []Label{{"map", "name of the map in the kernel"}}
	return []Metric{
		{policyEvents, "Events that a policy matched.", counter, []Label{
			{"binary", "path of the executable, empty for kernel threads"},
			{"container", "name of the container, empty on the host and while it is not known" + optional},
			{"hook", "what the policy hooks, as it says: kprobe:FUNCTION, tracepoint:GROUP/EVENT, lsm:HOOK, uprobe:FILE/SYMBOL, usdt:PROVIDER/NAME"},
			{"namespace", "namespace of the pod, empty on the host, ~unknown if nobody told of the pod yet"},
			{"pod", "name of the pod, empty on the host; the UID if nobody told of it yet"},
			{"policy", "name of the policy"},
			{"policy_namespace", "namespace of the policy, empty for a cluster-wide one" + optional},
			{"workload", "name of the pod's workload, empty on the host, ~unknown if nobody told of the pod yet"},
			{"workload_kind", "Deployment, DaemonSet and so on, empty on the host" + optional},
		}},
		{hookEvents, "Events that a policy matched at a hook, counted independently of their labels; 0 from the moment the policy is loaded.", counter, hook},
		{overflowEvents, "Events counted without labels of their own, as ~other, because the series map or the cgroup's share of it was full.", counter, hook},
		{lastEvent, "Time of the last event that a policy matched at a hook, 0 if there was none.", gauge, hook},
		{workloadLastEvent, "Time of the last event that a policy matched of a workload; there is none before the first event and after the workload's series are gone.", gauge, append(policy[:len(policy):len(policy)],
			Label{"namespace", "as in tetragon_policy_events_total"},
			Label{"workload", "as in tetragon_policy_events_total"},
		)},
		{policyInfo, "What a policy says of itself, with the value 1.", gauge, append(policy[:len(policy):len(policy)],
			Label{"severity", "info, warning or critical, as the annotation tetrameter.io/severity says; without it warning"},
		)},
		{policySetInfo, "All policies that the agent was given, with the value 1.", gauge, []Label{
			{"hash", "the same on nodes that were given the same policies, in the same words and with the same variables"},
		}},
		{hookInfo, "How a hook is attached, with the value 1.", gauge, append(hook[:len(hook):len(hook)],
			Label{"attach", "lsm, fentry, kprobe, tracepoint:NAMES, raw_tracepoint, uprobe or unsupported"},
			Label{"pinned", "whether counting goes on while the agent is down"},
			Label{"reason", "why the cheaper ways to attach, or all, were not taken, or why this policy is not counted at the hook"},
		)},
		{hookGap, "Time before this start during which the agent was down and the hook not attached, because this kernel cannot pin it.", gauge, hook},
		{hookMissed, "Events that were not counted because the kernel refused to run a program inside another, or did not see a function return; known from Linux 5.12 for fentry and 6.7 for the others.", counter, hook},
		{policyState, "State of a policy: 1 for the one it is in.", gauge, append(policy[:len(policy):len(policy)],
			Label{"state", "enabled, partially_enabled (some hooks are unsupported), monitor_only (counts, but does not carry out an action), error (all hooks are unsupported, not counting those that may be absent), disabled, load_error (the file or the policy is refused), skipped (it is for other nodes)"},
			Label{"reason", "why it is in a state other than enabled, empty for the states it is not in"},
		)},
		{loadErrors, "Times that a policy file could not be loaded.", counter, nil},
		{mapEntries, "Entries in a map.", gauge, mapName},
		{mapCapacity, "Entries that a map can hold.", gauge, mapName},
		{losses, "Times that a program could not do its work fully.", counter, []Label{
			{"reason", "no_matcher: an event while a hook was being attached was not counted; bad_slot: an event was not counted; scratch_busy, names_full: an event was counted with binary ~other; path_truncated: a binary label is the end of a longer path; text_truncated: filters saw only the beginning of a string; text_unreadable: filters saw an empty string for one that was not in memory; cgroups_full: a cgroup of a container counts as the host; process_unknown: a filter failed because it is not known how a process began; calls_full: a call was not counted for filters of its result"},
		}},
	}
}

// workloadMetrics are about pods and whether policies for them were in time.
func workloadMetrics() []Metric {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	return []Metric{
		{pods, "Pods of this node that the API server has told of.", gauge, nil},
		{podsUnknown, "Pods with cgroups that the API server has not told of; policies for pods do not count them yet.", gauge, nil},
		{podsUnnumbered, "Pods that policies for pods do not count, because there is no room for more.", gauge, nil},
		{containers, "Containers that run and have a name.", gauge, nil},
		{containersUnknown, "Containers that run and have no name, or not yet; the sandbox of each pod is one.", gauge, nil},
		{cgroups, "Cgroups of pods in the kernel's map.", gauge, nil},
		{cgroupsReleased, "Of those, the ones that are removed and kept for their counts.", gauge, nil},
		{lateScopings, "Pods, or containers, that ran before the agent knew which policies are for them.", counter, []Label{
			{"of", "pod: the API server told of it later than it began; container: its name mattered and was known later"},
		}},
		{lateScopingDelay, "For how long they ran so, in sum.", counter, []Label{{"of", "pod or container"}}},
		{workloadErrors, "Times that what became known of a pod could not be given to the kernel at once.", counter, nil},
	}
}

// clusterMetrics are about the API server; without one there are none.
func clusterMetrics() []Metric {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	resource := []Label{{"resource", "as in tetrameter_kubernetes_watch_state"}}
	return []Metric{
		{watchState, "How a resource of the API server is followed: 1 for the state it is in.", gauge, []Label{
			{"resource", "pods, nodes, tracingpolicies, tracingpoliciesnamespaced"},
			{"state", "starting, synced, absent (the server does not have it), forbidden (the role does not allow it), failing (what is known may be old)"},
		}},
		{watchLag, "Time since the API server last said something about a resource; about a minute at most when all is well, 0 before its first answer and in the states absent and forbidden.", gauge, resource},
		{watchLists, "Times that a resource was listed; more than one when changes may have been missed.", counter, resource},
		{watchChanges, "Changes of a resource that were received, and the signs of life between them.", counter, resource},
		{requestErrors, "Requests to the API server that failed.", counter, []Label{
			{"resource", "as in tetrameter_kubernetes_watch_state; and what the agent writes: events, tracingpolicies/status (of both kinds)"},
			{"verb", "list, watch, get, create, patch, apply"},
			{"code", "the HTTP status, or none"},
		}},
		{kubernetesEvents, "Events about policies that do not load, by what became of them.", counter, []Label{
			{"result", "created, repeated (the count of another was raised), spared (another node had reported it), dropped"},
		}},
		{statusWrites, "Attempts to write what is known of a policy into its status, by what became of them.", counter, []Label{
			{"result", "written, conflict (another node was faster), dropped"},
		}},
	}
}

// readMetrics are about the scrape itself.
func readMetrics() []Metric {
	const gauge = prometheus.GaugeValue
	return []Metric{
		{readSuccess, "Whether reading the counters from the kernel succeeded.", gauge, nil},
		{readDuration, "Time that reading the counters from the kernel took.", gauge, nil},
		{mapReadDuration, "Part of that time spent in reading the series map.", gauge, nil},
	}
}

// Names of the families.
const (
	policyEvents      = "tetragon_policy_events_total"
	hookEvents        = "tetrameter_policy_hook_events_total"
	overflowEvents    = "tetrameter_policy_hook_overflow_events_total"
	lastEvent         = "tetrameter_policy_hook_last_event_timestamp_seconds"
	workloadLastEvent = "tetrameter_policy_workload_last_event_timestamp_seconds"
	policyInfo        = "tetrameter_policy_info"
	policySetInfo     = "tetrameter_policy_set_info"
	hookInfo          = "tetrameter_hook_info"
	hookGap           = "tetrameter_hook_gap_seconds"
	hookMissed        = "tetrameter_hook_missed_events_total"
	policyState       = "tetrameter_policy_state"
	loadErrors        = "tetrameter_policy_load_errors_total"
	mapEntries        = "tetrameter_map_entries"
	mapCapacity       = "tetrameter_map_capacity_entries"
	losses            = "tetrameter_bpf_losses_total"
	pods              = "tetrameter_pods"
	podsUnknown       = "tetrameter_pods_unknown"
	podsUnnumbered    = "tetrameter_pods_unnumbered"
	containers        = "tetrameter_containers"
	containersUnknown = "tetrameter_containers_unknown"
	cgroups           = "tetrameter_cgroups"
	cgroupsReleased   = "tetrameter_cgroups_released"
	lateScopings      = "tetrameter_late_scopings_total"
	lateScopingDelay  = "tetrameter_late_scoping_seconds_total"
	workloadErrors    = "tetrameter_workload_errors_total"
	watchState        = "tetrameter_kubernetes_watch_state"
	watchLag          = "tetrameter_kubernetes_watch_lag_seconds"
	watchLists        = "tetrameter_kubernetes_watch_lists_total"
	watchChanges      = "tetrameter_kubernetes_watch_changes_total"
	requestErrors     = "tetrameter_kubernetes_request_errors_total"
	kubernetesEvents  = "tetrameter_kubernetes_events_total"
	statusWrites      = "tetrameter_kubernetes_status_writes_total"
	readSuccess       = "tetrameter_read_success"
	readDuration      = "tetrameter_read_duration_seconds"
	mapReadDuration   = "tetrameter_map_read_duration_seconds"
)

func (m Metric) labelNames() []string {
	var names []string
	for _, l := range m.Labels {
		names = append(names, l.Name)
	}
	return names
}
