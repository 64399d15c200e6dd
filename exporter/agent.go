// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/tetrameter/tetrameter/exporter/collector"
	"github.com/tetrameter/tetrameter/exporter/kernel"
	"github.com/tetrameter/tetrameter/exporter/plan"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// agent keeps the kernel at what the policy files say.
type agent struct {
	kernel *kernel.Kernel
	set    *policySet
	opts   plan.Options
	log    *slog.Logger
	logged map[plan.ID]kernel.Hook
}

func newAgent(k *kernel.Kernel, o runOptions, log *slog.Logger) *agent {
	var dirs []string
	for _, dir := range o.policyDirs {
		if dir = filepath.Clean(dir); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	a := &agent{
		kernel: k,
		set:    &policySet{files: o.policyFiles, dirs: dirs, log: log},
		log:    log,
		logged: map[plan.ID]kernel.Hook{},
	}
	if o.attach != "auto" {
		a.opts.Kinds = []plan.Kind{plan.Kind(o.attach)}
	}
	return a
}

// reload reads the files again and applies what they say now. What fails is
// reported and leaves the rest as it was.
func (a *agent) reload() {
	loaded := a.set.load()
	hooks, err := a.kernel.Apply(plan.Build(loaded, a.kernel.Facts(), a.opts))
	if err != nil {
		a.log.Error("apply policies", "err", err)
	}
	a.set.setStates(states(loaded, hooks))
	a.logHooks(hooks)
}

// logHooks prints a line for each hook that is new or attached otherwise.
func (a *agent) logHooks(hooks []kernel.Hook) {
	seen := map[plan.ID]kernel.Hook{}
	for _, h := range hooks {
		seen[h.ID] = h
		if before, ok := a.logged[h.ID]; ok && before.Attach == h.Attach && before.Reason == h.Reason {
			continue
		}
		fields := []any{"policy", h.ID.Policy, "hook", h.ID.Hook}
		if h.ID.Namespace != "" {
			fields = append(fields, "namespace", h.ID.Namespace)
		}
		if h.Attach == "" {
			level := slog.LevelWarn
			if h.Optional {
				level = slog.LevelInfo
			}
			a.log.Log(context.Background(), level, "not counting", append(fields, "attach", "unsupported", "reason", h.Reason)...)
			continue
		}
		a.log.Info("counting", append(fields, "attach", h.Attach, "pinned", h.Pinned)...)
	}
	for id := range a.logged {
		if _, ok := seen[id]; !ok {
			a.log.Info("stopped counting", "policy", id.Policy, "hook", id.Hook)
		}
	}
	a.logged = seen
}

// states derives the states of policies from those of their hooks. Hooks that
// may be absent are no error.
func states(loaded []*policy.Policy, hooks []kernel.Hook) []collector.PolicyState {
	type key struct{ namespace, name string }
	attached, absent, failed := map[key]int{}, map[key]int{}, map[key]int{}
	for _, h := range hooks {
		k := key{h.ID.Namespace, h.ID.Policy}
		switch {
		case h.Attach != "":
			attached[k]++
		case h.Optional:
			absent[k]++
		default:
			failed[k]++
		}
	}
	var states []collector.PolicyState
	for _, p := range loaded {
		k := key{p.Namespace, p.Name}
		s := collector.PolicyState{Policy: p.Name, Namespace: p.Namespace, State: collector.Enabled}
		switch {
		case !p.Enabled:
			s.State = collector.Disabled
		case failed[k] > 0 && attached[k] == 0:
			s.State = collector.Error
		case failed[k]+absent[k] > 0:
			s.State = collector.PartiallyEnabled
		}
		states = append(states, s)
	}
	return states
}
