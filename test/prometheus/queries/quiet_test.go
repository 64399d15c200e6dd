// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// TestQuiet: the panels that have nothing to show when all is well show the faults that
// they are about, and nothing beside them.
func TestQuiet(t *testing.T) {
	v := Everything()
	v.Range = 4 * time.Minute // from when all series are there
	for dashboard, panels := range Quiet() {
		for panel, fault := range panels {
			t.Run(dashboard+"/"+panel, func(t *testing.T) {
				store := promqltest.LoadedStorage(t, "load 30s\n "+fault.Series+"\n")
				engine := promqltest.NewTestEngine(t, false, 0, 1e6)
				query, err := engine.NewInstantQuery(t.Context(), store, nil, Expand(find(t, dashboard, panel), v), time.Unix(300, 0))
				if err != nil {
					t.Fatal(err)
				}
				vector, err := query.Exec(t.Context()).Vector()
				if err != nil {
					t.Fatal(err)
				}
				var shown []string
				for _, sample := range vector {
					known := labels.NewBuilder(sample.Metric).Del(labels.MetricName).Labels()
					shown = append(shown, fmt.Sprintf("%s %.6g", known, sample.F))
				}
				slices.Sort(shown)
				if diff := cmp.Diff(fault.Shown, shown); diff != "" {
					t.Errorf("the panel shows (-want +got):\n%s", diff)
				}
			})
		}
	}
}
