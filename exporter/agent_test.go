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
			got := states([]*policy.Policy{p}, nil, hooks)
			got[0].Reason = ""
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
		})
	}
}

// A state that is no success says why.
func TestStateReasons(t *testing.T) {
	kill := &policy.Policy{Name: "kill", Enabled: true, Hooks: []policy.Hook{{Selectors: []policy.Selector{
		{Actions: []policy.Action{{Kind: policy.Post}}},
		{Actions: []policy.Action{{Kind: policy.Sigkill, Pos: policy.Pos{File: "kill.yaml", Line: 7, Column: 9}}}},
	}}}}
	loaded := []*policy.Policy{kill, {Name: "gpu", Enabled: true}, {Name: "broken", Enabled: true}, {Name: "half", Enabled: true}}
	skipped := map[policyKey]string{{"", "gpu"}: "gpu.yaml:4:3: nodeSelector does not select this node"}
	hook := func(name, attach, reason string) kernel.Hook {
		return kernel.Hook{ID: plan.ID{Policy: name, Hook: "kprobe:f"}, Attach: attach, Reason: reason}
	}
	hooks := []kernel.Hook{
		hook("kill", "fentry", ""), hook("broken", "", "no such function"), hook("broken", "", "another"),
		hook("half", "fentry", "kprobe: not tried"), hook("half", "", "too large"),
	}
	want := []collector.PolicyState{
		{Policy: "kill", State: collector.MonitorOnly, Reason: "kill.yaml:7:9: action Sigkill is counted and not carried out"},
		{Policy: "gpu", State: collector.Skipped, Reason: "gpu.yaml:4:3: nodeSelector does not select this node"},
		{Policy: "broken", State: collector.Error, Reason: "kprobe:f: no such function"},
		{Policy: "half", State: collector.PartiallyEnabled, Reason: "kprobe:f: too large"},
	}
	if diff := cmp.Diff(want, states(loaded, skipped, hooks)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}
