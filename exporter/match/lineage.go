// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Conditions on how the process began, which the kernel keeps while a policy asks
// for it (bpf/lineage.bpf.c). All of them fail where that is not known.

// PathsKey identifies the list of paths of a filter with FollowChildren, in
// whatever order. It is never 0 and means the same list to every agent.
func PathsKey(f policy.BinaryFilter) uint64 {
	tree, _ := newTree(f.Operator, f.Paths)
	return max(tree.hash(), 1)
}

// descendant is the condition that a process, or one that it descends from, has
// executed one of some paths, or that none has.
type descendant struct {
	policy.BinaryFilter
	name     string
	list     uint32 // the number of the paths
	ofParent int32
}

func (b builder) descendant(f policy.BinaryFilter, name string, ofParent int32) (condition, error) {
	if f.Operator.Positive() != policy.In {
		return nil, fmt.Errorf("%v: operator %s with followChildren: %w", f.Pos, f.Operator, ErrUnsupported)
	}
	list, ok := b.in.Descents[PathsKey(f)]
	if !ok {
		return nil, fmt.Errorf("%v: the list of binaries has no number", f.Pos)
	}
	return descendant{f, name, list, ofParent}, nil
}

func (d descendant) rank() rank { return rankLineage }

func (d descendant) String() string {
	return d.name + " or an ancestor's " + relation(d.Operator, quoted(d.Paths))
}

// Results of executed.
const (
	descentNo  = 1
	descentYes = 2
)

func (d descendant) compile(c *code, failed label) {
	pass := c.label()
	hit, miss := outcomes(d.Operator.Negated(), pass, failed)
	c.call("executed", asm.Mov.Imm(asm.R2, int32(d.list)), asm.Mov.Imm(asm.R3, d.ofParent))
	result := operand{asm.R0, true}
	c.jumpIf(asm.JEq, result, descentYes, hit)
	c.jumpIf(asm.JEq, result, descentNo, miss)
	c.jump(failed)
	c.place(pass)
}

// namespaceChange is the condition that the current task has other namespaces
// than the process had when it began, or when the rule last matched.
type namespaceChange struct {
	policy.NamespaceChangeFilter
	number uint32 // of the rule
}

func (b builder) namespaceChange(f policy.NamespaceChangeFilter) (condition, error) {
	number, err := b.changes(f.Pos)
	return namespaceChange{f, number}, err
}

func (b builder) changes(pos policy.Pos) (uint32, error) {
	number, ok := b.in.Changes[b.rule.Slot]
	if !ok {
		return 0, fmt.Errorf("%v: changes that were counted cannot be kept", pos)
	}
	return number, nil
}

func (n namespaceChange) rank() rank { return rankLineage }

func (n namespaceChange) String() string {
	var names []string
	for _, ns := range n.Namespaces {
		names = append(names, string(ns))
	}
	return "changed namespace " + relation(n.Operator, names)
}

// compile asks for the namespaces that decide: NotIn wants a change of one that
// is not listed.
func (n namespaceChange) compile(c *code, failed label) {
	mask := int32(0)
	for _, ns := range n.Namespaces {
		mask |= 1 << index(namespaces(), ns)
	}
	if n.Operator.Negated() {
		mask ^= 1<<len(namespaces()) - 1
	}
	c.call("changed_namespaces", asm.Mov.Imm(asm.R2, int32(n.number)), asm.Mov.Imm(asm.R3, mask))
	c.jumpIf(asm.JEq, operand{asm.R0, true}, 0, failed)
}

// capabilityChange is the condition that the current task has other capabilities
// than the process had when it began, or when the rule last matched.
type capabilityChange struct {
	holding
	number uint32 // of the rule
}

func (b builder) capabilityChange(f policy.CapabilityFilter) (condition, error) {
	number, err := b.changes(f.Pos)
	if err != nil {
		return nil, err
	}
	held, err := b.holding(f)
	return capabilityChange{held, number}, err
}

func (h capabilityChange) rank() rank { return rankLineage }

func (h capabilityChange) String() string {
	text := fmt.Sprintf("changed %s capabilities %s %#x", h.Set, symbol(h.Operator), h.Mask)
	if h.Namespace {
		text += " in a user namespace"
	}
	return text
}

// compile passes a change of a listed capability. NotIn wants a change of others
// and none of those.
func (h capabilityChange) compile(c *code, failed label) {
	h.compileNamespace(c, failed)
	c.call("changed_capabilities", asm.Mov.Imm(asm.R2, int32(h.number)), asm.Mov.Imm(asm.R3, index(capabilitySets(), h.Set)))
	pass := c.label()
	changed := operand{register: asm.R0}
	if !h.Operator.Negated() {
		c.jumpIfAny(changed, h.Mask, pass, failed)
	} else {
		c.emit(asm.Mov.Reg(value, asm.R0))
		c.jumpIf(asm.JSet, operand{register: value}, h.Mask, failed)
		c.jumpIf(asm.JEq, operand{register: value}, 0, failed)
	}
	c.place(pass)
}

// Which changes see_changes takes note of.
const (
	privilegeNamespaces   = 1
	privilegeCapabilities = 2
)

// seen are the changes that a selector has filters on.
func seen(s policy.Selector) int32 {
	which := int32(0)
	if len(s.NamespaceChanges) > 0 {
		which |= privilegeNamespaces
	}
	if len(s.CapabilityChanges) > 0 {
		which |= privilegeCapabilities
	}
	return which
}

// seeChanges takes note of the changes that a selector passed, so that the rule
// counts each once. It jumps where that cannot be remembered.
func (b builder) seeChanges(c *code, s policy.Selector, failed label) {
	if which := seen(s); which != 0 {
		c.call("see_changes", asm.Mov.Imm(asm.R2, int32(b.in.Changes[b.rule.Slot])), asm.Mov.Imm(asm.R3, which))
		c.jumpIf(asm.JEq, operand{asm.R0, true}, 0, failed)
	}
}

// seeWaiting does so for the selectors that wait for the return, when all have
// seen what there was before.
func (b builder) seeWaiting(c *code) {
	for i, s := range b.rule.Selectors {
		if len(s.Return) == 0 || seen(s) == 0 {
			continue
		}
		full, next := c.label(), c.label()
		waiting(i).compile(c, next)
		b.seeChanges(c, s, full)
		c.jump(next)
		c.place(full)
		setWaiting(c, i) // which was set: it fails
		c.place(next)
	}
}
