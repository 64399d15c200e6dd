// SPDX-License-Identifier: Apache-2.0

package policy

// Type is an argument type, spelt as in the format.
type Type string

// The types with a meaning of their own in tracepoints.
const (
	// Auto is the type that the description of the event gives to the field.
	Auto Type = "auto"
	// Syscall64 is the number of a system call, with 0x80000000 added for one of
	// a 32 bit ABI.
	Syscall64 Type = "syscall64"
)

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
	case "long", "sint64", "int64", Syscall64:
		return Integer{64, true}, true
	case "ulong", "uint64", "size_t":
		return Integer{64, false}, true
	}
	return Integer{}, false
}

// Class says how values of a type are compared.
type Class int

// The classes of types. Values of an Opaque type can be declared, for the
// events, but no filter compares them.
const (
	Opaque Class = iota
	IntegerClass
	TextClass       // strings and paths
	SocketClass     // addresses, ports, protocol
	CapabilityClass // sets of capabilities
)

// Class returns the class of a type.
func (t Type) Class() Class {
	switch t {
	case "string", "char_buf", "char_iovec", "fd", "file", "filename", "path", "dentry", "kiocb",
		"linux_binprm", "data_loc", "net_device", "sockaddr_un", "module", "load_info":
		return TextClass
	case "sock", "skb", "sockaddr", "socket":
		return SocketClass
	case "kernel_cap_t", "cap_inheritable", "cap_permitted", "cap_effective", "cred":
		return CapabilityClass
	}
	if _, ok := t.Integer(); ok {
		return IntegerClass
	}
	return Opaque
}

// File says whether values of the type stand for a file, which has a type of
// its own (FileType).
func (t Type) File() bool {
	switch t {
	case "fd", "file", "path", "dentry", "kiocb", "linux_binprm":
		return true
	}
	return false
}
