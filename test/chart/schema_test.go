// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// wrong are values that the chart refuses, and what it says of them: first those
// that the schema refuses, then those that depend on others.
func wrong() map[string]string {
	return map[string]string{
		"--set=metrics.prot=9112":                                   `at '/metrics': additional properties 'prot' not allowed`,
		"--set=tetragon.prometheus.port=1":                          `additional properties 'tetragon' not allowed`,
		"--set=metrics.port=http":                                   `at '/metrics/port': got string, want integer`,
		"--set=metrics.port=70000":                                  `at '/metrics/port': maximum: got 70,000, want 65,535`,
		"--set=metrics.labels={node}":                               `at '/metrics/labels/0': value must be one of 'namespace', 'workload', 'pod', 'binary'`,
		"--set=metrics.telemetryPath=metrics":                       `at '/metrics/telemetryPath': 'metrics' does not match pattern '^/.'`,
		"--set=metrics.seriesRetention=5":                           `at '/metrics/seriesRetention'`,
		"--set=attach=kretprobe":                                    `at '/attach': value must be one of 'auto', 'fentry', 'kprobe', 'tracepoint'`,
		"--set=log.level=trace":                                     `at '/log/level': value must be one of 'debug', 'info', 'warn', 'error'`,
		"--set=image.digest=latest":                                 `at '/image/digest': 'latest' does not match pattern`,
		"--set=image.pullPolicy=Sometimes":                          `at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'`,
		"--set=crds.install=yes":                                    `at '/crds/install': value must be one of 'auto', true, false`,
		"--set=standardPolicies.policies.sudo=false":                `at '/standardPolicies/policies': additional properties 'sudo' not allowed`,
		"--set-string=standardPolicies.policies.sudo-invocations=x": `at '/standardPolicies/policies/sudo-invocations': got string, want boolean`,
		"--set=applicationPolicies.a.pods=x":                        `at '/applicationPolicies/a': additional properties 'pods' not allowed`,
		"--set=applicationPolicies.a.severity=high":                 `at '/applicationPolicies/a/severity': value must be one of 'info', 'warning', 'critical'`,
		"--set=applicationPolicies.A.policy=file-monitoring":        `at '/applicationPolicies': additional properties 'A' not allowed`,
		"--set=policyVariables.1=a":                                 `at '/policyVariables': additional properties '1' not allowed`,
		"--set=tracingPolicies.a.kind=TracingPolicy":                `at '/tracingPolicies/a': missing properties 'metadata', 'spec'`,
		"--set=cluster.podCIDRs={10.0.0.0}":                         `at '/cluster/podCIDRs/0': '10.0.0.0' does not match pattern`,
		"--set=extraArgs.a=b":                                       `at '/extraArgs': got object, want array`,
		"--set=serviceMonitor.scrapeProtocols={Protobuf}":           `at '/serviceMonitor/scrapeProtocols/0': value must be one of`,
		"--set=prometheusRule.disabled.A=1":                         `at '/prometheusRule/disabled/A': got number, want boolean`,

		"--set=enabled=false":               `enabled: only a chart that depends on this one can switch it off`,
		"--set=serviceMonitor.enabled=true": `serviceMonitor needs monitoring.coreos.com/v1, which the cluster does not have`,
		"--set=podMonitor.enabled=true":     `podMonitor needs monitoring.coreos.com/v1`,
		"--set=prometheusRule.enabled=true": `prometheusRule needs monitoring.coreos.com/v1`,
		"--set=serviceMonitor.enabled=true,serviceMonitor.trustCRDsExist=true,podMonitor.enabled=true":                      `would scrape everything twice`,
		"--set=serviceMonitor.enabled=true,service.enabled=false":                                                           `serviceMonitor needs service.enabled`,
		"--set=prometheusRule.enabled=true,prometheusRule.trustCRDsExist=true,prometheusRule.disabled.A=true":               `prometheusRule.disabled: there is no rule A, only `,
		"--set=prometheusRule.enabled=true,prometheusRule.trustCRDsExist=true,serviceMonitor.jobLabel=team":                 `serviceMonitor.jobLabel: the alerts ask for the job tetrameter, and the label "team" may name another`,
		`--set=podLabels.app\.kubernetes\.io/name=a`:                                                                        `podLabels: app.kubernetes.io/name is tetrameter, by which the chart selects pods`,
		`--set=commonLabels.app\.kubernetes\.io/instance=a`:                                                                 `commonLabels: app.kubernetes.io/instance is t, by which the chart selects pods`,
		"--set=metrics.webConfig.existingSecret=a,metrics.webConfig.tlsSecret=b":                                            `metrics.webConfig: existingSecret is instead of config and tlsSecret`,
		"--set=applicationPolicies.shop.podSelector.matchLabels.a=b":                                                        `applicationPolicies.shop: there is no policy shop: say in applicationPolicies.shop.policy`,
		"--set=applicationPolicies.external-http-call.enabled=true":                                                         `applicationPolicies.external-http-call: say which pods it is for`,
		"--set-json=applicationPolicies.external-http-call.podSelector={}":                                                  `say in cluster.podCIDRs what is inside`,
		"--set=applicationPolicies.file-monitoring.allowedCIDRs={10.0.0.0/8}":                                               `applicationPolicies.file-monitoring.allowedCIDRs: the policy is not about addresses`,
		"--set=applicationPolicies.network-egress-cluster.paths={/etc},cluster.podCIDRs={::/0},cluster.serviceCIDRs={::/0}": `applicationPolicies.network-egress-cluster.paths: the policy is not about paths`,
	}
}

// TestWrongValues: both versions of helm refuse them, with the place and the reason.
func TestWrongValues(t *testing.T) {
	for arg, want := range wrong() {
		for _, version := range versions() {
			out, log, err := program(t, filepath.Join("chart", version), "template", "t", chart, arg)
			if err == nil {
				t.Errorf("%s takes %s:\n%.500s", version, arg, out)
			} else if !strings.Contains(log, want) {
				t.Errorf("%s says of %s:\n%s\nwant %s", version, arg, log, want)
			}
		}
	}
}
