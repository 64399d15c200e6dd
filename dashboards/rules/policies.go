// SPDX-License-Identifier: Apache-2.0

package rules

// What descriptions call the policy and whose event it was.
const (
	thePolicy   = `{{ with $labels.policy_namespace }}{{ . }}/{{ end }}{{ $labels.policy }}`
	theWorkload = `{{ if $labels.workload }}{{ with $labels.namespace }}{{ . }}/{{ end }}{{ $labels.workload }}{{ else }}the host{{ end }}`
	theNode     = `{{ if $labels.node }}{{ $labels.node }} ({{ $labels.instance }}){{ else }}{{ $labels.instance }}{{ end }}`
)

// ofPolicy is the severity label of an alert about a policy: that of the policy.
const ofPolicy = `{{ $labels.severity }}`

// withSeverity joins the severity of the policy to an expression.
func withSeverity(expr string) string {
	return `(` + expr + `
)
* on (policy, policy_namespace) group_left (severity)
  ` + severity
}

// policyAlerts say what happened on the nodes. They do not wait: an event that
// was counted did happen.
func policyAlerts() []rule {
	return []rule{
		alert("TetrameterPolicyEvent", ofPolicy, categorySecurity, "", withSeverity(`
    `+lastEvent+` > time() - 600
  or
    # Learnt of late: the agent, or Prometheus, was away when it happened.
    (
        `+newEvent+`
      unless
        # A second: an agent that starts reads the clock anew, and takes an old event
        # for milliseconds younger.
        (last_over_time(`+remembered+`[1d] offset 10m) + 1 >= `+newEvent+`)
    )`), text{
			"A policy counted an event.",
			"Policy " + thePolicy + " counted an event of " + theWorkload + ", the last one at {{ $value | humanizeTimestamp }}.",
		}),
		alert("TetrameterPolicyFirstEvent", ofPolicy, categorySecurity, "", withSeverity(`
    `+newEvent+`
  unless
    last_over_time(`+remembered+`[1d] offset 10m)`), text{
			"A workload gave a policy its first event.",
			"Policy " + thePolicy + " counted an event of " + theWorkload + " at {{ $value | humanizeTimestamp }}, the first one known in 30 days on any node.",
		}),
		alert("TetrameterPolicyEventBurst", ofPolicy, categorySecurity, "", withSeverity(`
    `+increase+` > 100
  and
    `+increase+` > 10 * avg_over_time(`+increase+`[1d] offset 1h)`), text{
			"A policy counts far more events than usual.",
			"Policy " + thePolicy + ` counted about {{ $value | printf "%.0f" }} events in 10 minutes, more than ten times its average of the past day.`,
		}),
		alert("TetrameterKernelModuleLoaded", ofPolicy, categorySecurity, "", withSeverity(`
    max by (job, instance, node, policy, policy_namespace) (
      clamp_max(max_over_time(tetrameter_policy_hook_last_event_timestamp_seconds{$job, `+moduleHooks+`}[10m]), time())
    )
  > time() - 600`), text{
			"A kernel module was loaded.",
			"On node " + theNode + " a kernel module was loaded, or its loading was tried, at {{ $value | humanizeTimestamp }} (policy " + thePolicy + ").",
		}),
	}
}

// moduleHooks are those hooks of the standard policies that see a module on its
// way into the kernel: not those that see a request for one, or its removal.
const moduleHooks = `policy=~"monitor-kernel-modules|kernel-module-syscalls", hook=~"kprobe:(security_kernel_read_file|.*sys_f?init_module)"`
