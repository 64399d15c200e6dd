// SPDX-License-Identifier: Apache-2.0

package collector

import "github.com/prometheus/client_golang/prometheus"

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

// Metrics returns the families that a Collector exposes.
func Metrics() []Metric {
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
			{"hook", "what the policy hooks, as it says: kprobe:FUNCTION, tracepoint:GROUP/EVENT, lsm:HOOK, uprobe:FILE/SYMBOL, usdt:PROVIDER/NAME"},
			{"namespace", "namespace of the pod, empty on the host"},
			{"pod", "name of the pod, empty on the host"},
			{"policy", "name of the policy"},
			{"workload", "name of the pod's workload, empty on the host"},
		}},
		{hookEvents, "Events that a policy matched at a hook, counted independently of their labels; 0 from the moment the policy is loaded.", counter, hook},
		{overflowEvents, "Events counted without labels of their own, as ~other, because the series map or the cgroup's share of it was full.", counter, hook},
		{lastEvent, "Time of the last event that a policy matched at a hook, 0 if there was none.", gauge, hook},
		{hookInfo, "How a hook is attached, with the value 1.", gauge, append(hook[:len(hook):len(hook)],
			Label{"attach", "lsm, fentry, kprobe, tracepoint:NAMES, raw_tracepoint, uprobe or unsupported"},
			Label{"pinned", "whether counting goes on while the agent is down"},
			Label{"reason", "why the cheaper ways to attach, or all, were not taken, or why this policy is not counted at the hook"},
		)},
		{hookGap, "Time before this start during which the agent was down and the hook not attached, because this kernel cannot pin it.", gauge, hook},
		{hookMissed, "Events that were not counted because the kernel refused to run a program inside another, or did not see a function return; known from Linux 5.12 for fentry and 6.7 for the others.", counter, hook},
		{policyState, "State of a policy: 1 for the one it is in.", gauge, append(policy[:len(policy):len(policy)],
			Label{"state", "enabled, partially_enabled (some hooks are unsupported), monitor_only (counts, but does not carry out an action), error (all hooks are unsupported, not counting those that may be absent), disabled, load_error (the file or the policy is refused)"},
			Label{"reason", "why it is in a state other than enabled, empty for the states it is not in"},
		)},
		{loadErrors, "Times that a policy file could not be loaded.", counter, nil},
		{mapEntries, "Entries in a map.", gauge, mapName},
		{mapCapacity, "Entries that a map can hold.", gauge, mapName},
		{losses, "Times that a program could not do its work fully.", counter, []Label{
			{"reason", "no_matcher: an event while a hook was being attached was not counted; bad_slot: an event was not counted; scratch_busy, names_full: an event was counted with binary ~other; path_truncated: a binary label is the end of a longer path; calls_full: a call was not counted for filters of its result"},
		}},
		{readSuccess, "Whether reading the counters from the kernel succeeded.", gauge, nil},
		{readDuration, "Time that reading the counters from the kernel took.", gauge, nil},
		{mapReadDuration, "Part of that time spent in reading the series map.", gauge, nil},
	}
}

// Names of the families.
const (
	policyEvents    = "tetragon_policy_events_total"
	hookEvents      = "tetrameter_policy_hook_events_total"
	overflowEvents  = "tetrameter_policy_hook_overflow_events_total"
	lastEvent       = "tetrameter_policy_hook_last_event_timestamp_seconds"
	hookInfo        = "tetrameter_hook_info"
	hookGap         = "tetrameter_hook_gap_seconds"
	hookMissed      = "tetrameter_hook_missed_events_total"
	policyState     = "tetrameter_policy_state"
	loadErrors      = "tetrameter_policy_load_errors_total"
	mapEntries      = "tetrameter_map_entries"
	mapCapacity     = "tetrameter_map_capacity_entries"
	losses          = "tetrameter_bpf_losses_total"
	readSuccess     = "tetrameter_read_success"
	readDuration    = "tetrameter_read_duration_seconds"
	mapReadDuration = "tetrameter_map_read_duration_seconds"
)

func (m Metric) labelNames() []string {
	var names []string
	for _, l := range m.Labels {
		names = append(names, l.Name)
	}
	return names
}
