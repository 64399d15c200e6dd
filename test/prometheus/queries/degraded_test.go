// SPDX-License-Identifier: Apache-2.0

package queries

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDegraded: 0 events of a policy that is not loaded everywhere, as it says,
// do not look like those of one that is.
func TestDegraded(t *testing.T) {
	tests := []struct {
		policy, severity string
		states           []string // of node-0, node-1 and so on; those after a comma are of the same node
		agents           float64  // that have it degraded
		critical         bool     // and it counts among the critical ones
	}{
		{"good", "critical", []string{"enabled", "enabled"}, 0, false},
		{"counts-only", "critical", []string{"monitor_only", "monitor_only"}, 0, false},
		{"elsewhere", "critical", []string{"skipped", "disabled"}, 0, false},
		{"optional-absent", "critical", []string{"partially_enabled", "enabled"}, 0, false},
		{"one-node", "critical", []string{"enabled", "error"}, 1, true},
		{"both-nodes", "critical", []string{"error", "partially_enabled because"}, 2, true},
		{"bad-change", "critical", []string{"load_error,partially_enabled because", "enabled"}, 1, true},
		{"never-read", "", []string{"load_error", "load_error"}, 2, true},
		{"less", "warning", []string{"error", "load_error"}, 2, false},
	}
	var script strings.Builder
	wantTable, wantCritical := map[string]float64{}, 0.0
	for _, test := range tests {
		for i, states := range test.states {
			id := fmt.Sprintf(`job="tetrameter", instance="node-%d:2112", policy=%q, policy_namespace=""`, i, test.policy)
			for _, state := range strings.Split(states, ",") {
				name, reason, _ := strings.Cut(state, " ")
				fmt.Fprintf(&script, " tetrameter_policy_state{%s, state=%q, reason=%q} 1x120\n", id, name, reason)
			}
			if test.severity != "" {
				fmt.Fprintf(&script, " tetrameter_policy_info{%s, severity=%q} 1x120\n", id, test.severity)
			}
		}
		if test.agents > 0 {
			wantTable[test.policy] = test.agents
		}
		if test.critical {
			wantCritical++
		}
	}
	store := stored(t, script.String()+` tetrameter_policy_set_info{job="tetrameter", instance="node-0:2112", hash="a"} 1x120`+"\n")
	critical := atEnd(t, store, "tetrameter-overview", "Critical degraded")
	if len(critical) != 1 || critical[0].F != wantCritical {
		t.Errorf("critical policies that are degraded: %v, want %v", critical, wantCritical)
	}
	got := map[string]float64{}
	for _, sample := range instant(t, store, findQuery(t, store, "tetrameter-overview", "Policies", "D")) {
		got[sample.Metric.Get("policy")] = sample.F
	}
	if diff := cmp.Diff(wantTable, got); diff != "" {
		t.Errorf("agents with a policy degraded (-want +got):\n%s", diff)
	}
}

// TestNoneDegraded: all is well is a 0, and no agents is nothing.
func TestNoneDegraded(t *testing.T) {
	const set = ` tetrameter_policy_set_info{job="tetrameter", instance="node-0:2112", hash="a"} 1x120` + "\n"
	if got := atEnd(t, stored(t, set), "tetrameter-overview", "Critical degraded"); len(got) != 1 || got[0].F != 0 {
		t.Errorf("%v, want 0", got)
	}
	if got := atEnd(t, stored(t, ""), "tetrameter-overview", "Critical degraded"); len(got) != 0 {
		t.Errorf("%v, want nothing", got)
	}
}
