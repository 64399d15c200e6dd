// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"math/big"
	"math/rand/v2"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// registers is how many arguments an event has.
const registers = 6

// Types returns the integer types of the format.
func Types() []policy.Type {
	return []policy.Type{
		"int", "sint8", "int8", "uint8", "sint16", "int16", "uint16", "uint32", "sint32", "int32",
		"ulong", "uint64", "size_t", "long", "sint64", "int64",
	}
}

// Operators returns the operators for arguments.
func Operators() []policy.Operator {
	return []policy.Operator{
		policy.Equal, policy.NotEqual, policy.GreaterThan, policy.LessThan, policy.Mask,
		policy.InRange, policy.NotInRange,
	}
}

// Binaries returns the paths among which Random chooses.
func Binaries() []string {
	return []string{"/usr/bin/sudo", "/bin/sh", "/usr/bin/runc", "/usr/sbin/sshd"}
}

// Random returns selectors, the arguments that their hook declares, and an
// event. They are such that parsing a policy could have given them. Values are
// often those of the event, or next to them, or at the limits of their type, so
// that matches and misses are both common.
func Random(rng *rand.Rand) ([]policy.Selector, []policy.Arg, Event) {
	g := generator{rng}
	e := g.event()
	var args []policy.Arg
	for _, index := range rng.Perm(policy.MaxArgIndex + 1)[:1+rng.IntN(policy.MaxArgs)] {
		args = append(args, policy.Arg{Index: index, Type: pick(rng, Types())})
	}
	var selectors []policy.Selector
	for range rng.IntN(4) {
		selectors = append(selectors, g.selector(args, e))
	}
	return selectors, args, e
}

type generator struct{ rng *rand.Rand }

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// chance is true n times in 100.
func (g generator) chance(n int) bool { return g.rng.IntN(100) < n }

func (g generator) event() Event {
	e := Event{
		Binary:       pick(g.rng, Binaries()),
		Capabilities: map[policy.CapabilitySet]uint64{},
		Namespaces:   map[policy.Namespace]uint32{},
		Host:         map[policy.Namespace]uint32{},
	}
	for range registers {
		e.Args = append(e.Args, g.register())
	}
	for _, set := range capabilitySets() {
		e.Capabilities[set] = g.mask()
	}
	for i, ns := range namespaces() {
		e.Host[ns] = 0xEFFFFFF0 + uint32(i)
		e.Namespaces[ns] = pick(g.rng, append(inodes(), e.Host[ns], e.Host[ns]))
	}
	return e
}

// register is often small or at the edge of a type, with any upper bits.
func (g generator) register() uint64 {
	low := pick(g.rng, []uint64{0, 1, 2, 16, g.rng.Uint64()})
	if g.chance(50) {
		low = uint64(1)<<pick(g.rng, []int{7, 8, 15, 16, 31, 32, 63}) - uint64(g.rng.IntN(3)) + 1
	}
	if g.chance(30) {
		low = -low
	}
	if g.chance(30) {
		shift := pick(g.rng, []int{8, 16, 32})
		low = low<<(64-shift)>>(64-shift) | g.rng.Uint64()<<shift
	}
	return low
}

// mask has few bits or most.
func (g generator) mask() uint64 {
	switch g.rng.IntN(4) {
	case 0:
		return 0
	case 1:
		return 1<<41 - 1
	default:
		return 1<<g.rng.IntN(41) | 1<<20
	}
}

func (g generator) selector(args []policy.Arg, e Event) policy.Selector {
	var s policy.Selector
	for range g.rng.IntN(3) {
		s.Args = append(s.Args, g.argFilter(args, e))
	}
	if g.chance(25) {
		s.Binaries = append(s.Binaries, g.binaryFilter())
	}
	if g.chance(25) {
		s.Capabilities = append(s.Capabilities, policy.CapabilityFilter{
			Set: pick(g.rng, capabilitySets()), Operator: g.in(), Mask: g.mask() | 1<<21,
		})
	}
	if g.chance(25) {
		s.Namespaces = append(s.Namespaces, g.namespaceFilter())
	}
	return s
}

func (g generator) in() policy.Operator {
	return pick(g.rng, []policy.Operator{policy.In, policy.NotIn})
}

func (g generator) binaryFilter() policy.BinaryFilter {
	f := policy.BinaryFilter{Operator: g.in()}
	for range 1 + g.rng.IntN(2) {
		f.Paths = append(f.Paths, pick(g.rng, Binaries()))
	}
	return f
}

func (g generator) namespaceFilter() policy.NamespaceFilter {
	f := policy.NamespaceFilter{
		Namespace: pick(g.rng, namespaces()), Operator: g.in(), Host: g.chance(50),
	}
	for range g.rng.IntN(3) {
		f.Inodes = append(f.Inodes, pick(g.rng, inodes()))
	}
	if len(f.Inodes) == 0 {
		f.Host = true
	}
	return f
}

func (g generator) argFilter(args []policy.Arg, e Event) policy.ArgFilter {
	f := policy.ArgFilter{Arg: g.rng.IntN(len(args)), Operator: pick(g.rng, Operators())}
	arg := args[f.Arg]
	for range 1 + g.rng.IntN(3) {
		low := g.value(arg, e)
		high := low
		if f.Operator == policy.InRange || f.Operator == policy.NotInRange {
			high = g.value(arg, e)
			if Number(arg.Type, low).Cmp(Number(arg.Type, high)) > 0 {
				low, high = high, low
			}
		}
		f.Values = append(f.Values, policy.Range{Min: low, Max: high})
	}
	return f
}

// value is a number of the argument's type as policy.Range has it.
func (g generator) value(arg policy.Arg, e Event) uint64 {
	var near uint64
	switch g.rng.IntN(4) {
	case 0, 1:
		near = e.Args[arg.Index]
	case 2:
		near = g.register()
	default:
		near = uint64(1) << pick(g.rng, []int{7, 8, 15, 16, 31, 32, 63})
	}
	near += pick(g.rng, []uint64{0, 0, 1, ^uint64(0)})
	return bits(Number(arg.Type, near))
}

// bits is two's complement in 64 bits.
func bits(n *big.Int) uint64 {
	if n.Sign() < 0 {
		return uint64(n.Int64())
	}
	return n.Uint64()
}

func inodes() []uint32 { return []uint32{1, 0x7FFFFFFF, 0x80000001, 0xF0000001} }

func capabilitySets() []policy.CapabilitySet {
	return []policy.CapabilitySet{policy.Effective, policy.Inheritable, policy.Permitted}
}

func namespaces() []policy.Namespace {
	return []policy.Namespace{
		policy.Uts, policy.Ipc, policy.Mnt, policy.Pid, policy.PidForChildren,
		policy.Net, policy.Time, policy.TimeForChildren, policy.Cgroup, policy.User,
	}
}
