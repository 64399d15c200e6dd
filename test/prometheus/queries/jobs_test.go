// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/util/teststorage"
)

// others is another exporter in the same Prometheus: Tetragon, whose counter has
// the same name. Its job comes first in the alphabet. One of its targets is down,
// and one has just started and counted.
const others = ` up{job="tetragon", instance="node-0:2112"} 0x120
 up{job="tetragon", instance="node-1:2112"} 1x120
 process_start_time_seconds{job="tetragon", instance="node-1:2112"} _x119 3560
 process_cpu_seconds_total{job="tetragon", instance="node-1:2112"} 0+30x120
 process_resident_memory_bytes{job="tetragon", instance="node-1:2112"} 1000000000x120
 scrape_duration_seconds{job="tetragon", instance="node-1:2112"} 9x120
 scrape_samples_scraped{job="tetragon", instance="node-1:2112"} 9000x120
 promhttp_metric_handler_errors_total{job="tetragon", instance="node-1:2112", cause="gathering"} 0+1x120
 tetragon_policy_events_total{job="tetragon", instance="node-1:2112", policy="p", namespace="default", workload="quiet", pod="quiet-1", binary="/bin/other"} 5x110 1000x8 2000
 tetragon_policy_events_total{job="tetragon", instance="node-1:2112", policy="q", namespace="default", workload="quiet", pod="quiet-1", binary="/bin/other"} _x110 1000x9
`

// agents is what makes targets of the job tetrameter those of agents.
const agents = ` tetrameter_build_info{job="tetrameter", instance="node-0:2112", version="1"} 1x120
`

// stored is an hour of scrapes beside those of another exporter.
func stored(t *testing.T, script string) *teststorage.TestStorage {
	t.Helper()
	return promqltest.LoadedStorage(t, "load 30s\n"+script+agents+others)
}

// instant evaluates a query at the end of the hour.
func instant(t *testing.T, store *teststorage.TestStorage, expr string) promql.Vector {
	t.Helper()
	query, err := promqltest.NewTestEngine(t, false, 0, 1e6).NewInstantQuery(t.Context(), store, nil, expr, time.Unix(3600, 0))
	if err != nil {
		t.Fatal(err)
	}
	vector, err := query.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return vector
}

// opens is the time range of the histories, with the choices that a dashboard
// opens with where this is stored.
func opens(t *testing.T, store *teststorage.TestStorage, d Dashboard) Values {
	t.Helper()
	v, err := d.Opens(func(choice Variable) (string, error) {
		found := labelValues.FindStringSubmatch(choice.Query)
		if found == nil {
			return "", fmt.Errorf("%q lists no values of a label", choice.Query)
		}
		var list []string
		for _, sample := range instant(t, store, found[1]) {
			list = append(list, sample.Metric.Get(found[2]))
		}
		if len(list) == 0 {
			return "", fmt.Errorf("%q has none", choice.Query)
		}
		return slices.Min(list), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v.Range = 10 * time.Minute
	return v
}

// TestOtherJobs: what is scraped beside the agents changes no panel. The panels
// that would show it if all jobs were chosen are named, so that the test is known
// to look at them.
func TestOtherJobs(t *testing.T) {
	list, err := Dashboards()
	if err != nil {
		t.Fatal(err)
	}
	const own = ` up{job="tetrameter", instance="node-0:2112"} 1x120
 process_start_time_seconds{job="tetrameter", instance="node-0:2112"} -86400x120
`
	alone := promqltest.LoadedStorage(t, "load 30s\n"+own+agents)
	beside := stored(t, own)
	confused := map[string][]string{}
	for _, d := range list {
		chosen := opens(t, beside, d)
		every := opens(t, beside, d)
		every.Chosen["job"] = ".+"
		for _, q := range d.Queries() {
			want := instant(t, alone, Expand(q.Expr, chosen)).String()
			if diff := cmp.Diff(want, instant(t, beside, Expand(q.Expr, chosen)).String()); diff != "" {
				t.Errorf("%s: another job shows (-alone +beside):\n%s", q, diff)
			}
			if want != instant(t, beside, Expand(q.Expr, every)).String() && !slices.Contains(confused[d.UID], q.Panel) {
				confused[d.UID] = append(confused[d.UID], q.Panel)
			}
		}
	}
	want := map[string][]string{
		"tetrameter-overview": {"New combinations", "Agents that answer", "Top workloads", "Top binaries", "New series"},
		"tetrameter-policy":   {"Events", "Workloads", "Pods", "Binaries", "Events by workload", "Events by pod", "Events by binary", "Series"},
		"tetrameter-agent": {
			"Agents down", "Slowest scrape", "Scrape", "Samples per scrape", "Series of policies", "Memory", "CPU", "Failed scrapes", "Agent start",
		},
	}
	if diff := cmp.Diff(want, confused); diff != "" {
		t.Errorf("panels that another job would change (-want +got):\n%s", diff)
	}
}
