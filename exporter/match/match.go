// SPDX-License-Identifier: Apache-2.0

// Package match compiles the selectors of the policies on one attach point
// into eBPF instructions: the body of the function evaluate of the objects in
// package bpf. It is pure. Package plan decides where arguments come from,
// package kernel splices the result and loads it.
//
// The code is straight: filters become compares and forward jumps with their
// constants inline, cheap filters before dear ones, so a hook with one integer
// comparison costs one comparison. Lists become trees of compares. Between two
// policies only the event is live, so the verifier of 5.10 sees each once.
package match

import (
	"errors"
	"slices"

	"github.com/tetrameter/tetrameter/exporter/policy"
)

var (
	// ErrNoArgument is returned for a filter on an argument which the attach
	// point does not offer.
	ErrNoArgument = errors.New("argument is not available at this attach point")
	// ErrUnsupported is returned for a filter that cannot be compiled yet.
	ErrUnsupported = errors.New("not supported yet")
	// ErrNoScope is returned for a scope without a number.
	ErrNoScope = errors.New("there is no room for one more scope")
	// ErrTooLong is returned for more than MaxInstructions.
	ErrTooLong = errors.New("too many instructions")
)

// MaxInstructions is how long the code of one attach point may be. The kernel
// refuses to look at more than 1,000,000, counting again what it sees twice.
const MaxInstructions = 200_000

// Rule is what one policy wants of an event at the attach point.
type Rule struct {
	Slot      uint32        // where count puts it
	Scope     policy.Scoped // whose events they are
	Args      []Arg         // the declared arguments, in their order
	Data      []Arg         // the declared data, in their order
	Return    Arg           // the declared return value
	Selectors []policy.Selector
}

// Arg is a declared value: where it is, and what.
type Arg struct {
	Source
	Type policy.Type
	// Size is where the length of a char_buf is, if that is declared.
	Size Source
}

// Source is where an attach point has a value.
type Source struct {
	Kind   SourceKind
	Index  int    // of a Register
	Value  uint64 // of a Constant, extended to 64 bits as its type demands
	Offset uint32 // of a field, in the record of the tracepoint
	// Size is that of a Field in bytes, and that of a Register if it carries
	// fewer than 8 and 0 otherwise.
	Size int
	// Signed says that a value of fewer than 8 bytes has a sign.
	Signed bool
	// Steps lead from there to the value.
	Steps []Step
}

// SourceKind says what a Source is.
type SourceKind int

// The kinds of Source. The zero value is an argument nobody offers.
const (
	None          SourceKind = iota
	Register                 // argument Index of the attach point, or what it returned
	Constant                 // always Value there
	Field                    // Size bytes of the record at Offset
	FieldAddress             // the address of the field at Offset
	FieldLocation            // the address of the data that the field at Offset locates
	CurrentTask              // the address of the current task
)

// ReturnRegister is the Index of the return value.
const ReturnRegister = 6

// Step adds Offset, and the Index unless it is nil, to a value and then, unless
// Load is 0, takes the Load bytes at that address for the value. Signed says that
// those have a sign. The value that ABI ends at is the number of the current system
// call, to which it adds 1<<31 for a 32-bit one.
type Step struct {
	Offset int64
	Index  *Index
	Load   int
	ABI    bool
	Signed bool
}

// Index is the word of the program's context at Offset, a register, times 2 to
// the power of Shift.
type Index struct {
	Offset uint32
	Shift  int
}

// Guard is a condition of the attach point itself, for a tracepoint that sees
// more than the function it stands for: some bit of Mask is set in argument
// Arg, or in the word of user memory it points to.
type Guard struct {
	Arg         int
	Dereference bool
	Mask        uint64
}

// Input is everything Compile needs.
type Input struct {
	Guard *Guard // of the call, whatever it returns
	Rules []Rule
	// Binaries gives the ids of all paths in filters on executables with In or
	// NotIn.
	Binaries map[string]uint32
	// Descents gives the numbers of the lists of paths in filters with
	// FollowChildren, by their PathsKey.
	Descents map[uint64]uint32
	// Changes gives the numbers by which the kernel keeps what rules with filters
	// on changes saw last, by their slots.
	Changes map[uint32]uint32
	// HostNamespaces gives the inode numbers which host_ns stands for.
	HostNamespaces map[policy.Namespace]uint32
	// Exit asks for the half that runs when the function returns.
	Exit bool
	// Lists gives the numbers in the lists that filters name.
	Lists map[string][]policy.Range
	// Scopes gives the numbers of all scopes, by their keys.
	Scopes map[string]uint32
}

// NeedsReturn says whether selectors cannot be decided before the function
// returns.
func NeedsReturn(selectors []policy.Selector) bool {
	return slices.ContainsFunc(selectors, func(s policy.Selector) bool { return len(s.Return) > 0 })
}
