// SPDX-License-Identifier: Apache-2.0

// Package plan decides what to attach: it takes policies and what a kernel
// offers and returns, for each hooked place, the rules of all policies on it
// and the ways to attach in the order to try them. It makes no system call and
// a Plan is data that can be printed. Package policy comes before it, package
// kernel carries a Plan out.
package plan

import (
	"sort"
	"strings"

	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Kind is a way to attach.
type Kind string

// The ways to attach.
const (
	LSM           Kind = "lsm"
	Fentry        Kind = "fentry"
	Kprobe        Kind = "kprobe"
	Tracepoint    Kind = "tracepoint"
	RawTracepoint Kind = "raw_tracepoint"
	Uprobe        Kind = "uprobe"
)

// Kinds lists the ways to attach to kernel functions in the order in which they
// are tried, cheapest first.
func Kinds() []Kind { return []Kind{Fentry, Kprobe, Tracepoint} }

// Plan is what to attach for a set of policies.
type Plan struct {
	Hooks []Hook
	// Partial says that there may be policies that are not known yet.
	Partial bool
}

// ID names the counter of one policy at one hook; it is the same on every
// start and every kernel.
type ID struct {
	Namespace string // of the policy
	Policy    string
	Hook      string // the value of the hook label
}

// Hook is one place that at least one policy watches.
type Hook struct {
	Place
	Label string // as in the metrics: kprobe:__x64_sys_execve
	Rules []Rule
	// Attaches are the ways to attach that may work, in order.
	Attaches []Attach
	// Rejected are the ways that are known not to work, with the reason.
	Rejected []Rejection
	// Absent says that this machine does not have the place.
	Absent bool
}

// Rule is one policy's entry for a hook.
type Rule struct {
	ID    ID
	Scope policy.Scoped // of the policy
	Spec  policy.Hook
	// Refused says why the entry cannot be counted in any way; it is empty when
	// nothing is known against it.
	Refused string
	// Optional says that the policy accepts that it is refused.
	Optional bool
}

// Attach is one way to see the events of a hook: all its points together.
type Attach struct {
	Kind Kind
	// Points are in the order in which they are attached.
	Points []Point
	// Refused are the counters that this way cannot serve, with the reasons.
	Refused map[ID]string
}

// Point is one place to attach a program to.
type Point struct {
	// Target is the function, the event "group/name", or the file.
	Target string
	// Part tells points with the same target apart.
	Part int
	// Syscall says that arguments are those of a system call.
	Syscall bool
	// I386 says that they are in the registers of 32-bit x86 programs.
	I386 bool
	// Exit says that the point is reached when the function returns.
	Exit bool
	// Parameters is how many arguments the program may read.
	Parameters int
	// Guard restricts a tracepoint that sees more than the function.
	Guard *match.Guard
	// User is where in the file of Target the probe is.
	User UserPoint
	// Rules are what the policies want of an event here.
	Rules []PointRule
}

// UserPoint is a place in a file that is executed.
type UserPoint struct {
	Offset       uint64 // in the file
	RefCtrOffset uint64 // of the semaphore that switches the probe on, or 0
	Symbol       string // as the policy says it
	File         FileID // that has the place
}

// FileID identifies a file for as long as it is open: later the path may be that
// of another one.
type FileID struct{ Device, Inode uint64 }

// PointRule is a rule at a point; its slot is not known yet.
type PointRule struct {
	ID   ID
	Rule match.Rule
}

// Rejection is a way to attach that was not taken.
type Rejection struct {
	Kind   Kind
	Reason string
}

// Options restrict a plan.
type Options struct {
	// Kinds are the ways to attach to kernel functions that may be used; nil
	// means all. What is declared as something else is attached as such.
	Kinds []Kind
}

// Build plans the enabled policies. It never fails: a hook that cannot attach
// has no Attaches and says why in Rejected, a rule that one way cannot serve is
// in the way's Refused.
func Build(policies []*policy.Policy, kernel Kernel, opts Options) Plan {
	b := builder{kernel: kernel, hooks: map[Place]*Hook{}, places: map[occurrence]Place{}}
	plan := Plan{}
	for _, p := range policies {
		if !p.Enabled {
			continue
		}
		b.add(p)
	}
	for _, h := range b.hooks {
		h.choose(kernel, opts)
		plan.Hooks = append(plan.Hooks, *h)
	}
	sort.Slice(plan.Hooks, func(i, j int) bool { return plan.Hooks[i].Key() < plan.Hooks[j].Key() })
	return plan
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

// Ignored says whether the policy of id accepts that the hook is not counted:
// the place does not exist (ignore.callNotFound), or is not in the file it
// should be in (ignore.digestVerificationFailure).
func (h Hook) Ignored(id ID) bool {
	missing := false
	for _, r := range h.Rules {
		if r.ID != id {
			continue
		}
		switch {
		case h.Absent && r.Spec.IgnoreCallNotFound, r.Refused != "" && r.Optional:
			missing = true
		case h.Absent, r.Refused != "":
			return false
		}
	}
	return missing
}

// Binaries returns the paths of executables that the rules of id compare by
// their numbers.
func (h Hook) Binaries(id ID) []string {
	var paths []string
	for _, r := range h.Rules {
		if r.ID != id {
			continue
		}
		for _, s := range r.Spec.Selectors {
			for _, f := range binaryFilters(s) {
				if f.Operator.Positive() == policy.In && !f.FollowChildren {
					paths = append(paths, f.Paths...)
				}
			}
		}
	}
	return paths
}

// MatchRules returns the point's rules of the counters that have slots.
func (p Point) MatchRules(slots map[ID]uint32) []match.Rule {
	var rules []match.Rule
	for _, r := range p.Rules {
		if slot, ok := slots[r.ID]; ok {
			rule := r.Rule
			rule.Slot = slot
			rules = append(rules, rule)
		}
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
		if p.Part == 0 {
			targets = append(targets, p.Target)
		}
	}
	return string(a.Kind) + ":" + strings.Join(targets, ",")
}
