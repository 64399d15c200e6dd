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

// Policy is one TracingPolicy or TracingPolicyNamespaced document after defaults
// and validation.
type Policy struct {
	Pos         Pos
	Name        string
	Namespace   string // empty for the cluster-scoped kind
	Annotations map[string]string
	// Severity is how much an event matters (AnnotationSeverity).
	Severity Severity
	// Enabled is false when the document asks not to be loaded
	// (AnnotationEnabled); such a policy is listed but attaches nothing.
	Enabled bool
	Hooks   []Hook
	Lists   []List
	Options Options
	// Scope says which processes the policy is for.
	Scope Scope
	// Node restricts the policy to nodes whose labels match; nil means all.
	Node *LabelSelector
	// Ignored are the parts that have no effect on counting.
	Ignored []Note
}

// Note is something worth telling about a part of a policy that loads.
type Note struct {
	Pos  Pos
	Path string // of the field: spec.loader
	Text string
}

// Options are the entries of spec.options which have an effect.
type Options struct {
	// Monitor is true when policy-mode asks not to enforce.
	Monitor bool
	// NoKprobeMulti and NoUprobeMulti ask for single attachments.
	NoKprobeMulti, NoUprobeMulti bool
	// OverrideMethod is "fmod-ret", "override-return" or empty.
	OverrideMethod string
}

// Scope is podSelector, containerSelector and hostSelector, of a policy or of
// one selector (matchWorkloads). With all three nil every process is in scope;
// otherwise those of matching pods are and, if Host is set, the host's.
type Scope struct {
	Pod, Container *LabelSelector
	Host           bool // hostSelector: {}
}

// Everything says whether the scope leaves out no process.
func (s Scope) Everything() bool {
	return s.Pod == nil && s.Container == nil && !s.Host
}

// LabelSelector is a conjunction of conditions on labels, as Kubernetes has
// them; none at all select everything.
type LabelSelector struct {
	Pos          Pos
	Requirements []Requirement // matchLabels are those with one value and In
}

// Requirement is one condition of a LabelSelector.
type Requirement struct {
	Key      string
	Operator string // In, NotIn, Exists, DoesNotExist
	Values   []string
}

// List is an entry of spec.lists: functions or system calls with one name.
type List struct {
	Pos  Pos
	Name string
	Type ListType
	// Values are the names as written; syscalls may have an ABI: i386/sys_dup.
	Values []string
	// Pattern selects among the functions that can be traced (RE2), for
	// GeneratedFtrace only.
	Pattern string
}

// ListType says what the values of a List are and where they come from.
type ListType string

// The types of lists.
const (
	Functions         ListType = ""
	Syscalls          ListType = "syscalls"
	GeneratedSyscalls ListType = "generated_syscalls"
	GeneratedFtrace   ListType = "generated_ftrace"
)

// Annotations of a policy which have a meaning to the agent. Others that begin
// with AnnotationDomain are refused, so that a misspelt one does not go unseen.
const (
	AnnotationDomain = "tetrameter.io/"
	// AnnotationEnabled keeps a policy that ships with the agent from being
	// loaded ("false") until an operator wants it; the default is "true".
	AnnotationEnabled = AnnotationDomain + "enabled"
	// AnnotationDescription says what the policy counts and what to expect.
	AnnotationDescription = AnnotationDomain + "description"
	// AnnotationSeverity is a Severity; the default is Warning.
	AnnotationSeverity = AnnotationDomain + "severity"
)

// Severity says how much the events of a policy matter, in the words of alerts.
type Severity string

// The severities.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Section is the part of spec that a hook is declared in.
type Section string

// The sections that declare hooks.
const (
	Kprobes     Section = "kprobes"
	Fentries    Section = "fentries"
	Tracepoints Section = "tracepoints"
	LSMHooks    Section = "lsmhooks"
	Uprobes     Section = "uprobes"
	USDTs       Section = "usdts"
)

// Hook is one entry of a section: a place in the kernel or in a program and
// what to match there.
type Hook struct {
	Pos     Pos
	Section Section
	// Call is the function of Kprobes and Fentries, "list:NAME" for those of a
	// list, the hook of LSMHooks. For a syscall the architecture's prefix is not
	// part of it yet.
	Call    string
	Syscall bool
	// Tracepoint is the event of Tracepoints.
	Tracepoint Tracepoint
	// User is the place of Uprobes and USDTs.
	User UserProbe
	// Return asks for the return value as well. An event is still one event.
	Return    bool
	ReturnArg *Arg
	// ReturnAction is one of ReturnArgActions or empty.
	ReturnAction       ActionKind
	Message            string
	Tags               []string
	IgnoreCallNotFound bool
	Args               []Arg
	Data               []Arg
	// Selectors are alternatives: the first that matches decides. None at all
	// matches every event.
	Selectors []Selector
}

// Tracepoint names an event of the kernel.
type Tracepoint struct {
	Subsystem, Event string
	// Raw gives the arguments of the tracepoint's function instead of the fields
	// of its record.
	Raw bool
}

// UserProbe names places in a file that is executed.
type UserProbe struct {
	Path, BTFPath string
	// One of these three is set for Uprobes. A symbol may have an offset:
	// malloc+0x10.
	Symbols         []string
	Offsets, Addrs  []uint64
	RefCtrOffsets   []uint64
	Provider, Name  string   // for USDTs
	Digests         []string // "sha256:..." of the file, any of them
	IgnoreBadDigest bool
}

// Arg declares a value of the hook: an argument of the function, a field of the
// tracepoint, or data of the task.
type Arg struct {
	Pos   Pos
	Index int // position in the function's parameter list, from 0
	Type  Type
	Label string
	// Resolve is the way from the argument to the value: fields of structures,
	// and elements of arrays as "[3]".
	Resolve []string
	// BTFType and BTFModule name the type to begin with where the kernel's types
	// do not tell.
	BTFType, BTFModule string
	// SizeArg is the position of the argument with the size, counted from 1; 0
	// if there is none.
	SizeArg    int
	ReturnCopy bool
	MaxData    bool
	// Source is where Data come from.
	Source DataSource
}

// DataSource is where an entry of data comes from.
type DataSource string

// The sources of data; the empty one is an argument of the function.
const (
	CurrentTask DataSource = "current_task"
	PtRegs      DataSource = "pt_regs"
)

// CapabilitySet names one of the sets in struct cred.
type CapabilitySet string

// The capability sets a filter can test.
const (
	Effective   CapabilitySet = "Effective"
	Inheritable CapabilitySet = "Inheritable"
	Permitted   CapabilitySet = "Permitted"
)

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
