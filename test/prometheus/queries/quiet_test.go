// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// TestQuiet: the panels that have nothing to show when all is well show the faults that
// they are about, and nothing beside them.
func TestQuiet(t *testing.T) {
	for dashboard, panels := range Quiet() {
		for panel, fault := range panels {
			t.Run(dashboard+"/"+panel, func(t *testing.T) {
				store := promqltest.LoadedStorage(t, "load 30s\n "+fault.Series+"\n")
				engine := promqltest.NewTestEngine(t, false, 0, 1e6)
				query, err := engine.NewInstantQuery(t.Context(), store, nil, onlyExpression(t, dashboard, panel), time.Unix(300, 0))
				if err != nil {
					t.Fatal(err)
				}
				vector, err := query.Exec(t.Context()).Vector()
				if err != nil {
					t.Fatal(err)
				}
				var shown []string
				for _, sample := range vector {
					known := labels.NewBuilder(sample.Metric).Del(model.MetricNameLabel).Labels()
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

// onlyExpression returns what a panel of one query asks, of four minutes, from when on all
// series of a fault are there, and of everything.
func onlyExpression(t *testing.T, dashboard, panel string) string {
	t.Helper()
	v := Default()
	v.Range = 4 * time.Minute
	v.Chosen = map[string]string{"job": "j", "instance": ".+", "policy": ".*"}
	var found []string
	for _, q := range all(t) {
		if q.Dashboard == dashboard && q.Panel == panel {
			found = append(found, Expand(q.Expr, v))
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s: %d queries of panel %q, want one", dashboard, len(found), panel)
	}
	return found[0]
}
