// SPDX-License-Identifier: Apache-2.0

// Package policy turns TracingPolicy documents into Policy values: strict
// decoding, defaults and validation, with every problem reported at its file,
// line and column. It is pure: it opens nothing, knows no kernel and no BPF.
// Package plan reads its values next.
package policy

import "fmt"

// Pos is a place in a policy file. Line and Column count from 1; the zero Pos
// is "nowhere".
type Pos struct {
	File   string
	Line   int
	Column int
}

// String is "file:line:column", the form editors and compilers understand.
func (p Pos) String() string {
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Policy is one TracingPolicy document after defaults and validation.
type Policy struct {
	Pos         Pos
	Name        string
	Namespace   string // empty for the cluster-scoped kind
	Annotations map[string]string
	// Enabled is false when the document asks not to be loaded
	// (AnnotationEnabled); such a policy is listed but attaches nothing.
	Enabled bool
	Hooks   []Hook
}

// Annotations of a policy which have a meaning to the agent. Others that begin
// with AnnotationDomain are refused, so that a misspelt one does not go unseen.
const (
	AnnotationDomain = "tetrameter.io/"
	// AnnotationEnabled keeps a policy that ships with the agent from being
	// loaded ("false") until an operator wants it; the default is "true".
	AnnotationEnabled = AnnotationDomain + "enabled"
	// AnnotationDescription says what the policy counts and what to expect.
	AnnotationDescription = AnnotationDomain + "description"
	// AnnotationSeverity is "info", "warning" or "critical".
	AnnotationSeverity = AnnotationDomain + "severity"
)

// Hook is one entry of spec.kprobes: a kernel function and what to match there.
type Hook struct {
	Pos Pos
	// Call is the function as the policy names it. For a syscall the
	// architecture's prefix is not part of it yet.
	Call    string
	Syscall bool
	// Return asks for the return value as well. An event is still one event.
	Return             bool
	ReturnArg          *Arg
	Message            string
	Tags               []string
	IgnoreCallNotFound bool
	Args               []Arg
	// Selectors are alternatives: the first that matches decides. None at all
	// matches every event.
	Selectors []Selector
}

// Arg declares an argument of the hooked function.
type Arg struct {
	Pos   Pos
	Index int // position in the function's parameter list, from 0
	Type  Type
	Label string
}

// Selector is a conjunction of filters.
type Selector struct {
	Pos          Pos
	Args         []ArgFilter
	Binaries     []BinaryFilter
	Capabilities []CapabilityFilter
	Namespaces   []NamespaceFilter
}

// ArgFilter compares one argument with values. For the positive operators any
// value may match, for the negated ones none may.
type ArgFilter struct {
	Pos      Pos
	Arg      int // position in Hook.Args
	Operator Operator
	Values   []Range
}

// Range is an inclusive range of integers; a single value has Min == Max.
// The bits are those of the argument's type: a negative int has its two's
// complement, sign extended to 64 bits.
type Range struct {
	Min, Max uint64
}

// BinaryFilter compares the resolved path of the current executable.
type BinaryFilter struct {
	Pos      Pos
	Operator Operator // In or NotIn
	Paths    []string
}

// CapabilityFilter tests a capability set of the current task. In matches
// when the set holds at least one of Mask, NotIn when it holds none of them.
type CapabilityFilter struct {
	Pos      Pos
	Set      CapabilitySet
	Operator Operator
	Mask     uint64 // bit n is capability n of uapi/linux/capability.h
}

// CapabilitySet names one of the sets in struct cred.
type CapabilitySet string

// The capability sets a filter can test.
const (
	Effective   CapabilitySet = "Effective"
	Inheritable CapabilitySet = "Inheritable"
	Permitted   CapabilitySet = "Permitted"
)

// NamespaceFilter tests the inode number of one of the current task's
// namespaces.
type NamespaceFilter struct {
	Pos       Pos
	Namespace Namespace
	Operator  Operator // In or NotIn
	// Inodes are the values given as numbers.
	Inodes []uint32
	// Host is true when host_ns is among the values: the namespace of the
	// host's first process, known only where the policy is loaded.
	Host bool
}

// Namespace names a namespace as TracingPolicy does.
type Namespace string

// The namespaces a filter can test.
const (
	Uts             Namespace = "Uts"
	Ipc             Namespace = "Ipc"
	Mnt             Namespace = "Mnt"
	Pid             Namespace = "Pid"
	PidForChildren  Namespace = "PidForChildren"
	Net             Namespace = "Net"
	Time            Namespace = "Time"
	TimeForChildren Namespace = "TimeForChildren"
	Cgroup          Namespace = "Cgroup"
	User            Namespace = "User"
)

// Operator is a comparison, spelt as in the format.
type Operator string

// The operators of the supported subset.
const (
	Equal       Operator = "Equal"
	NotEqual    Operator = "NotEqual"
	GreaterThan Operator = "GreaterThan"
	LessThan    Operator = "LessThan"
	Mask        Operator = "Mask" // any bit of any value
	InRange     Operator = "InRange"
	NotInRange  Operator = "NotInRange"
	In          Operator = "In"
	NotIn       Operator = "NotIn"
)

// Negated says whether all values must differ rather than one be equal.
func (o Operator) Negated() bool {
	return o == NotEqual || o == NotInRange || o == NotIn
}

// Type is an argument type, spelt as in the format.
type Type string

// Integer describes the integer types.
type Integer struct {
	Bits   int
	Signed bool
}

// Integer returns the width and sign of an integer type; ok is false for the
// types that are not integers.
func (t Type) Integer() (i Integer, ok bool) {
	switch t {
	case "int", "sint32", "int32":
		return Integer{32, true}, true
	case "uint32":
		return Integer{32, false}, true
	case "sint8", "int8":
		return Integer{8, true}, true
	case "uint8":
		return Integer{8, false}, true
	case "sint16", "int16":
		return Integer{16, true}, true
	case "uint16":
		return Integer{16, false}, true
	case "long", "sint64", "int64":
		return Integer{64, true}, true
	case "ulong", "uint64", "size_t":
		return Integer{64, false}, true
	}
	return Integer{}, false
}
