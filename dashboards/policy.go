// SPDX-License-Identifier: Apache-2.0

package dashboards

import "github.com/grafana/grafana-foundation-sdk/go/units"

// selected is the counter with all labels, as the variables restrict it.
const selected = `tetragon_policy_events_total{event}`

const noneSelected = "Nothing in this time under this choice of policy, namespace, workload, pod and binary"

// policyDetail answers: what did a policy count, where, and how does it count?
func policyDetail() dashboard {
	return dashboard{
		uid:   policyUID,
		title: "Tetrameter / Policy",
		help:  "What a policy counted, by workload, pod and binary, and how it is attached.",
		from:  "now-6h", annotations: policyChanges(),
		variables: []variable{
			{"policy", "Policy", "Name of the policy.", `label_values(tetrameter_policy_hook_events_total{agent}, policy)`, ".*", true},
			{"namespace", "Namespace", "Namespace of the pod; All includes the host.", `label_values(tetragon_policy_events_total{policy}, namespace)`, ".*", true},
			{"workload", "Workload", "Workload of the pod; All includes the host.", `label_values(tetragon_policy_events_total{policy, namespace=~"$namespace"}, workload)`, ".*", true},
			{"pod", "Pod", "Pod; All includes the host.", `label_values(tetragon_policy_events_total{policy, namespace=~"$namespace", workload=~"$workload"}, pod)`, ".*", true},
			{"binary", "Binary", "Path of the executable.", `label_values(tetragon_policy_events_total{policy, namespace=~"$namespace", workload=~"$workload", pod=~"$pod"}, binary)`, ".*", true},
		},
		rows: []row{
			{"At a glance", 4, policyGlance()},
			{"Over time", 9, policyOverTime()},
			{"Series", 10, policySeries()},
			{"How it counts", 9, policyHooks()},
		},
	}
}

func policyGlance() []panel {
	distinct := func(title, label, help string) panel {
		return panel{
			title: title, width: 4, unit: units.Short, view: number(), empty: "0", help: help,
			queries: []query{{"count(\n" + sumCounted(label, selected, "$__range") + "\n)", label}},
		}
	}
	return []panel{
		{
			title: "Events", width: 4, unit: units.Short, view: number(), empty: "0",
			help:    "Events of the choice above in the time range, counted exactly and with the first events of new series.",
			queries: []query{{"sum(\n" + counted(selected, "$__range") + "\n)", "events"}},
		},
		{
			title: "Last event", width: 4, unit: units.DateTimeFromNow, view: number(), empty: "Never, for this choice",
			help:    "When the policy last counted an event of the chosen workloads. Pod and binary do not restrict it.",
			queries: []query{{`1000 * max(tetrameter_policy_workload_last_event_timestamp_seconds{policy, namespace=~"$namespace", workload=~"$workload"}) > 0`, "last event"}},
		},
		distinct("Workloads", "namespace, workload", "Workloads with events in the time range. The host is one."),
		distinct("Pods", "namespace, pod", "Pods with events in the time range. The host is one."),
		distinct("Binaries", "binary", "Executables with events in the time range."),
		{
			title: "Without labels", width: 4, unit: units.Short, view: number(), levels: rarely(), empty: "0",
			help:    "Events of the policy in the time range that found no room for a series of their own and are counted as ~other, whatever workload, pod and binary are chosen. See map fill on the dashboard of the agents.",
			queries: []query{{"sum(\n" + counted(`tetrameter_policy_hook_overflow_events_total{policy}`, "$__range") + "\n)", "~other"}},
		},
	}
}

func policyOverTime() []panel {
	by := func(title, labels, legend, help string) panel {
		return panel{
			title: title, width: 12, unit: units.Short, view: bars(), empty: noneSelected, help: help,
			queries: []query{{sumCounted(labels, selected, "$__interval"), legend}},
		}
	}
	workloads := by("Events by workload", "namespace, workload", "{{namespace}} {{workload}}",
		"Each bar is what happened in its interval, counted exactly and with the first events of new series.")
	workloads.queries[0].expr = host("workload", workloads.queries[0].expr)
	pods := by("Events by pod", "namespace, pod", "{{namespace}} {{pod}}",
		"Each bar is what happened in its interval, with the pods that are gone.")
	pods.queries[0].expr = host("pod", pods.queries[0].expr)
	return []panel{
		{
			title: "Events by hook", width: 12, unit: units.Short, view: bars(),
			empty:   "The policy counted nothing in this time, anywhere",
			help:    "Each bar is what happened in its interval at a hook of the policy, of all workloads: these counters have no labels of pods.",
			queries: []query{{sumCounted("policy, hook", `tetrameter_policy_hook_events_total{policy}`, "$__interval"), "{{policy}} {{hook}}"}},
		},
		workloads,
		pods,
		by("Events by binary", "binary", "{{binary}}",
			"Each bar is what happened in its interval. ~other is what found no room for a series of its own."),
	}
}

func policySeries() []panel {
	return []panel{
		{
			title: "Series", width: 16, unit: units.Short, empty: noneSelected,
			help: "Everything that is told apart, with the events in the time range, counted exactly and with the first events of new series. Follow a value to restrict the dashboard to it.",
			view: list("Events",
				column{field: "policy", title: "Policy", links: []link{toPolicy("policy")}},
				column{field: "hook", title: "Hook"},
				column{field: "namespace", title: "Namespace", links: []link{toPolicy("policy", "namespace")}},
				column{field: "workload", title: "Workload", links: []link{toPolicy("policy", "namespace", "workload")}},
				column{field: "pod", title: "Pod", links: []link{toPolicy("policy", "namespace", "workload", "pod")}},
				column{field: "binary", title: "Binary", links: []link{toPolicy("policy", "binary")}},
				column{field: "Value", title: "Events", width: 100}),
			queries: []query{{sumCounted("policy, hook, namespace, workload, pod, binary", selected, "$__range"), ""}},
		},
		{
			title: "Last event of workloads", width: 8, unit: units.DateTimeFromNow, empty: noneSelected,
			help: "When each workload last had an event of the policy, as long as it has series.",
			view: list("Last event",
				column{field: "namespace", title: "Namespace"},
				column{field: "workload", title: "Workload"},
				column{field: "Value", title: "Last event", width: 140}),
			queries: []query{{`1000 * max by (namespace, workload) (tetrameter_policy_workload_last_event_timestamp_seconds{policy, namespace=~"$namespace", workload=~"$workload"})`, ""}},
		},
	}
}

func policyHooks() []panel {
	return []panel{
		{
			title: "State", width: 10, unit: units.Short, empty: "No agent has this policy. tetrameter check FILE says whether it can be loaded",
			help: "States that the policy is in, on how many agents, and why.",
			view: list("Agents",
				column{field: "policy", title: "Policy"},
				column{field: "policy_namespace", title: "Policy namespace"},
				column{field: "state", title: "State"},
				column{field: "reason", title: "Reason"},
				column{field: "Value", title: "Agents", width: 90}),
			queries: []query{{`count by (policy, policy_namespace, state, reason) (tetrameter_policy_state{policy} == 1)`, ""}},
		},
		{
			title: "Hooks", width: 14, unit: units.Short, empty: "No hook of this policy is attached anywhere. Its state says why",
			help: "How each hook is attached, on how many agents; whether counting goes on while the agent is down; and why no cheaper way was taken.",
			view: list("Agents",
				column{field: "hook", title: "Hook"},
				column{field: "attach", title: "Attached by"},
				column{field: "pinned", title: "Pinned", width: 80},
				column{field: "reason", title: "Reason"},
				column{field: "Value", title: "Agents", width: 90}),
			queries: []query{{`count by (hook, attach, pinned, reason) (tetrameter_hook_info{policy})`, ""}},
		},
		{
			title: "Events that were not counted", width: 24, unit: units.CountsPerMinute, view: bars(),
			empty:   "The kernel let every event be counted",
			help:    "Events per minute at the policy's hooks that the kernel did not show to a program. See docs/kernels.md.",
			queries: []query{{`60 * sum by (policy, hook) (rate(tetrameter_hook_missed_events_total{policy}[$__rate_interval])) > 0`, "{{policy}} {{hook}}"}},
		},
	}
}
