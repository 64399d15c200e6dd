// SPDX-License-Identifier: Apache-2.0

package rules

// countedAnyway are the reasons of losses whose events were counted, if with
// less than their full labels, or by what could be read of them. What is not
// named here, also a reason that is yet to come, is an event lost.
const countedAnyway = `names_full|path_truncated|text_truncated|text_unreadable`

// reachAlerts say that nobody hears of what a node counts. One missed scrape
// neither fires nor resolves them.
func reachAlerts() []rule {
	return []rule{
		// Most scrapes, because an agent that crashes every minute is up now and
		// then. Of the targets at an address the best: the pod before a restart
		// is one of them. A target that is gone is a node that is gone.
		alert("TetrameterAgentDown", "warning", categoryAgent, "5m", `
max by (job, instance, node) (avg_over_time(up{$job}[10m])) < 0.5
and
max by (job, instance, node) (up{$job})`, text{
			"An agent cannot be scraped.",
			"The agent on node " + theNode + " did not answer most scrapes of the last 10 minutes.",
		}),
		alert("TetrameterAgentDown", "critical", categoryAgent, "10m", `
absent(up{$job})`, text{
			"An agent cannot be scraped.",
			"Prometheus has no target with the job {{ $labels.job }}: no agent is scraped.",
		}),
		alert("TetrameterReadFailing", "warning", categoryAgent, "5m", `
max by (job, instance, node) (avg_over_time(tetrameter_read_success{$job}[10m])) < 0.5`, text{
			"An agent cannot read its counters.",
			"The agent on node " + theNode + " answers scrapes without counters, because reading them from the kernel fails.",
		}),
	}
}

// countingAlerts say that a node counts less than it should, or with less
// labels.
func countingAlerts() []rule {
	return []rule{
		eventsLost("", `
label_replace(
  sum by (job, instance, node) (increase(tetrameter_hook_missed_events_total{$job}[10m])),
  "reason", "missed", "", ""
) > 0
or
sum by (job, instance, node, reason) (increase(tetrameter_bpf_losses_total{$job, reason!~"`+countedAnyway+`"}[10m])) > 0`,
			"On node "+theNode+` about {{ $value | printf "%.0f" }} events of the last 10 minutes were not counted, or not by all policies: {{ $labels.reason }}.`),
		// The gauge keeps its value until the next start of the agent.
		eventsLost("gap", `
max by (job, instance, node) (max_over_time(tetrameter_hook_gap_seconds{$job}[10m])) > 30
and on (job, instance)
max by (job, instance) (max_over_time(process_start_time_seconds{$job}[10m])) > time() - 1200`,
			"On node "+theNode+" nothing was counted at some hooks for {{ $value | humanizeDuration }} while the agent was down."),
		alert("TetrameterSeriesOverflow", "warning", categoryAgent, "", `
sum by (job, instance, node) (increase(tetrameter_policy_hook_overflow_events_total{$job}[10m])) > 0
or
sum by (job, instance, node) (increase(tetrameter_bpf_losses_total{$job, reason="names_full"}[10m])) > 0`, text{
			"Events are counted without their labels.",
			"On node " + theNode + " events of the last 10 minutes were counted as ~other, because there was no room for their labels.",
		}),
		alert("TetrameterSeriesOverflow", "info", categoryAgent, "15m", `
max by (job, instance, node, map) (last_over_time(tetrameter_map_entries{$job, map=~"series|names"}[5m]))
/
max by (job, instance, node, map) (last_over_time(tetrameter_map_capacity_entries{$job, map=~"series|names"}[5m]))
> 0.9`, text{
			"Events are counted without their labels.",
			"On node " + theNode + " the map {{ $labels.map }} is {{ $value | humanizePercentage }} full. When there is no room left, new series are counted as ~other.",
		}),
		// Where nobody is asked for pods, with --kubernetes=off, all are unknown.
		alert("TetrameterWorkloadsUnresolved", "warning", categoryAgent, "10m", `
label_replace(
  max by (job, instance, node) (min_over_time(tetrameter_pods_unknown{$job}[10m])) > 0
  and on (job, instance)
  last_over_time(tetrameter_kubernetes_watch_state{$job, resource="pods"}[10m]),
  "reason", "unknown", "", ""
)
or
label_replace(
  max by (job, instance, node) (min_over_time(tetrameter_pods_unnumbered{$job}[10m])) > 0,
  "reason", "unnumbered", "", ""
)`, text{
			"Pods are not known to their agent.",
			"On node " + theNode + " policies for pods do not count {{ $value }} pods, because {{ if eq $labels.reason \"unknown\" }}the API server has not told of them{{ else }}there is no room for more{{ end }}.",
		}),
	}
}

// eventsLost is TetrameterEventsLost, of events or, for the reason gap, of time.
func eventsLost(reason, expr, description string) rule {
	r := alert("TetrameterEventsLost", "warning", categoryAgent, "", expr, text{"Events were not counted.", description})
	if reason != "" {
		r.Labels["reason"] = reason
	}
	return r
}

// clusterAlerts are about what is the same for all nodes, or should be. They
// count nodes: a mistake in a policy is one alert, not one for each node.
func clusterAlerts() []rule {
	return []rule{
		alert("TetrameterPolicyNotLoaded", "warning", categorySecurity, "10m", policiesInState(`state=~"error|load_error"`), text{
			"A policy is not loaded.",
			"Policy " + thePolicy + " is in state {{ $labels.state }} on {{ $value }} nodes: it counts nothing, or its last good version does.",
		}),
		// Without a reason nothing is missing but hooks that may be absent.
		alert("TetrameterPolicyDegraded", "warning", categorySecurity, "15m", policiesInState(`state="partially_enabled", reason!=""`), text{
			"A policy is in force in part only.",
			"Policy " + thePolicy + " is in state {{ $labels.state }} on {{ $value }} nodes: some of its hooks are not supported there and count nothing.",
		}),
		alert("TetrameterPolicyDegraded", "info", categorySecurity, "15m", policiesInState(`state="monitor_only"`), text{
			"A policy is in force in part only.",
			"Policy " + thePolicy + " is in state {{ $labels.state }} on {{ $value }} nodes: it counts, but does not carry out its action.",
		}),
		// Without Kubernetes there is no such metric. A watch that was never
		// answered has no lag, and stays in the state starting or failing. Where
		// there is nothing to be had, nothing is heard of it.
		alert("TetrameterAPIServerUnreachable", "warning", categoryAgent, "10m", `
count by (job, resource) (
    (
        max by (job, instance, resource) (last_over_time(tetrameter_kubernetes_watch_lag_seconds{$job}[5m])) > 300
      unless
        max by (job, instance, resource) (last_over_time(tetrameter_kubernetes_watch_state{$job, state=~"absent|forbidden"}[5m])) == 1
    )
  or
    max by (job, instance, resource) (last_over_time(tetrameter_kubernetes_watch_state{$job, state=~"starting|failing"}[5m])) == 1
  or
    # Permission for nodes is optional.
    max by (job, instance, resource) (last_over_time(tetrameter_kubernetes_watch_state{$job, resource!="nodes", state="forbidden"}[5m])) == 1
)`, text{
			"Agents do not hear from the API server.",
			"On {{ $value }} nodes agents do not follow {{ $labels.resource }} of the Kubernetes API: what they know of them may be old, or is missing.",
		}),
		// While a change is rolled out nodes do differ.
		alert("TetrameterPolicySetStale", "warning", categorySecurity, "1h", `
count by (job) (
  count by (job, hash) (last_over_time(tetrameter_policy_set_info{$job}[5m]))
)
> 1`, text{
			"Nodes have different policies.",
			"For an hour the agents of job {{ $labels.job }} have had {{ $value }} different sets of policies.",
		}),
	}
}

// policiesInState counts the nodes on which a policy is in a state that these
// matchers select.
func policiesInState(matchers string) string {
	return `
count by (job, policy, policy_namespace, state) (
  max by (job, instance, policy, policy_namespace, state) (
    last_over_time(tetrameter_policy_state{$job, ` + matchers + `}[5m])
  ) == 1
)`
}
