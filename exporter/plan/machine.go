// SPDX-License-Identifier: Apache-2.0

package plan

import "github.com/cilium/ebpf/btf"

// Kernel is what a plan needs to know of the machine it is for.
type Kernel interface {
	// Arch is the machine's architecture as Go spells it.
	Arch() string
	// Attachable returns nil if programs of the kind attach at all, else why
	// they do not.
	Attachable(Kind) error
	// Preemptible says whether tasks can be taken off a CPU within a fentry
	// program, which makes the kernel miss events of others there.
	Preemptible() bool
	// Function returns the prototype of a kernel function, or why it is not
	// known.
	Function(name string) (*btf.FuncProto, error)
	// RawTracepoint returns the prototype of the programs of an event, without
	// the first parameter, which programs do not get.
	RawTracepoint(event string) (*btf.FuncProto, error)
	// Type returns a type by its name, of a module if that is named.
	Type(name, module string) (btf.Type, error)
	// Format returns the record of the event "group/name", or that there is no
	// such event.
	Format(event string) (Format, error)
	// Syscalls returns the functions that system calls enter.
	Syscalls() ([]string, error)
	// Traceable returns the functions that can be probed.
	Traceable() ([]string, error)
	// Executable returns what is known of a file that is executed.
	Executable(path string) (Executable, error)
}

// Executable is a program or a library.
type Executable interface {
	// ID returns what identifies the file.
	ID() FileID
	// Symbol returns the offset in the file where a function begins.
	Symbol(name string) (uint64, error)
	// Address returns the offset in the file of a virtual address.
	Address(address uint64) (uint64, error)
	// Digest returns the checksum of the file by an algorithm (sha1, sha256,
	// sha384, sha512), or its build-id, in hexadecimal digits.
	Digest(algorithm string) (string, error)
	// Probes returns the places of a static probe (USDT).
	Probes(provider, name string) ([]Probe, error)
}

// Probe is one place of a static probe.
type Probe struct {
	Offset    uint64 // in the file
	Semaphore uint64 // offset in the file of the counter that switches it on, or 0
	Args      string // as the assembler saw them: "-4@%edi 8@-16(%rbp)"
}
