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
	"github.com/tetrameter/tetrameter/exporter/workload"
)

// agent keeps the kernel at what the policy files say.
type agent struct {
	kernel *kernel.Kernel
	set    *policySet
	// workloads and cluster are nil where all processes are the host's.
	workloads *workload.Workloads
	cluster   *cluster
	counters  *counters
	opts      plan.Options
	log       *slog.Logger
	logged    map[plan.ID]kernel.Hook
	told      map[collector.PolicyState]bool
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

// sources are what the collector exposes.
func (a *agent) sources() collector.Sources {
	s := collector.Sources{Counters: a.counters, Policies: a.set, Workloads: a.workloads}
	if a.cluster != nil { // a nil *cluster in the interface would not be nil
		s.Cluster = a.cluster
	}
	return s
}

// start applies the policies that are known, and begins to ask for the others.
func (a *agent) start(ctx context.Context) {
	a.reload()
	if a.cluster != nil {
		go a.cluster.run(ctx)
	}
}

// ready says whether all policies and pods are known, or will not be.
func (a *agent) ready() bool { return a.cluster == nil || a.cluster.settled() }

// reload reads the files again and applies what they say now. What fails is
// reported and leaves the rest as it was.
func (a *agent) reload() {
	// Before the policies are read: what is told of meanwhile is not among them.
	partial := !a.cluster.allListed()
	loaded := a.set.load()
	here, skipped, waiting := forNode(loaded, a.cluster.thisNode())
	partial = partial || waiting
	if err := a.setScopes(here, partial); err != nil {
		a.log.Error("apply scopes of policies", "err", err)
		return // what counts now is in order
	}
	planned := plan.Build(here, a.kernel.Facts(), a.opts)
	planned.Partial = partial
	hooks, err := a.kernel.Apply(planned)
	if err != nil {
		a.log.Error("apply policies", "err", err)
	}
	states := states(loaded, skipped, hooks)
	a.set.setStates(states)
	if !partial { // else hooks wait for what is not known yet
		a.cluster.judge(a.set.verdicts())
	}
	a.logStates(states)
	a.logHooks(hooks)
}

// setScopes has the kernel know which processes policies are for, before a program
// asks. partial says that there may be more policies.
func (a *agent) setScopes(policies []*policy.Policy, partial bool) error {
	scopes := plan.Scopes(policies)
	numbers, err := a.kernel.ScopeNumbers(scopes)
	if err != nil {
		return err
	}
	// Policies whose scope found no number are refused one by one.
	scopes = slices.DeleteFunc(scopes, func(s policy.Scoped) bool {
		_, ok := numbers[s.Key()]
		return !ok
	})
	if partial {
		return a.workloads.SetSomeScopes(numbers, scopes)
	}
	return a.workloads.SetScopes(numbers, scopes)
}

// forNode returns the policies for a node, and why the others are not. Those that
// select nodes wait until the labels are known; if they cannot be, all policies are
// for the node.
func forNode(policies []*policy.Policy, n node) (here []*policy.Policy, skipped map[policyKey]string, waiting bool) {
	skipped = map[policyKey]string{}
	for _, p := range policies {
		reason := "nodeSelector does not select this node"
		switch {
		case p.Node == nil || n.told && (n.labels == nil || workload.SelectsNode(p.Node, n.labels)):
			here = append(here, p)
			continue
		case !n.told:
			waiting, reason = true, "nodeSelector waits for the labels of this node"
		}
		skipped[policyKey{p.Namespace, p.Name}] = fmt.Sprintf("%v: %s", p.Node.Pos, reason)
	}
	return here, skipped, waiting
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
		s := collector.PolicyState{Policy: p.Name, Namespace: p.Namespace, Severity: string(p.Severity)}
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
