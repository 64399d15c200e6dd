// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/kernel"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

func TestHookStates(t *testing.T) {
	works, fails, absent := kernel.Hook{Attach: "fentry"}, kernel.Hook{}, kernel.Hook{Optional: true}
	tests := []struct {
		name     string
		disabled bool
		hooks    []kernel.Hook
		want     string
	}{
		{"all attached", false, []kernel.Hook{works, works}, collector.Enabled},
		{"one fails", false, []kernel.Hook{works, fails}, collector.PartiallyEnabled},
		{"all fail", false, []kernel.Hook{fails, fails}, collector.Error},
		{"one may be absent", false, []kernel.Hook{works, absent}, collector.PartiallyEnabled},
		{"all may be absent", false, []kernel.Hook{absent}, collector.PartiallyEnabled},
		{"one fails, one may be absent", false, []kernel.Hook{fails, absent}, collector.Error},
		{"switched off", true, nil, collector.Disabled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := &policy.Policy{Name: "p", Namespace: "n", Enabled: !test.disabled}
			hooks := []kernel.Hook{{ID: plan.ID{Policy: "p"}}} // of another namespace
			for _, h := range test.hooks {
				h.ID = plan.ID{Namespace: "n", Policy: "p"}
				hooks = append(hooks, h)
			}
			want := []collector.PolicyState{{Policy: "p", Namespace: "n", State: test.want}}
			if diff := cmp.Diff(want, states([]*policy.Policy{p}, hooks)); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
		})
	}
}
