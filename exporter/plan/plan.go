// SPDX-License-Identifier: Apache-2.0

// Package plan decides what to attach: it takes policies and what a kernel
// offers and returns, for each hooked function, the rules of all policies on it
// and the ways to attach in the order to try them. It makes no system call and
// a Plan is data that can be printed. Package policy comes before it, package
// kernel carries a Plan out.
package plan

import (
	"fmt"
	"sort"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Kind is a way to attach.
type Kind string

// The ways to attach, cheapest first.
const (
	Fentry     Kind = "fentry"
	Kprobe     Kind = "kprobe"
	Tracepoint Kind = "tracepoint"
)

// Kinds lists the ways to attach in the order in which they are tried.
func Kinds() []Kind { return []Kind{Fentry, Kprobe, Tracepoint} }

// Kernel is what a plan needs to know of the machine it is for.
type Kernel interface {
	// Arch is the machine's architecture as Go spells it.
	Arch() string
	// Attachable returns nil if programs of the kind attach at all, else why
	// they do not.
	Attachable(Kind) error
	// Parameters returns how many parameters a kernel function has, or why
	// that is not known.
	Parameters(function string) (int, error)
	// Preemptible says whether tasks can be taken off a CPU within a fentry
	// program, which makes the kernel miss events of others there.
	Preemptible() bool
	// HasTracepoint says whether the event "group/name" exists.
	HasTracepoint(event string) bool
}

// Plan is what to attach for a set of policies.
type Plan struct {
	Hooks []Hook
}

// ID names the counter of one policy at one hook; it is the same on every
// start and every kernel.
type ID struct {
	Namespace string // of the policy
	Policy    string
	Hook      string // the value of the hook label
}

// Hook is one function that at least one policy watches.
type Hook struct {
	Label    string // as in the metrics: kprobe:__x64_sys_execve
	Function string
	Syscall  bool
	Rules    []Rule
	// Attaches are the ways to attach that may work, in order.
	Attaches []Attach
	// Rejected are the ways that are known not to work, with the reason.
	Rejected []Rejection
	// Absent says that this kernel does not have the function.
	Absent bool
}

// Rule is one policy's entry for a hook.
type Rule struct {
	ID   ID
	Spec policy.Hook
}

// Attach is one way to see the events of a hook: all its points together.
type Attach struct {
	Kind   Kind
	Points []Point
}

// Point is one place to attach a program to.
type Point struct {
	// Target is the function, or the "group/name" of a tracepoint.
	Target string
	// Syscall says that arguments are those of a system call.
	Syscall bool
	// Parameters is how many arguments a fentry program may read.
	Parameters int
	// Guard restricts a tracepoint that sees more than the function.
	Guard *match.Guard
	// Sources says where the function's arguments are here, by index.
	Sources []match.Source
}

// Rejection is a way to attach that was not taken.
type Rejection struct {
	Kind   Kind
	Reason string
}

// Options restrict a plan.
type Options struct {
	// Kinds are the ways to attach that may be used; nil means all.
	Kinds []Kind
}

// Build plans the enabled policies. It never fails: a hook that cannot attach
// has no Attaches and says why in Rejected.
func Build(policies []*policy.Policy, kernel Kernel, opts Options) Plan {
	hooks := map[string]*Hook{}
	for _, p := range policies {
		if !p.Enabled {
			continue
		}
		for _, spec := range p.Hooks {
			function := functionName(spec, kernel.Arch())
			h := &Hook{Label: "kprobe:" + function, Function: function, Syscall: spec.Syscall}
			if known := hooks[h.Key()]; known != nil {
				h = known
			}
			hooks[h.Key()] = h
			h.Rules = append(h.Rules, Rule{ID{p.Namespace, p.Name, h.Label}, spec})
		}
	}
	plan := Plan{}
	for _, h := range hooks {
		h.choose(kernel, opts)
		plan.Hooks = append(plan.Hooks, *h)
	}
	sort.Slice(plan.Hooks, func(i, j int) bool { return plan.Hooks[i].Key() < plan.Hooks[j].Key() })
	return plan
}

// Key identifies a hook among all others.
func (h Hook) Key() string {
	if h.Syscall {
		return h.Function + "+syscall"
	}
	return h.Function
}

// IDs returns the ids of the hook's rules, each once.
func (h Hook) IDs() []ID {
	var ids []ID
	seen := map[ID]bool{}
	for _, r := range h.Rules {
		if !seen[r.ID] {
			seen[r.ID] = true
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Ignored says whether the hook does not exist and the policy of id accepts that
// (ignore.callNotFound).
func (h Hook) Ignored(id ID) bool {
	if !h.Absent {
		return false
	}
	for _, r := range h.Rules {
		if r.ID == id && !r.Spec.IgnoreCallNotFound {
			return false
		}
	}
	return true
}

// Binaries returns the paths that the rules' matchBinaries filters name.
func (h Hook) Binaries() []string {
	var paths []string
	for _, r := range h.Rules {
		for _, s := range r.Spec.Selectors {
			for _, f := range s.Binaries {
				paths = append(paths, f.Paths...)
			}
		}
	}
	return paths
}

// choose fills Attaches and Rejected. Where fentry can miss events it is the
// last resort: the kernel keeps the programs of the other kinds on their CPU.
func (h *Hook) choose(kernel Kernel, opts Options) {
	var last []Attach
	_, err := kernel.Parameters(h.Function)
	h.Absent = err != nil
	for _, kind := range Kinds() {
		attach, err := h.attach(kind, kernel, opts)
		switch {
		case err != nil:
			h.Rejected = append(h.Rejected, Rejection{kind, err.Error()})
		case kind == Fentry && kernel.Preemptible():
			h.Rejected = append(h.Rejected, Rejection{kind, "can miss events on this preemptible kernel"})
			last = append(last, attach)
		default:
			h.Attaches = append(h.Attaches, attach)
		}
	}
	h.Attaches = append(h.Attaches, last...)
}

func (h *Hook) attach(kind Kind, kernel Kernel, opts Options) (Attach, error) {
	if !allowed(kind, opts.Kinds) {
		return Attach{}, fmt.Errorf("excluded by --attach")
	}
	if err := kernel.Attachable(kind); err != nil {
		return Attach{}, err
	}
	points, err := h.points(kind, kernel)
	if err != nil {
		return Attach{}, err
	}
	for _, p := range points {
		if err := h.filtersHaveSources(p); err != nil {
			return Attach{}, err
		}
	}
	return Attach{kind, points}, nil
}

func allowed(kind Kind, kinds []Kind) bool {
	for _, k := range kinds {
		if k == kind {
			return true
		}
	}
	return len(kinds) == 0
}

func (h *Hook) points(kind Kind, kernel Kernel) ([]Point, error) {
	if kind == Tracepoint {
		return equivalents(*h, kernel)
	}
	parameters, err := kernel.Parameters(h.Function)
	args := parameters
	if h.Syscall || err != nil {
		args = registers
	}
	if kind == Kprobe { // which needs to know no function
		return []Point{{h.Function, h.Syscall, 0, nil, identity(args)}}, nil
	}
	if err != nil {
		return nil, err
	}
	return []Point{{h.Function, h.Syscall, parameters, nil, identity(args)}}, nil
}

// filtersHaveSources returns an error if a filter needs an argument that the
// point does not have.
func (h *Hook) filtersHaveSources(p Point) error {
	for _, r := range h.Rules {
		for _, s := range r.Spec.Selectors {
			for _, f := range s.Args {
				if i := r.Spec.Args[f.Arg].Index; p.Source(i).Kind == match.None {
					return fmt.Errorf("%s has no argument %d, which %v filters", p.Target, i, f.Pos)
				}
			}
		}
	}
	return nil
}

// Source returns where the function's argument i is at the point.
func (p Point) Source(i int) match.Source {
	if i < len(p.Sources) {
		return p.Sources[i]
	}
	return match.Source{}
}

// MatchRules returns the hook's rules as match wants them at the point.
func (h Hook) MatchRules(p Point, slots map[ID]uint32) []match.Rule {
	var rules []match.Rule
	for _, r := range h.Rules {
		m := match.Rule{Slot: slots[r.ID], Selectors: r.Spec.Selectors}
		for _, a := range r.Spec.Args {
			m.Args = append(m.Args, p.Source(a.Index))
			m.Types = append(m.Types, a.Type)
		}
		rules = append(rules, m)
	}
	return rules
}

// String is the attach in one word: "fentry", "tracepoint:a/b,c/d".
func (a Attach) String() string {
	if a.Kind != Tracepoint {
		return string(a.Kind)
	}
	var targets []string
	for _, p := range a.Points {
		targets = append(targets, p.Target)
	}
	return string(a.Kind) + ":" + strings.Join(targets, ",")
}

// registers is how many argument registers the attach programs read.
const registers = 6

// identity is the sources of a point that has the function's own arguments.
func identity(n int) []match.Source {
	var sources []match.Source
	for i := range min(n, registers) {
		sources = append(sources, match.Source{Kind: match.Register, Index: i})
	}
	return sources
}

// functionName is the kernel's name of the function to hook. Only system calls
// get the architecture's prefix, and only if they lack it
// (arch/x86/include/asm/syscall_wrapper.h, arch/arm64/include/asm/syscall_wrapper.h).
func functionName(spec policy.Hook, arch string) string {
	if !spec.Syscall || !strings.HasPrefix(spec.Call, "sys_") {
		return spec.Call
	}
	return syscallPrefix(arch) + spec.Call
}

func syscallPrefix(arch string) string {
	if arch == "arm64" {
		return "__arm64_"
	}
	return "__x64_"
}
