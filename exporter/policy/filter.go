// SPDX-License-Identifier: Apache-2.0

package policy

import "net/netip"

// Selector is a conjunction of filters. Macros are part of it already.
type Selector struct {
	Pos   Pos
	Label string
	Args  []ArgFilter // matchArgs, over Hook.Args
	Data  []ArgFilter // matchData, over Hook.Data
	// Return are filters of the return value, which is known only later.
	Return            []ArgFilter // matchReturnArgs; Arg is 0
	PIDs              []PIDFilter
	Binaries          []BinaryFilter
	ParentBinaries    []BinaryFilter
	Capabilities      []CapabilityFilter
	CapabilityChanges []CapabilityFilter
	Namespaces        []NamespaceFilter
	NamespaceChanges  []NamespaceChangeFilter
	Workloads         []WorkloadFilter
	Actions           []Action
	ReturnActions     []Action
}

// ArgFilter compares one argument with values. For the positive operators any
// value may match, for the negated ones none may.
type ArgFilter struct {
	Pos Pos
	Arg int // position in Hook.Args or Hook.Data
	// Second is the position of the other argument of CapabilitiesGained: the
	// set after, where Arg is the set before.
	Second   int
	Operator Operator
	// Values are integers, ports, protocols (IPPROTO_*), families (AF_*), states
	// (TCP_*), or types of files (S_IFMT >> 12), as the operator demands. Those
	// for an argument of type Auto have 64 bits; Equal and NotEqual then have
	// them in Strings too, and here only if all are integers.
	Values []Range
	// Lists are the lists of InMap and NotInMap, in addition to Values.
	Lists    []string
	Strings  []string       // of the operators on text
	Prefixes []netip.Prefix // of SAddr and DAddr, masked
	// Expr is what CelExpr evaluates; its arguments are positions in Hook.Args,
	// and Arg has no meaning.
	Expr *Expr
}

// Range is an inclusive range of integers; a single value has Min == Max.
// The bits are those of the argument's type: a negative int has its two's
// complement, sign extended to 64 bits.
type Range struct {
	Min, Max uint64
}

// PIDFilter tests the process id of the current task.
type PIDFilter struct {
	Pos         Pos
	Operator    Operator // In or NotIn
	Values      []uint32
	FollowForks bool // ancestors count too
	Namespace   bool // ids in the process's own pid namespace
}

// BinaryFilter compares the resolved path of an executable.
type BinaryFilter struct {
	Pos            Pos
	Operator       Operator // In, NotIn, Prefix, NotPrefix, Postfix, NotPostfix
	Paths          []string
	FollowChildren bool // ancestors count too
}

// CapabilityFilter tests a capability set of the current task. In matches
// when the set holds at least one of Mask, NotIn when it holds none of them.
type CapabilityFilter struct {
	Pos      Pos
	Set      CapabilitySet
	Operator Operator
	Mask     uint64 // bit n is capability n of uapi/linux/capability.h
	// Namespace restricts the filter to tasks that are not in the host's user
	// namespace.
	Namespace bool
}

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

// NamespaceChangeFilter tests which namespaces the process changed since its
// program was executed.
type NamespaceChangeFilter struct {
	Pos        Pos
	Operator   Operator // In or NotIn
	Namespaces []Namespace
}

// WorkloadFilter restricts a selector to a scope.
type WorkloadFilter struct {
	Pos   Pos
	Scope Scope
}

// Operator is a comparison, spelt as in the format.
type Operator string

// The operators.
const (
	Equal              Operator = "Equal"
	NotEqual           Operator = "NotEqual"
	GreaterThan        Operator = "GreaterThan"
	LessThan           Operator = "LessThan"
	Mask               Operator = "Mask" // any bit of any value
	InRange            Operator = "InRange"
	NotInRange         Operator = "NotInRange"
	In                 Operator = "In"
	NotIn              Operator = "NotIn"
	InMap              Operator = "InMap"
	NotInMap           Operator = "NotInMap"
	Prefix             Operator = "Prefix"
	NotPrefix          Operator = "NotPrefix"
	Postfix            Operator = "Postfix"
	NotPostfix         Operator = "NotPostfix"
	SubString          Operator = "SubString"
	SubStringIgnCase   Operator = "SubStringIgnCase"
	SPort              Operator = "SPort"
	NotSPort           Operator = "NotSPort"
	DPort              Operator = "DPort"
	NotDPort           Operator = "NotDPort"
	SPortPriv          Operator = "SPortPriv"
	NotSPortPriv       Operator = "NotSPortPriv"
	DPortPriv          Operator = "DPortPriv"
	NotDPortPriv       Operator = "NotDPortPriv"
	SAddr              Operator = "SAddr"
	NotSAddr           Operator = "NotSAddr"
	DAddr              Operator = "DAddr"
	NotDAddr           Operator = "NotDAddr"
	Protocol           Operator = "Protocol"
	Family             Operator = "Family"
	State              Operator = "State"
	FileType           Operator = "FileType"
	NotFileType        Operator = "NotFileType"
	CapabilitiesGained Operator = "CapabilitiesGained"
	CelExpr            Operator = "CelExpr"
)

// Negated says whether all values must differ rather than one be equal.
func (o Operator) Negated() bool {
	switch o {
	case NotEqual, NotInRange, NotIn, NotInMap, NotPrefix, NotPostfix, NotSPort, NotDPort,
		NotSPortPriv, NotDPortPriv, NotSAddr, NotDAddr, NotFileType:
		return true
	}
	return false
}

// Positive returns the operator of which o is the negation, or o.
func (o Operator) Positive() Operator {
	if o.Negated() {
		return o[len("Not"):]
	}
	return o
}

// Expr is a node of an expression over integers. A comparison yields 0 or 1.
type Expr struct {
	Pos Pos
	// Op is "arg", "const", a conversion such as "int32", or an operator:
	// + - && || ! == != < <= > >= & | ^ ~
	Op    string
	Arg   int    // of "arg": position in Hook.Args
	Value uint64 // of "const", sign extended
	// Type is the integer type of the result; both sides of an operator have the
	// same. That of comparisons and logical operators is one bit, unsigned.
	Type Integer
	Args []*Expr
}

// ActionKind is what to do on a match, spelt as in the format.
type ActionKind string

// The actions.
const (
	Post            ActionKind = "Post"
	NoPost          ActionKind = "NoPost"
	Sigkill         ActionKind = "Sigkill"
	Signal          ActionKind = "Signal"
	Override        ActionKind = "Override"
	GetURL          ActionKind = "GetUrl"
	DNSLookup       ActionKind = "DnsLookup"
	TrackSock       ActionKind = "TrackSock"
	UntrackSock     ActionKind = "UntrackSock"
	NotifyEnforcer  ActionKind = "NotifyEnforcer"
	CleanupEnforcer ActionKind = "CleanupEnforcerNotification"
	Set             ActionKind = "Set"
)

// Enforces says whether the action changes what the task does.
func (k ActionKind) Enforces() bool {
	switch k {
	case Sigkill, Signal, Override, NotifyEnforcer, Set:
		return true
	}
	return false
}

// Action is an entry of matchActions or matchReturnActions.
type Action struct {
	Pos  Pos
	Kind ActionKind
	// RateLimit is the interval in which one event is posted, in seconds; 0 for
	// none. It has no effect on counting.
	RateLimit      uint64
	RateLimitScope string // thread, process or global
	KernelStack    bool
	UserStack      bool
	IMAHash        bool
	ArgError       int32
	ArgSig         uint32
	ArgSock        uint32
	ArgIndex       uint32
	ArgValue       uint32
	ArgURL         string
	ArgFQDN        string
	// Where Override of a uprobe continues, and with which registers.
	ArgRegs      []string
	ArgNewSymbol string
	ArgNewAddr   uint64
	ArgNewOffset uint64
}
