// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
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
	told   map[collector.PolicyState]bool
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
		set:    &policySet{files: o.policyFiles, dirs: dirs, variables: newVariables(os.Environ(), o.set), log: log},
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
	planned := plan.Build(loaded, a.kernel.Facts(), a.opts)
	hooks, err := a.kernel.Apply(planned)
	if err != nil {
		a.log.Error("apply policies", "err", err)
	}
	states := states(loaded, nil, hooks)
	a.set.setStates(states)
	a.logStates(states)
	a.logHooks(hooks)
}

// logStates prints a line for each policy that is refused, or enforced less than
// it says, unless it is what was said before.
func (a *agent) logStates(states []collector.PolicyState) {
	told := map[collector.PolicyState]bool{}
	for _, s := range states {
		if s.State != collector.LoadError && s.State != collector.MonitorOnly {
			continue
		}
		told[s] = true
		if !a.told[s] {
			a.log.Warn("policy is not carried out as it says", "policy", s.Policy, "namespace", s.Namespace, "state", s.State, "reason", s.Reason)
		}
	}
	a.told = told
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

// policyKey names a policy.
type policyKey struct{ namespace, name string }

// hookStates is what became of a policy's hooks.
type hookStates struct {
	attached, absent, failed int
	reason                   string // of the first that failed
}

// states derives the states of policies from those of their hooks. Hooks that
// may be absent are no error.
func states(loaded []*policy.Policy, skipped map[policyKey]string, hooks []kernel.Hook) []collector.PolicyState {
	of := map[policyKey]hookStates{}
	for _, h := range hooks {
		k := policyKey{h.ID.Namespace, h.ID.Policy}
		s := of[k]
		switch {
		case h.Attach != "":
			s.attached++
		case h.Optional:
			s.absent++
		default:
			if s.failed++; s.failed == 1 {
				s.reason = h.ID.Hook + ": " + h.Reason
			}
		}
		of[k] = s
	}
	var states []collector.PolicyState
	for _, p := range loaded {
		k := policyKey{p.Namespace, p.Name}
		s := collector.PolicyState{Policy: p.Name, Namespace: p.Namespace}
		s.State, s.Reason = stateOf(p, skipped[k], of[k])
		states = append(states, s)
	}
	return states
}

// stateOf returns the state of a policy and the reason for it.
func stateOf(p *policy.Policy, skipped string, hooks hookStates) (state, reason string) {
	enforcing := enforces(p)
	switch {
	case !p.Enabled:
		return collector.Disabled, ""
	case skipped != "":
		return collector.Skipped, skipped
	case hooks.failed > 0 && hooks.attached == 0:
		return collector.Error, hooks.reason
	case hooks.failed+hooks.absent > 0:
		return collector.PartiallyEnabled, hooks.reason
	case enforcing != "":
		return collector.MonitorOnly, enforcing
	}
	return collector.Enabled, ""
}

// enforces returns the first action of a policy that would change what a task
// does, which the agent does not carry out: it only counts.
func enforces(p *policy.Policy) string {
	for _, h := range p.Hooks {
		for _, s := range h.Selectors {
			for _, action := range append(s.Actions[:len(s.Actions):len(s.Actions)], s.ReturnActions...) {
				if action.Kind.Enforces() {
					return fmt.Sprintf("%v: action %s is counted and not carried out", action.Pos, action.Kind)
				}
			}
		}
	}
	return ""
}
