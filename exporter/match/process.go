// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// index finds the number that bpf/event.h has for a name.
func index[T comparable](list []T, v T) int32 {
	for i, e := range list {
		if e == v {
			return int32(i)
		}
	}
	return -1
}

// capabilitySets are in the order of the enum in bpf/event.h.
func capabilitySets() []policy.CapabilitySet {
	return []policy.CapabilitySet{policy.Effective, policy.Inheritable, policy.Permitted}
}

// namespaces are in the order of the enum in bpf/event.h.
func namespaces() []policy.Namespace {
	return []policy.Namespace{
		policy.Uts, policy.Ipc, policy.Mnt, policy.Pid, policy.PidForChildren,
		policy.Net, policy.Time, policy.TimeForChildren, policy.Cgroup, policy.User,
	}
}

// ask calls a function of one parameter, which leaves 32 bits in R0.
func ask(c *code, function string, parameter int32) operand {
	c.call(function, asm.Mov.Imm(asm.R2, parameter))
	return operand{asm.R0, true}
}

// single are ranges of one number each.
func single(numbers []uint32) []policy.Range {
	var ranges []policy.Range
	for _, n := range numbers {
		ranges = append(ranges, policy.Range{Min: uint64(n), Max: uint64(n)})
	}
	return ranges
}

// inPIDNamespace is a flag of pid and descends.
const inPIDNamespace = 1

// pid makes the condition of a filter on process ids.
func (b builder) pid(f policy.PIDFilter) (condition, error) {
	flags, name := int32(0), "pid"
	if f.Namespace {
		flags, name = inPIDNamespace, "pid in its namespace"
	}
	if f.FollowForks {
		text := name + " or an ancestor's " + describe(f.Operator, unsigned(32), single(f.Values), nil)
		return descent{f.Values, flags, f.Operator.Negated(), text}, nil
	}
	return membership{
		order: unsigned(32), cost: rankPID, negated: f.Operator.Negated(),
		text:    name + " " + describe(f.Operator, unsigned(32), single(f.Values), nil),
		members: unsigned(32).union(single(f.Values)),
		load:    func(c *code) operand { return ask(c, "pid", flags) },
	}, nil
}

// descent is the condition that the process or one it descends from has one of
// some ids, or that none has.
type descent struct {
	pids    []uint32
	flags   int32
	negated bool
	text    string
}

func (d descent) rank() rank     { return rankAncestor }
func (d descent) String() string { return d.text }

func (d descent) compile(c *code, failed label) {
	pass := c.label()
	hit, miss := outcomes(d.negated, pass, failed)
	for _, pid := range d.pids {
		c.call("descends", asm.Mov.Imm(asm.R2, int32(pid)), asm.Mov.Imm(asm.R3, d.flags))
		c.jumpIf(asm.JNE, operand{asm.R0, true}, 0, hit)
	}
	c.jump(miss)
	c.place(pass)
}

// namespace makes the condition of a filter on a namespace.
func (b builder) namespace(f policy.NamespaceFilter) (condition, error) {
	ranges := single(f.Inodes)
	words := numbers(unsigned(32), ranges)
	if f.Host {
		inode, ok := b.in.HostNamespaces[f.Namespace]
		if !ok {
			return nil, noNamespace(f.Pos, f.Namespace)
		}
		ranges = append(ranges, single([]uint32{inode})...)
		words = append(words, "host_ns")
	}
	return membership{
		order: unsigned(32), cost: rankCaller, negated: f.Operator.Negated(),
		text:    fmt.Sprintf("%s namespace %s", f.Namespace, relation(f.Operator, words)),
		members: unsigned(32).union(ranges),
		load:    func(c *code) operand { return ask(c, "namespace_inode", index(namespaces(), f.Namespace)) },
	}, nil
}

func noNamespace(pos policy.Pos, ns policy.Namespace) error {
	return fmt.Errorf("%v: this kernel has no %s namespace, or the agent may not look at that of process 1", pos, ns)
}

// holding is the condition that the current task holds a capability, or none.
type holding struct {
	policy.CapabilityFilter
	// host is the inode number of the user namespace where the filter fails, if
	// it is restricted.
	host uint32
}

// capabilities makes the condition of a filter on capabilities.
func (b builder) capabilities(f policy.CapabilityFilter) (condition, error) {
	return b.holding(f)
}

func (b builder) holding(f policy.CapabilityFilter) (holding, error) {
	h := holding{CapabilityFilter: f}
	if f.Namespace {
		var ok bool
		if h.host, ok = b.in.HostNamespaces[policy.User]; !ok {
			return h, noNamespace(f.Pos, policy.User)
		}
	}
	return h, nil
}

func (h holding) rank() rank { return rankCaller }

func (h holding) String() string {
	text := fmt.Sprintf("%s capabilities %s %#x", h.Set, symbol(policy.Mask), h.Mask)
	if h.Operator.Negated() {
		text = "not " + text
	}
	if h.Namespace {
		text += " in a user namespace"
	}
	return text
}

// compileNamespace fails in the host's user namespace if the filter does.
func (h holding) compileNamespace(c *code, failed label) {
	if h.Namespace {
		inode := ask(c, "namespace_inode", index(namespaces(), policy.User))
		c.jumpIf(asm.JEq, inode, uint64(h.host), failed)
	}
}

func (h holding) compile(c *code, failed label) {
	h.compileNamespace(c, failed)
	c.call("capabilities", asm.Mov.Imm(asm.R2, index(capabilitySets(), h.Set)))
	pass := c.label()
	hit, miss := outcomes(h.Operator.Negated(), pass, failed)
	c.jumpIfAny(operand{register: asm.R0}, h.Mask, hit, miss)
	c.place(pass)
}

// compile is the condition of the attach point.
func (g *Guard) compile(c *code, failed label) {
	arg := Source{Kind: Register, Index: g.Arg}
	if g.Dereference {
		c.call("user_word", arg.parameter(c, asm.R2))
		c.emit(asm.Mov.Reg(value, asm.R0))
	} else {
		arg.load(c, value)
	}
	pass := c.label()
	c.jumpIfAny(operand{register: value}, g.Mask, pass, failed)
	c.place(pass)
}
