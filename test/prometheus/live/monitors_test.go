// SPDX-License-Identifier: Apache-2.0

package live

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
)

// Each kind of monitor gets Prometheus to scrape the agent, by TLS and with the password,
// under the labels that rules and dashboards go by.
func TestMonitors(t *testing.T) {
	a := startAgent(t)
	trigger(t, "repeat", fmt.Sprint(setuids), "setuid", "1")
	common := model.Metric{
		"__name__": "up", "job": job, "instance": model.LabelValue(a.address), "endpoint": "metrics", "node": "node-1",
		"namespace": "tetrameter", "container": "tetrameter", "pod": "tetrameter-x7k2p", "tetrameter_pod": "tetrameter-x7k2p",
	}
	service := common.Clone()
	service["service"] = "tetrameter"
	for enabled, want := range map[string]model.Metric{"serviceMonitor": service, "podMonitor": common} {
		t.Run(enabled, func(t *testing.T) {
			t.Parallel() // Prometheus takes its time to start
			s := startServer(t, a, serverOptions{
				chart: []string{"--set", "serviceMonitor.enabled=false", "--set", enabled + ".enabled=true"},
			})
			for _, up := range s.wait("the target is up", "up == 1") {
				if diff := cmp.Diff(want, up.Metric); diff != "" {
					t.Errorf("labels of the target (-want +got):\n%s", diff)
				}
			}
			s.wait("events", fmt.Sprintf(`sum(tetragon_policy_events_total{policy="privileges-raise", binary=%q, job=%q}) == %d`, *triggerFlag, job, setuids))
		})
	}
}
