// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/bpf"
	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Report is a plan for readers: what would be attached, what it would test, and
// what that costs.
type Report struct {
	Hooks []HookReport `json:"hooks"`
	// Maps are those that the hooks have together.
	Maps []MapReport `json:"maps,omitempty"`
}

// HookReport is one hook.
type HookReport struct {
	Hook string `json:"hook"`
	// Attach is the first way in the order; empty if there is none.
	Attach string `json:"attach,omitempty"`
	// Otherwise are the ways to try if that one fails.
	Otherwise []string `json:"otherwise,omitempty"`
	// Rejected are the ways that would not work, and why.
	Rejected map[Kind]string `json:"rejected,omitempty"`
	Policies []RuleReport    `json:"policies"`
	Points   []PointReport   `json:"points,omitempty"`
}

// RuleReport is what one policy counts at a hook.
type RuleReport struct {
	Namespace string `json:"namespace,omitempty"`
	Policy    string `json:"policy"`
	// Selectors are alternatives, each with its filters in the order of testing.
	Selectors []string `json:"selectors,omitempty"`
	// Lineage are the tracepoints whose programs keep how processes began, which
	// all policies that need it share.
	Lineage []string `json:"lineage,omitempty"`
	Refused string   `json:"refused,omitempty"`
}

// PointReport is the matcher of one attach point. Instructions are those of the
// selectors; what the functions cost that they call is measured by make bench.
type PointReport struct {
	Target string `json:"target"`
	Exit   bool   `json:"exit,omitempty"`
	// Least and Most are executed on the shortest and on the longest way.
	Least int `json:"leastInstructions"`
	Most  int `json:"mostInstructions"`
	// Calls are the functions of bpf/ that selectors use, if they get that far.
	Calls []string `json:"calls,omitempty"`
	// Maps are the names of those that these functions look at or change.
	Maps []string `json:"maps,omitempty"`
}

// MapReport is a map in the kernel. Sizes are in bytes, those of values for each
// CPU if the type says so; the capacity is in entries and that of an agent
// without options.
type MapReport struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Key      uint32 `json:"keyBytes"`
	Value    uint32 `json:"valueBytes"`
	Capacity uint32 `json:"capacity"`
}

// Report describes the plan. Rules that cannot be compiled are in it with the
// reason. It is an error if the BPF object cannot be read.
func (p Plan) Report() (Report, error) {
	r := Report{}
	functions, err := bpf.LoadFunctions()
	if err != nil {
		return r, err
	}
	for _, h := range p.Hooks {
		r.Hooks = append(r.Hooks, h.report(functions))
	}
	r.Maps = r.maps(functions)
	return r, nil
}

// maps describes the maps of all points.
func (r Report) maps(functions bpf.Functions) []MapReport {
	var called []string
	for _, h := range r.Hooks {
		for _, p := range h.Points {
			called = append(called, p.Calls...)
		}
	}
	var maps []MapReport
	for _, m := range functions.Maps(called) {
		maps = append(maps, MapReport{m.Name, m.Type.String(), m.KeySize, m.ValueSize, m.Capacity})
	}
	return maps
}

func (h Hook) report(functions bpf.Functions) HookReport {
	r := HookReport{Hook: h.Label, Rejected: map[Kind]string{}}
	for _, rejection := range h.Rejected {
		r.Rejected[rejection.Kind] = rejection.Reason
	}
	for i, attach := range h.Attaches {
		if i == 0 {
			r.Attach = attach.String()
		} else {
			r.Otherwise = append(r.Otherwise, attach.String())
		}
	}
	in := h.assumed()
	for _, id := range h.IDs() {
		r.Policies = append(r.Policies, h.ruleReport(id, in))
	}
	if len(h.Attaches) == 0 {
		return r
	}
	for _, point := range h.Attaches[0].Points {
		r.Points = append(r.Points, point.report(in, functions))
	}
	return r
}

// assumed is what selectors are compiled with when no kernel gave the numbers:
// how many there are decides the code, not which.
func (h Hook) assumed() match.Input {
	in := match.Input{
		Binaries: map[string]uint32{}, HostNamespaces: map[policy.Namespace]uint32{}, Scopes: map[string]uint32{},
		Descents: map[uint64]uint32{}, Changes: map[uint32]uint32{},
	}
	for i, r := range h.Rules {
		in.Changes[uint32(i)] = 1
		for _, s := range append(selectorScopes(r.Spec.Selectors), r.Scope.Scope) {
			in.Scopes[policy.Scoped{Namespace: r.Scope.Namespace, Scope: s}.Key()] = uint32(len(in.Scopes))
		}
	}
	for _, id := range h.IDs() {
		for key := range h.Lineage(id).Lists {
			in.Descents[key] = 1
		}
		for _, path := range h.Binaries(id) {
			in.Binaries[path] = uint32(len(in.Binaries) + 2)
		}
	}
	for i, ns := range policy.Namespaces() {
		in.HostNamespaces[policy.Namespace(ns)] = uint32(i + 1)
	}
	return in
}

func (h Hook) ruleReport(id ID, in match.Input) RuleReport {
	r := RuleReport{Namespace: id.Namespace, Policy: id.Policy}
	if h.Lineage(id).Needed() {
		r.Lineage = LineagePoints()
	}
	for _, rule := range h.Rules {
		if rule.ID == id && rule.Refused != "" {
			r.Refused = rule.Refused
		}
	}
	if len(h.Attaches) == 0 {
		return r
	}
	way := h.Attaches[0]
	if reason := way.Refused[id]; reason != "" {
		r.Refused = reason
	}
	for _, rule := range way.Points[len(way.Points)-1].Rules {
		if rule.ID != id {
			continue
		}
		lines, err := match.Explain(rule.Rule, in)
		if err != nil {
			r.Refused = err.Error()
			continue
		}
		r.Selectors = append(r.Selectors, lines...)
	}
	return r
}

func (p Point) report(in match.Input, functions bpf.Functions) PointReport {
	r := PointReport{Target: p.Target, Exit: p.Exit}
	in.Exit, in.Guard = p.Exit, p.Guard
	var good []match.Rule
	for i, rule := range p.Rules {
		rule.Rule.Slot = uint32(i)
		in.Rules = []match.Rule{rule.Rule}
		if _, err := match.Compile(in); err == nil { // else the policy's report says why
			good = append(good, rule.Rule)
		}
	}
	in.Rules = good
	code, err := match.Compile(in)
	if err != nil {
		return r
	}
	r.Least, r.Most = match.Cost(code)
	r.Calls = calls(code)
	for _, m := range functions.Maps(r.Calls) {
		r.Maps = append(r.Maps, m.Name)
	}
	return r
}

// calls are the functions that code calls by name.
func calls(code asm.Instructions) []string {
	var names []string
	for _, ins := range code {
		if ins.IsFunctionCall() {
			names = append(names, ins.Reference())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Write prints the report as text.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, h := range r.Hooks {
		h.write(&b)
	}
	if len(r.Maps) > 0 {
		b.WriteString("maps\n")
	}
	for _, m := range r.Maps {
		fmt.Fprintf(&b, "  %s: %s, key of %d bytes, value of %d, %d entries\n", m.Name, m.Type, m.Key, m.Value, m.Capacity)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func fullName(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

func (h HookReport) write(b *strings.Builder) {
	attach := h.Attach
	if attach == "" {
		attach = "unsupported"
	}
	fmt.Fprintf(b, "%s\n  attach %s\n", h.Hook, attach)
	for _, kind := range append([]Kind{LSM}, Kinds()...) {
		if reason, ok := h.Rejected[kind]; ok {
			fmt.Fprintf(b, "  not %s: %s\n", kind, reason)
		}
	}
	for _, way := range h.Otherwise {
		fmt.Fprintf(b, "  or %s\n", way)
	}
	for _, p := range h.Policies {
		fmt.Fprintf(b, "  policy %s\n", fullName(p.Namespace, p.Policy))
		for _, s := range p.Selectors {
			fmt.Fprintf(b, "    %s\n", s)
		}
		if len(p.Lineage) > 0 {
			fmt.Fprintf(b, "    keeps how processes began, at %s\n", strings.Join(p.Lineage, ", "))
		}
		if p.Refused != "" {
			fmt.Fprintf(b, "    not counted: %s\n", p.Refused)
		}
	}
	for _, p := range h.Points {
		where := p.Target
		if p.Exit {
			where += " (return)"
		}
		fmt.Fprintf(b, "  %s: %d to %d instructions", where, p.Least, p.Most)
		if len(p.Calls) > 0 {
			fmt.Fprintf(b, ", calling %s", strings.Join(p.Calls, ", "))
		}
		b.WriteString("\n")
		if len(p.Maps) > 0 {
			fmt.Fprintf(b, "    maps %s\n", strings.Join(p.Maps, ", "))
		}
	}
}
