// SPDX-License-Identifier: Apache-2.0

package match

import (
	"cmp"
	"slices"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// condition is one filter of a selector. Its code falls through when the
// filter passes and jumps to failed when it does not; it calls functions of
// bpf/evaluate.h and leaves nothing but the event behind.
type condition interface {
	rank() rank
	compile(c *code, failed label)
	// String is how a person would write it.
	String() string
}

// outcomes are where to go on when something that a filter compares is listed,
// and when it is not.
func outcomes(negated bool, pass, failed label) (hit, miss label) {
	if negated {
		return failed, pass
	}
	return pass, failed
}

// rank orders the conditions of a selector, cheap ones first: what they cost
// is saved when an earlier one fails. The result does not depend on it.
type rank int

const (
	rankFixed    rank = iota // decided while compiling
	rankScope                // the workload of the current process, found once
	rankRegister             // a word of the event
	rankPID
	rankCaller  // capabilities and namespaces of the current task
	rankMemory  // words of memory or of a record
	rankBinary  // id of an executable
	rankLineage // how the process began
	rankSocket
	rankAddress
	rankAncestor
	rankFileType
	rankBinaryText // path of an executable, mostly known
	rankText
	rankSearch
)

// decided is a condition on something that is the same at every event.
type decided struct {
	holds bool
	text  string
}

func (d decided) rank() rank     { return rankFixed }
func (d decided) String() string { return d.text }

func (d decided) compile(c *code, failed label) {
	if !d.holds {
		c.jump(failed)
	}
}

// builder makes conditions of the filters of a rule.
type builder struct {
	rule    Rule
	in      Input
	waiting uint64 // the key of what the rule remembers
}

// entry gives the conditions that are decided when the function is called, in
// the order to test them.
func (b builder) entry(s policy.Selector) ([]condition, error) {
	var g gathering
	gather(&g, s.Args, b.argument)
	gather(&g, s.Data, b.data)
	gather(&g, s.PIDs, b.pid)
	gather(&g, s.Capabilities, b.capabilities)
	gather(&g, s.Namespaces, b.namespace)
	gather(&g, s.Binaries, b.binary)
	gather(&g, s.ParentBinaries, b.parentBinary)
	gather(&g, s.CapabilityChanges, b.capabilityChange)
	gather(&g, s.NamespaceChanges, b.namespaceChange)
	gather(&g, s.Workloads, b.workload)
	return g.sorted()
}

// exit gives the conditions that are decided when the function returns.
func (b builder) exit(s policy.Selector) ([]condition, error) {
	var g gathering
	gather(&g, s.Return, b.result)
	return g.sorted()
}

// gathering collects conditions until the first error.
type gathering struct {
	list []condition
	err  error
}

// gather adds what build makes of filters.
func gather[F any](g *gathering, filters []F, build func(F) (condition, error)) {
	for _, f := range filters {
		if g.err != nil {
			return
		}
		var built condition
		built, g.err = build(f)
		g.list = append(g.list, built)
	}
}

func (g gathering) sorted() ([]condition, error) {
	if g.err != nil {
		return nil, g.err
	}
	slices.SortStableFunc(g.list, func(x, y condition) int { return cmp.Compare(x.rank(), y.rank()) })
	return g.list, nil
}

func (b builder) argument(f policy.ArgFilter) (condition, error) {
	return b.filter(f, b.rule.Args, "arg")
}

func (b builder) data(f policy.ArgFilter) (condition, error) {
	return b.filter(f, b.rule.Data, "data")
}

func (b builder) result(f policy.ArgFilter) (condition, error) {
	return b.filter(f, []Arg{b.rule.Return}, returned)
}
