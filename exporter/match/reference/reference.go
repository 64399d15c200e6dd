// SPDX-License-Identifier: Apache-2.0

// Package reference says what selectors mean, for tests only: it evaluates them
// in the plainest way, on mathematical integers, and shares no code with
// package match. The tests of match compare compiled code with it, those that
// count real events compute their expectations by it. No program imports it.
package reference

import (
	"math/big"
	"slices"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Event is one call of a hooked function and what is known of its caller.
type Event struct {
	// Args are the argument registers of the function, by policy.Arg.Index. Of
	// a register that carries less than 64 bits the others are arbitrary.
	Args         []uint64
	Binary       string
	Capabilities map[policy.CapabilitySet]uint64
	Namespaces   map[policy.Namespace]uint32
	// Host has the namespaces of the host's first process.
	Host map[policy.Namespace]uint32
}

// Match says whether the selectors of a hook that declares args match the
// event. No selectors match every event.
func Match(selectors []policy.Selector, args []policy.Arg, e Event) bool {
	for _, s := range selectors {
		if matchSelector(s, args, e) {
			return true
		}
	}
	return len(selectors) == 0
}

func matchSelector(s policy.Selector, args []policy.Arg, e Event) bool {
	for _, f := range s.Args {
		if !matchArg(f, args[f.Arg], e) {
			return false
		}
	}
	for _, f := range s.Binaries {
		if slices.Contains(f.Paths, e.Binary) != (f.Operator == policy.In) {
			return false
		}
	}
	for _, f := range s.Capabilities {
		if holdsOne := e.Capabilities[f.Set]&f.Mask != 0; holdsOne != (f.Operator == policy.In) {
			return false
		}
	}
	for _, f := range s.Namespaces {
		inode := e.Namespaces[f.Namespace]
		listed := slices.Contains(f.Inodes, inode) || f.Host && inode == e.Host[f.Namespace]
		if listed != (f.Operator == policy.In) {
			return false
		}
	}
	return true
}

func matchArg(f policy.ArgFilter, arg policy.Arg, e Event) bool {
	value := Number(arg.Type, e.Args[arg.Index])
	anyHolds, noneEqual := false, true
	for _, r := range f.Values {
		low, high := Number(arg.Type, r.Min), Number(arg.Type, r.Max)
		inside := value.Cmp(low) >= 0 && value.Cmp(high) <= 0
		noneEqual = noneEqual && !inside
		switch f.Operator {
		case policy.Equal, policy.InRange:
			anyHolds = anyHolds || inside
		case policy.GreaterThan:
			anyHolds = anyHolds || value.Cmp(low) > 0
		case policy.LessThan:
			anyHolds = anyHolds || value.Cmp(low) < 0
		case policy.Mask:
			// And works on two's complement of any length.
			anyHolds = anyHolds || new(big.Int).And(value, low).Sign() != 0
		}
	}
	if f.Operator == policy.NotEqual || f.Operator == policy.NotInRange {
		return noneEqual
	}
	return anyHolds
}

// Number is the integer that the low bits of a register are when they are read
// as a C value of the type.
func Number(t policy.Type, register uint64) *big.Int {
	switch t {
	case "int8", "sint8":
		return big.NewInt(int64(int8(register)))
	case "int16", "sint16":
		return big.NewInt(int64(int16(register)))
	case "int", "int32", "sint32":
		return big.NewInt(int64(int32(register)))
	case "long", "int64", "sint64":
		return big.NewInt(int64(register))
	case "uint8":
		return big.NewInt(int64(uint8(register)))
	case "uint16":
		return big.NewInt(int64(uint16(register)))
	case "uint32":
		return big.NewInt(int64(uint32(register)))
	case "ulong", "uint64", "size_t":
		return new(big.Int).SetUint64(register)
	}
	panic("type " + string(t) + " is not an integer")
}
