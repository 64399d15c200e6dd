// SPDX-License-Identifier: Apache-2.0

package rules

// The recorded series. Those of the level workload have the labels policy,
// policy_namespace, namespace and workload.
const (
	// lastEvent is when each workload last gave a policy an event, of the
	// workloads that had a series in the last ten minutes.
	lastEvent = "workload:tetrameter_policy_workload_last_event_timestamp_seconds:max10m"
	// newEvent is the same of those events only that must be news to Prometheus.
	newEvent = "workload:tetrameter_policy_workload_new_event_timestamp_seconds:max10m"
	// remembered is the same of thirty days, also of nodes that are gone.
	remembered = "workload:tetrameter_policy_workload_last_event_timestamp_seconds:max30d"
	// severity is 1 for each policy, with the label severity.
	severity = "policy:tetrameter_policy_info:group15m"
	// increase is how many events each policy counted in ten minutes.
	increase = "policy:tetrameter_policy_hook_events:increase10m"
)

// sampled is the time of the last event by workload and node. A series that
// was scraped once, as of a pod that lived for seconds, is seen for ten
// minutes. An event in the future is of a node whose clock is ahead, and no
// reason to remember a time to come.
const sampled = `clamp_max(max_over_time(tetrameter_policy_workload_last_event_timestamp_seconds{$job}[10m]), time())`

// memory is by what a workload's first event is known. Looking thirty days back
// would read thirty days of samples at each evaluation; this looks back at
// itself, so what an evaluation reads does not depend on how long that is. A day
// is how long Prometheus may have been down without forgetting. The nodes'
// series have more labels than the remembered ones, so "or" keeps both, and a
// node that was replaced does not turn the time back.
func memory() []rule {
	return []rule{{
		Record: remembered,
		Expr: `
max by (policy, policy_namespace, namespace, workload) (
    ` + sampled + `
  or
    last_over_time(` + remembered + `[1d])
)
> time() - 30 * 86400`,
	}}
}

// workloadEvents are recorded right before the alerts that are made of them.
func workloadEvents() []rule {
	return []rule{
		{
			Record: lastEvent,
			Expr: `
max by (policy, policy_namespace, namespace, workload) (
  ` + sampled + `
)`,
		},
		// An event is news if its agent, or one on its node, was read before, in
		// the last two hours but longer ago than the memory takes, or if it
		// happened after a new agent's start. What an agent that nobody read yet
		// has counted in its life is not. tetrameter_policy_set_info is as old as
		// the gauge: where an upgrade brings both, old events are not news either.
		// An agent that restarts as another pod has another instance, where pods
		// have addresses of their own, or has its process_start_time_seconds twice
		// for a while, where they do not.
		{
			Record: newEvent,
			Expr: `
max by (policy, policy_namespace, namespace, workload) (
    (
        ` + sampled + ` > time() - 7200
      and on (job, instance)
        max_over_time(tetrameter_policy_set_info{$job}[2h] offset 20m)
    )
  or
    (
        ` + sampled + ` > time() - 7200
      and on (job, node)
        max_over_time(tetrameter_policy_set_info{$job, node!=""}[2h] offset 20m)
    )
  or
    (
        ` + sampled + `
      > on (job, instance) group_left ()
        (max by (job, instance) (max_over_time(process_start_time_seconds{$job}[10m])) > time() - 1800)
    )
)`,
		},
		// While a change of severity is rolled out nodes differ: the highest is
		// in force. A join with two severities would be an error, and no alert.
		{
			Record: severity,
			Expr: `
group by (policy, policy_namespace, severity) (max_over_time(tetrameter_policy_info{$job, severity="critical"}[15m]))
or on (policy, policy_namespace)
group by (policy, policy_namespace, severity) (max_over_time(tetrameter_policy_info{$job, severity="warning"}[15m]))
or on (policy, policy_namespace)
group by (policy, policy_namespace, severity) (max_over_time(tetrameter_policy_info{$job, severity="info"}[15m]))
or on (policy, policy_namespace)
label_replace(group by (policy, policy_namespace) (` + lastEvent + `), "severity", "warning", "", "")`,
		},
		// These counters are there from 0, before their first event. One that
		// is born higher is of an agent that is new to Prometheus.
		{
			Record: increase,
			Expr:   `sum by (policy, policy_namespace) (increase(tetrameter_policy_hook_events_total{$job}[10m]))`,
		},
	}
}
