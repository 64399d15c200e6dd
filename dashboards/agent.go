// SPDX-License-Identifier: Apache-2.0

package dashboards

import "github.com/grafana/grafana-foundation-sdk/go/units"

const noCluster = "The agents do not use an API server (--kubernetes)"

// agentHealth answers: is what the other dashboards show complete?
func agentHealth() dashboard {
	return dashboard{
		uid:   agentUID,
		title: "Tetrameter / Agents",
		help:  "Whether the agents count everything: policies, hooks, losses, maps, workloads, API server, cost.",
		from:  "now-6h", annotations: append(policyChanges(), agentStarts()),
		rows: []row{
			{"At a glance", 4, agentGlance()},
			{"Agents and policies", 9, agentPolicies()},
			{"Hooks", 9, agentHooks()},
			{"Losses", 8, agentLosses()},
			{"Maps", 8, agentMaps()},
			{"Workloads", 8, agentWorkloads()},
			{"API server", 8, agentCluster()},
			{"Cost", 8, agentCost()},
		},
	}
}

func agentGlance() []panel {
	const zero = "\nor\n  vector(0)"
	return []panel{
		{
			title: "Agents down", width: 3, unit: units.Short, view: number(), levels: never(), empty: noAgents,
			help:    "Agents that Prometheus could not scrape last. What is pinned in the kernel goes on counting meanwhile.",
			queries: []query{{`count(up{agent}) - sum(up{agent})`, "down"}},
		},
		{
			title: "Sets of policies", width: 3, unit: units.Short, view: number(), levels: []level{{2, "orange"}}, empty: noAgents,
			help:    "Different hashes of what the agents were given. More than 1 for longer than a rollout means that nodes are given different policies, or some are not told of a change.",
			queries: []query{{`count(count by (hash) (tetrameter_policy_set_info{agent}))`, "sets"}},
		},
		{
			title: "Policies degraded", width: 3, unit: units.Short, view: number(), levels: rarely(), empty: noAgents,
			help:    "Policies that are not in force as they say on at least one node, or not at all. Hooks that may be absent do not count.",
			queries: []query{{"count(count by (policy, policy_namespace) (" + degraded("error|load_error") + "))" + zero, "policies"}},
		},
		{
			title: "Hooks unsupported", width: 3, unit: units.Short, view: number(), levels: rarely(), empty: noAgents,
			help:    "Hooks of policies that at least one node cannot attach, and so does not count.",
			queries: []query{{`count(count by (policy, policy_namespace, hook) (tetrameter_hook_info{agent, attach="unsupported"}))` + zero, "hooks"}},
		},
		{
			title: "Fullest map", width: 3, unit: units.PercentUnit, view: number(), levels: []level{{0.7, "orange"}, {0.9, "red"}}, empty: noAgents,
			help:    "Fill of the fullest map of any agent. What finds no room in the series map is counted as ~other.",
			queries: []query{{`max(tetrameter_map_entries{agent} / tetrameter_map_capacity_entries{agent})`, "fill"}},
		},
		{
			title: "Without labels", width: 3, unit: units.Short, view: number(), levels: rarely(), empty: noAgents,
			help:    "Events in the time range that are counted as ~other, because the series map or a cgroup's share of it was full.",
			queries: []query{{`round(sum(increase(tetrameter_policy_hook_overflow_events_total{agent}[$__range])))`, "~other"}},
		},
		{
			title: "Events missed", width: 3, unit: units.Short, view: number(), levels: never(), empty: noAgents,
			help:    "Events in the time range that the kernel did not show to a program. See docs/kernels.md.",
			queries: []query{{`round(sum(increase(tetrameter_hook_missed_events_total{agent}[$__range])))`, "missed"}},
		},
		{
			title: "Slowest scrape", width: 3, unit: units.Seconds, view: number(), levels: []level{{1, "orange"}, {5, "red"}}, empty: noAgents,
			help:    "Longest of the last scrapes, as Prometheus measured it.",
			queries: []query{{`max(scrape_duration_seconds{agent})`, "scrape"}},
		},
	}
}

func agentPolicies() []panel {
	return []panel{
		{
			title: "Agents", width: 10, unit: units.NoUnit, empty: noAgents,
			help: "Each agent that answers, with its version, the hash of its policies and its age.",
			view: list("Started",
				column{field: "instance", title: "Instance", links: []link{toAgent()}},
				column{field: "node", title: "Node"},
				column{field: "version", title: "Version"},
				column{field: "hash", title: "Set of policies"},
				column{field: "Value", title: "Started", unit: units.DateTimeFromNow, width: 140}),
			queries: []query{{`1000 * max by (instance, node, version, hash) (
    process_start_time_seconds{agent}
  * on (job, instance) group_left (version) tetrameter_build_info{agent}
  * on (job, instance) group_left (hash) tetrameter_policy_set_info{agent}
)`, ""}},
		},
		{
			title: "States of policies", width: 14, unit: units.Short, view: bars(), empty: noAgents,
			help:    "Policies of all agents by state, each counted on each agent.",
			queries: []query{{`sum by (state) (tetrameter_policy_state{agent}) > 0`, "{{state}}"}},
		},
		{
			title: "Policies that are not in force as they say", width: 24, unit: units.Short,
			empty: "Every policy is in force as it says",
			help:  "Policies that are refused, of which hooks are missing, or that do not carry out their actions, on how many agents, and why.",
			view: list("Agents",
				column{field: "policy", title: "Policy", width: 240, links: []link{toPolicy("policy")}},
				column{field: "policy_namespace", title: "Policy namespace", width: 140},
				column{field: "state", title: "State", width: 150},
				column{field: "reason", title: "Reason"},
				column{field: "Value", title: "Agents", width: 90}),
			queries: []query{{"count by (policy, policy_namespace, state, reason) (" + degraded("error|load_error|monitor_only") + ")", ""}},
		},
	}
}

// degraded selects the policies in some states, and those of which hooks are
// missing. Without a reason only hooks that may be absent are.
func degraded(states string) string {
	return `tetrameter_policy_state{agent, state=~"` + states + `"} == 1 or tetrameter_policy_state{agent, state="partially_enabled", reason!=""} == 1`
}

func agentHooks() []panel {
	return []panel{
		{
			title: "Ways to attach", width: 8, unit: units.Short, view: ranking(), empty: noAgents,
			help:    "Hooks of all policies on all agents by how they are attached. fentry costs least; tracepoints stand in where the kernel has neither fentry nor kprobes.",
			queries: []query{{`sort_desc(count by (attach) (label_replace(tetrameter_hook_info{agent}, "attach", "tracepoint", "attach", "tracepoint:.*")))`, "{{attach}}"}},
		},
		{
			title: "Fallbacks and unsupported hooks", width: 16, unit: units.Short,
			empty: "Every hook is attached in the cheapest way",
			help:  "Hooks that are not attached in the way that costs least, or not at all, on how many agents, and why.",
			view: list("Agents",
				column{field: "policy", title: "Policy", links: []link{toPolicy("policy")}},
				column{field: "hook", title: "Hook"},
				column{field: "attach", title: "Attached by"},
				column{field: "pinned", title: "Pinned", width: 80},
				column{field: "reason", title: "Reason"},
				column{field: "Value", title: "Agents", width: 90}),
			queries: []query{{`count by (policy, hook, attach, pinned, reason) (tetrameter_hook_info{agent, reason!=""})`, ""}},
		},
	}
}

func agentLosses() []panel {
	return []panel{
		{
			title: "Not counted", width: 8, unit: units.CountsPerMinute, view: bars(), empty: "The kernel let every event be counted",
			help:    "Events per minute that the kernel did not show to a program, by policy and hook. Another --attach may help: see docs/kernels.md.",
			queries: []query{{`60 * sum by (policy, hook) (rate(tetrameter_hook_missed_events_total{agent}[$__rate_interval])) > 0`, "{{policy}} {{hook}}"}},
		},
		{
			title: "Counted without labels", width: 8, unit: units.CountsPerMinute, view: bars(), empty: "Every event has its labels",
			help:    "Events per minute that are counted as ~other, by policy. Raise --max-series or --max-series-per-cgroup, or drop a label: see docs/operations.md.",
			queries: []query{{`60 * sum by (policy) (rate(tetrameter_policy_hook_overflow_events_total{agent}[$__rate_interval])) > 0`, "{{policy}}"}},
		},
		{
			title: "Other losses", width: 8, unit: units.CountsPerMinute, view: bars(), empty: "No program lost anything",
			help:    "Times per minute that a program could not do its work fully, by reason. The table in docs/operations.md says of each whether the event was counted.",
			queries: []query{{`60 * sum by (reason) (rate(tetrameter_bpf_losses_total{agent}[$__rate_interval])) > 0`, "{{reason}}"}},
		},
		{
			title: "Gaps at the last start", width: 8, unit: units.Seconds, view: ranking(), levels: []level{{1, "orange"}},
			empty:   "Every hook counted while its agent was down",
			help:    "For how long hooks were not attached before the agent started, where the kernel cannot pin them.",
			queries: []query{{`sort_desc(max by (instance) (tetrameter_hook_gap_seconds{agent}) > 0)`, "{{instance}}"}},
		},
		{
			title: "Policy files refused", width: 8, unit: units.CountsPerMinute, view: bars(), empty: "Every policy file could be loaded",
			help:    "Times per minute that a policy file could not be loaded. tetrameter check FILE says the same as the log.",
			queries: []query{{`60 * sum by (instance) (rate(tetrameter_policy_load_errors_total{agent}[$__rate_interval])) > 0`, "{{instance}}"}},
		},
		{
			title: "Counters unreadable", width: 8, unit: units.Short, view: bars(), empty: "Every agent reads its counters",
			help:    "Agents that answer but could not read the counters from the kernel. Nothing is lost: the next scrape that can has all of it. The log says why.",
			queries: []query{{`count by (instance) (tetrameter_read_success{agent} == 0)`, "{{instance}}"}},
		},
	}
}

func agentMaps() []panel {
	return []panel{
		{
			title: "Map fill", width: 12, unit: units.PercentUnit, view: lines(), empty: noAgents,
			help:    "Fill of each map, of the agent where it is fullest. Sizes are fixed: a full series map counts as ~other and loses no event.",
			queries: []query{{`max by (map) (tetrameter_map_entries{agent} / tetrameter_map_capacity_entries{agent})`, "{{map}}"}},
		},
		{
			title: "Fullest maps", width: 12, unit: units.Short, empty: noAgents,
			help: "Entries and capacity of the maps with the most entries for their size.",
			view: list("Fill",
				column{field: "instance", title: "Instance", links: []link{toAgent()}},
				column{field: "map", title: "Map"},
				column{field: "Value #A", title: "Fill", unit: units.PercentUnit},
				column{field: "Value #B", title: "Entries"},
				column{field: "Value #C", title: "Capacity"}),
			queries: []query{
				{`max by (instance, map) (tetrameter_map_entries{agent} / tetrameter_map_capacity_entries{agent})`, ""},
				{`max by (instance, map) (tetrameter_map_entries{agent})`, ""},
				{`max by (instance, map) (tetrameter_map_capacity_entries{agent})`, ""},
			},
		},
	}
}

func agentWorkloads() []panel {
	const late = `rate(tetrameter_late_scopings_total{agent}[$__rate_interval])`
	return []panel{
		{
			title: "Pods and containers", width: 8, unit: units.Short, view: lines(), empty: noAgents,
			help: "What the agents know. Pods that are unknown or unnumbered are not counted by policies for pods.",
			queries: []query{
				{`sum(tetrameter_pods{agent})`, "pods"},
				{`sum(tetrameter_containers{agent})`, "containers"},
				{`sum(tetrameter_pods_unknown{agent})`, "pods unknown"},
				{`sum(tetrameter_pods_unnumbered{agent})`, "pods without room"},
			},
		},
		{
			title: "Late scopings", width: 8, unit: units.CountsPerMinute, view: bars(),
			empty:   "Policies were in force from the first instruction of every pod",
			help:    "Pods and containers per minute that ran before the agent knew which policies are for them.",
			queries: []query{{`60 * sum by (of) (` + late + `) > 0`, "{{of}}"}},
		},
		{
			title: "How late", width: 8, unit: units.Seconds, view: lines(), empty: "None was late",
			help: "How long the late ones ran so, on average.",
			queries: []query{{`  sum by (of) (rate(tetrameter_late_scoping_seconds_total{agent}[$__rate_interval]))
/
  (sum by (of) (` + late + `) > 0)`, "{{of}}"}},
		},
	}
}

func agentCluster() []panel {
	return []panel{
		{
			title: "Watches", width: 8, unit: units.Short, empty: noCluster,
			help: "How the agents follow each resource of the API server. forbidden is missing in the role; absent is not installed; failing means that what is known may be old.",
			view: list("Agents",
				column{field: "resource", title: "Resource"},
				column{field: "state", title: "State"},
				column{field: "Value", title: "Agents", width: 90}),
			queries: []query{{`count by (resource, state) (tetrameter_kubernetes_watch_state{agent} == 1)`, ""}},
		},
		{
			title: "Lag of watches", width: 8, unit: units.Seconds, view: lines(), empty: noCluster,
			help:    "Longest time since the API server last said something about a resource. About a minute when all is well.",
			queries: []query{{`max by (resource) (tetrameter_kubernetes_watch_lag_seconds{agent})`, "{{resource}}"}},
		},
		{
			title: "Failed requests", width: 8, unit: units.CountsPerMinute, view: bars(), empty: "No request to the API server failed",
			help:    "Requests to the API server per minute that failed. The code is none if there was no answer.",
			queries: []query{{`60 * sum by (resource, verb, code) (rate(tetrameter_kubernetes_request_errors_total{agent}[$__rate_interval])) > 0`, "{{verb}} {{resource}}: {{code}}"}},
		},
	}
}

func agentCost() []panel {
	return []panel{
		{
			title: "Scrape", width: 8, unit: units.Seconds, view: lines(), empty: noAgents,
			help: "Slowest agent: the whole scrape as Prometheus measured it, and the parts of it that read the kernel.",
			queries: []query{
				{`max(scrape_duration_seconds{agent})`, "scrape"},
				{`max(tetrameter_read_duration_seconds{agent})`, "reading the kernel"},
				{`max(tetrameter_map_read_duration_seconds{agent})`, "of that the series map"},
			},
		},
		{
			title: "Samples per scrape", width: 8, unit: units.Short, view: lines(), empty: noAgents,
			help:    "What each agent costs Prometheus. Fewer labels in --metrics-label-filter make fewer.",
			queries: []query{{`max by (instance) (scrape_samples_scraped{agent})`, "{{instance}}"}},
		},
		{
			title: "Series of policies", width: 8, unit: units.Short, view: lines(), empty: noEvents,
			help:    "Series of tetragon_policy_events_total by policy, of all agents.",
			queries: []query{{`count by (policy) (tetragon_policy_events_total{agent})`, "{{policy}}"}},
		},
		{
			title: "Memory", width: 8, unit: units.BytesIEC, view: lines(), empty: noAgents,
			help:    "Resident memory of the agents. The maps in the kernel are apart from it and of fixed size: see docs/operations.md.",
			queries: []query{{`max by (instance) (process_resident_memory_bytes{agent})`, "{{instance}}"}},
		},
		{
			title: "CPU", width: 8, unit: units.PercentUnit, view: lines(), empty: noAgents,
			help:    "Share of one CPU that each agent uses, most of it for scrapes. Counting itself is done in the kernel, in the processes that cause events.",
			queries: []query{{`max by (instance) (rate(process_cpu_seconds_total{agent}[$__rate_interval]))`, "{{instance}}"}},
		},
		{
			title: "Failed scrapes", width: 8, unit: units.CountsPerMinute, view: bars(), empty: "Every scrape was answered in full",
			help:    "Scrapes per minute that the agent could not answer in full, by cause.",
			queries: []query{{`60 * sum by (instance, cause) (rate(promhttp_metric_handler_errors_total{agent}[$__rate_interval])) > 0`, "{{instance}}: {{cause}}"}},
		},
	}
}
