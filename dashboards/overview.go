// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// Texts for panels without data. They say how to get some.
const (
	noEvents = "No policy counted an event in this time. Try: sudo true"
	noAgents = "No agent is scraped under this job. See docs/install.md"
)

// overview answers: what happened, and is any of it new?
func overview() dashboard {
	return dashboard{
		uid:   overviewUID,
		title: "Tetrameter / Overview",
		help:  "What the policies counted, where, and what of it is new.",
		from:  "now-6h", annotations: policyChanges(),
		rows: []row{
			{"At a glance", 4, glance()},
			{"What happened", 9, happened()},
			{"Who did it", 9, who()},
			{"What is new", 10, novel()},
			{"Policies", 10, policies()},
		},
	}
}

// Counters. The series of totals are there, at 0, from the moment a policy is
// loaded; those of events have all labels, and are born with events.
const (
	totals = `tetrameter_policy_hook_events_total{agent}`
	events = `tetragon_policy_events_total{agent}`
)

// ofSeverity is what policies of one severity counted. That is no join that would
// bring the label, because for a moment of a change a policy has two.
func ofSeverity(severity, window string) string {
	return fmt.Sprintf("sum((\n%s\n) and on (policy, policy_namespace) tetrameter_policy_info{agent, severity=%q})",
		counted(totals, window), severity)
}

func glance() []panel {
	const lost = `  sum(increase(tetrameter_hook_missed_events_total{agent}[$__range]))
+ sum(increase(tetrameter_bpf_losses_total{agent, reason=~"no_matcher|bad_slot"}[$__range]))`
	return []panel{
		{
			title: "Events", width: 4, unit: units.Short, view: number(), empty: noAgents,
			help:    "Events that policies matched in the time range, of all nodes. Counted exactly, first events included, whatever starts and ends meanwhile.",
			queries: []query{{"sum(\n" + counted(totals, "$__range") + "\n)", "events"}},
		},
		{
			title: "Critical events", width: 4, unit: units.Short, view: number(), levels: never(),
			empty:   "No policy is annotated tetrameter.io/severity: critical",
			help:    "Events in the time range of policies with the annotation tetrameter.io/severity: critical. What those that are degraded did not count is not among them.",
			queries: []query{{ofSeverity("critical", "$__range"), "critical"}},
		},
		{
			title: "Critical degraded", width: 3, unit: units.Short, view: number(), levels: never(), empty: noAgents,
			help: "Critical policies that at least one agent refuses, or whose hooks it does not have: there 0 critical events says nothing. A policy that no agent could ever read may be critical and counts. The table of policies has all that are degraded, the dashboard of the agents the reasons.",
			queries: []query{{`  count(
      ` + degradedOn() + `
    unless on (policy, policy_namespace)
      tetrameter_policy_info{agent, severity!="critical"})
or
  0 * count(tetrameter_policy_set_info{agent})`, "policies"}},
		},
		{
			title: "New combinations", width: 3, unit: units.Short, view: number(), levels: rarely(), empty: "0",
			help:    "Combinations of policy, namespace, workload and binary that counted in the time range and that no node had when it began. They are listed under \"What is new\".",
			queries: []query{{"count(\n" + born("policy, namespace, workload, binary", events) + "\n)", "new"}},
		},
		{
			title: "Policies that count", width: 3, unit: units.Short, view: number(), empty: noAgents,
			help:    "Policies in force on at least one node, completely, in part, or without their actions.",
			queries: []query{{`count(count by (policy, policy_namespace) (tetrameter_policy_state{agent, state=~"enabled|partially_enabled|monitor_only"} == 1))`, "policies"}},
		},
		{
			title: "Agents that answer", width: 3, unit: units.PercentUnit, view: number(), empty: noAgents,
			help:    "Share of the agents that Prometheus scraped successfully last. An agent that does not answer may still count: its programs stay in the kernel.",
			queries: []query{{`avg(up{agent})`, "up"}},
		},
		{
			title: "Events not counted", width: 4, unit: units.Short, view: number(), levels: never(), empty: noAgents,
			help:    "Events in the time range that the kernel did not let a program see, or for which a program was not ready. The dashboard of the agents has the reasons.",
			queries: []query{{"round(\n" + lost + "\n)", "lost"}},
		},
	}
}

func happened() []panel {
	severity := func(name string) query {
		return query{ofSeverity(name, "$__interval") + " > 0", name}
	}
	return []panel{
		{
			title: "Events by policy", width: 16, unit: units.Short, view: bars(), empty: noEvents,
			help:    "Each bar is what happened in its interval, on all nodes, counted exactly: bars add up to the number above.",
			queries: []query{{sumCounted("policy", totals, "$__interval"), "{{policy}}"}},
		},
		{
			title: "Events by severity", width: 8, unit: units.Short, view: bars(), empty: noEvents,
			help:    "The same, by the annotation tetrameter.io/severity of the policies; those without count as warning.",
			queries: []query{severity("critical"), severity("warning"), severity("info")},
		},
	}
}

func who() []panel {
	return []panel{
		{
			title: "Top workloads", width: 12, unit: units.Short, empty: noEvents,
			help: "Workloads with the most events in the time range, counted exactly and with the first events of new series. Follow a name to its policies.",
			view: list("Events",
				column{field: "namespace", title: "Namespace"},
				column{field: "workload", title: "Workload", links: []link{toPolicy("namespace", "workload")}},
				column{field: "Value", title: "Events", bar: true}),
			queries: []query{{"topk(10,\n" + sumCounted("namespace, workload", events, "$__range") + "\n)", ""}},
		},
		{
			title: "Top binaries", width: 12, unit: units.Short, empty: noEvents,
			help: "Executables with the most events in the time range, counted exactly and with the first events of new series. ~other is what found no room of its own.",
			view: list("Events",
				column{field: "binary", title: "Binary", links: []link{toPolicy("binary")}},
				column{field: "Value", title: "Events", bar: true}),
			queries: []query{{"topk(10,\n" + sumCounted("binary", events, "$__range") + "\n)", ""}},
		},
	}
}

func novel() []panel {
	return []panel{
		{
			title: "First seen", width: 14, unit: units.NoUnit, view: timeline(), names: called(
				name{"0", "quiet", "super-light-blue"}, name{"1", "events", "red"}),
			empty: noEvents,
			help:  "A line begins when a workload has its first event of a policy, and is red while there are events. A line that begins within the time range is new; one that ends is of a workload whose pods are gone.",
			queries: []query{{
				host("workload", `max by (policy, namespace, workload) (tetrameter_policy_workload_last_event_timestamp_seconds{agent}) > bool (time() - $__interval_ms / 1000)`),
				"{{policy}}: {{namespace}} {{workload}}",
			}},
		},
		{
			title: "New workloads of policies", width: 10, unit: units.Short, view: bars(),
			empty: "Nothing new: each workload had events of these policies in the day before",
			help:  "Workloads, by policy, that had an event and none of that policy on any node in the day before. Of one that Prometheus knew already, as from a node before, it is not the first.",
			queries: []query{{`count by (policy) (
    max by (policy, namespace, workload) (present_over_time(tetrameter_policy_workload_last_event_timestamp_seconds{agent}[$__interval]))
  unless
    max by (policy, namespace, workload) (present_over_time(tetrameter_policy_workload_last_event_timestamp_seconds{agent}[1d] offset $__interval))
)`, "{{policy}}"}},
		},
		{
			title: "New series", width: 24, unit: units.Short,
			empty: "Nothing new: every combination that counted was there when the time range began",
			help:  "Combinations of policy, namespace, workload and binary that no node had when the time range began, with all that they count. If Prometheus itself is younger than the range, that is everything: choose a shorter one.",
			view: list("Events",
				column{field: "policy", title: "Policy", links: []link{toPolicy("policy", "namespace", "workload", "binary")}},
				column{field: "namespace", title: "Namespace"},
				column{field: "workload", title: "Workload"},
				column{field: "binary", title: "Binary"},
				column{field: "Value", title: "Events", width: 120}),
			queries: []query{{born("policy, namespace, workload, binary", events), ""}},
		},
	}
}

func policies() []panel {
	return []panel{
		{
			title: "Policies", width: 14, unit: units.Short, empty: noAgents, levels: rarely(),
			help: "Every policy, how often it counted in the time range, and when last on any node, how many agents have it, and on how many it is degraded: refused, or without some of its hooks, so that they count less of it, or nothing. Never means not since the counters began.",
			view: list("Events",
				column{field: "policy", title: "Policy", links: []link{toPolicy("policy")}},
				column{field: "policy_namespace", title: "Policy namespace"},
				column{field: "severity", title: "Severity", width: 100},
				column{field: "Value #A", title: "Events", width: 120},
				column{field: "Value #B", title: "Last event", unit: units.DateTimeFromNow, width: 160, empty: "never"},
				column{field: "Value #C", title: "Agents", width: 90},
				column{field: "Value #D", title: "Degraded", width: 90, empty: "0", level: true}),
			queries: []query{
				{"sum by (policy, policy_namespace) (\n" + counted(totals, "$__range") + "\n)", ""},
				{`1000 * max by (policy, policy_namespace) (tetrameter_policy_hook_last_event_timestamp_seconds{agent}) > 0`, ""},
				{`count by (policy, policy_namespace, severity) (tetrameter_policy_info{agent})`, ""},
				{degradedOn(), ""},
			},
		},
		{
			title: "Ready to enforce", width: 10, unit: units.Short, levels: rarely(),
			empty: "No policy waits: none is in the state monitor_only",
			help:  "Policies that have an action and only count (state monitor_only), with their events in the time range: what the action would have hit. At 0 over a time that is representative, enforcing disturbs nobody.",
			view: list("Would have hit",
				column{field: "policy", title: "Policy", links: []link{toPolicy("policy")}},
				column{field: "policy_namespace", title: "Policy namespace"},
				column{field: "Value", title: "Would have hit", width: 140, level: true}),
			queries: []query{{"sum by (policy, policy_namespace) ((\n" + counted(totals, "$__range") +
				"\n) and on (policy, policy_namespace) tetrameter_policy_state{agent, state=\"monitor_only\"} == 1)", ""}},
		},
	}
}

// degradedOn counts the agents on which a policy counts less than it says. One of
// them may have it in two states: where a file is refused, and the version before
// it lacks hooks.
func degradedOn() string {
	return "count by (policy, policy_namespace) (\n  group by (instance, policy, policy_namespace) (" + degraded("error|load_error") + ")\n)"
}
