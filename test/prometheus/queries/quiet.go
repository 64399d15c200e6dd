// SPDX-License-Identifier: Apache-2.0

package queries

import "maps"

// Fault is what a quiet panel is there to show.
type Fault struct {
	// Series are five minutes of scrapes, one each 30 s, as promtool's tests write them,
	// each with what the panel shows and what it does not.
	Series string
	// Shown are the panel's results, sorted.
	Shown []string
}

// Quiet returns the panels that have no data when all is well: those about failures, and
// about an API server, by the uid of the dashboard and title. Package live proves them
// empty with a real agent that has neither.
func Quiet() map[string]map[string]Fault {
	return map[string]map[string]Fault{
		"tetrameter-overview": {
			"Ready to enforce": {
				Series: `up{job="j", instance="i"} 1x10
 process_start_time_seconds{job="j", instance="i"} 0x10
 tetrameter_policy_hook_events_total{job="j", instance="i", policy="kill", hook="kprobe:h"} 0x5 23x5
 tetrameter_policy_hook_events_total{job="j", instance="i", policy="count", hook="kprobe:h"} 0x5 23x5
 tetrameter_policy_state{job="j", instance="i", policy="kill", state="monitor_only"} 1x10
 tetrameter_policy_state{job="j", instance="i", policy="count", state="monitor_only"} 0x10`,
				Shown: []string{`{policy="kill"} 23`},
			},
		},
		"tetrameter-policy": {
			"Events that were not counted": {
				Series: `tetrameter_hook_missed_events_total{job="j", instance="i", policy="p", hook="kprobe:a"} 0+15x10
 tetrameter_hook_missed_events_total{job="j", instance="i", policy="p", hook="kprobe:b"} 5x10`,
				Shown: []string{`{hook="kprobe:a", policy="p"} 30`},
			},
		},
		"tetrameter-agent": agentFaults(),
	}
}

// agentFaults are those on the dashboard of the agents.
func agentFaults() map[string]Fault {
	faults := clusterFaults()
	maps.Copy(faults, countingFaults())
	return faults
}

// countingFaults are those of counting, and of scraping what is counted.
func countingFaults() map[string]Fault {
	return map[string]Fault{
		"Not counted": {
			Series: `tetrameter_hook_missed_events_total{job="j", instance="i", policy="p", hook="kprobe:a"} 0+15x10
 tetrameter_hook_missed_events_total{job="j", instance="i", policy="p", hook="kprobe:b"} 5x10`,
			Shown: []string{`{hook="kprobe:a", policy="p"} 30`},
		},
		"Counted without labels": {
			Series: `tetrameter_policy_hook_overflow_events_total{job="j", instance="i", policy="p", hook="kprobe:a"} 0+15x10
 tetrameter_policy_hook_overflow_events_total{job="j", instance="i", policy="q", hook="kprobe:a"} 5x10`,
			Shown: []string{`{policy="p"} 30`},
		},
		"Other losses": {
			Series: `tetrameter_bpf_losses_total{job="j", instance="i", reason="names_full"} 0+15x10
 tetrameter_bpf_losses_total{job="j", instance="i", reason="bad_slot"} 0x10`,
			Shown: []string{`{reason="names_full"} 30`},
		},
		"Gaps at the last start": {
			Series: `tetrameter_hook_gap_seconds{job="j", instance="i", policy="p", hook="kprobe:a"} 23x10
 tetrameter_hook_gap_seconds{job="j", instance="k", policy="p", hook="kprobe:a"} 0x10`,
			Shown: []string{`{instance="i"} 23`},
		},
		"Policy files refused": {
			Series: `tetrameter_policy_load_errors_total{job="j", instance="i"} 0+15x10
 tetrameter_policy_load_errors_total{job="j", instance="k"} 1x10`,
			Shown: []string{`{instance="i"} 30`},
		},
		"Counters unreadable": {
			Series: `tetrameter_read_success{job="j", instance="i"} 1x5 0x5
 tetrameter_read_success{job="j", instance="k"} 1x10`,
			Shown: []string{`{instance="i"} 1`},
		},
		"Late scopings": {
			Series: `tetrameter_late_scopings_total{job="j", instance="i", of="pod"} 0+15x10
 tetrameter_late_scopings_total{job="j", instance="i", of="container"} 5x10`,
			Shown: []string{`{of="pod"} 30`},
		},
		"How late": {
			Series: `tetrameter_late_scopings_total{job="j", instance="i", of="pod"} 0+15x10
 tetrameter_late_scopings_total{job="j", instance="i", of="container"} 5x10
 tetrameter_late_scoping_seconds_total{job="j", instance="i", of="pod"} 0+30x10
 tetrameter_late_scoping_seconds_total{job="j", instance="i", of="container"} 5x10`,
			Shown: []string{`{of="pod"} 2`},
		},
		"Failed scrapes": {
			Series: `promhttp_metric_handler_errors_total{job="j", instance="i", cause="gathering"} 0+15x10
 promhttp_metric_handler_errors_total{job="j", instance="i", cause="encoding"} 0x10`,
			Shown: []string{`{cause="gathering", instance="i"} 30`},
		},
	}
}

// clusterFaults are what the API server says, and what it does not.
func clusterFaults() map[string]Fault {
	return map[string]Fault{
		"Watches": {
			Series: `tetrameter_kubernetes_watch_state{job="j", instance="i", resource="pods", state="synced"} 0x10
 tetrameter_kubernetes_watch_state{job="j", instance="i", resource="pods", state="failing"} 1x10
 tetrameter_kubernetes_watch_state{job="j", instance="k", resource="pods", state="failing"} 1x10`,
			Shown: []string{`{resource="pods", state="failing"} 2`},
		},
		"Lag of watches": {
			Series: `tetrameter_kubernetes_watch_lag_seconds{job="j", instance="i", resource="pods"} 0+30x10
 tetrameter_kubernetes_watch_lag_seconds{job="j", instance="k", resource="pods"} 30x10`,
			Shown: []string{`{resource="pods"} 300`},
		},
		"Failed requests": {
			Series: `tetrameter_kubernetes_request_errors_total{job="j", instance="i", resource="pods", verb="watch", code="none"} 0+15x10
 tetrameter_kubernetes_request_errors_total{job="j", instance="i", resource="pods", verb="list", code="403"} 5x10`,
			Shown: []string{`{code="none", resource="pods", verb="watch"} 30`},
		},
	}
}
