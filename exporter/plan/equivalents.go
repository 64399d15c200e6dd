// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"github.com/tetrameter/tetrameter/exporter/match"
	"github.com/tetrameter/tetrameter/exporter/policy"
)

// Numbers of the kernel's headers.
const (
	cloneNewUser = 0x10000000 // CLONE_NEWUSER, include/uapi/linux/sched.h
	// readingModule is READING_MODULE of include/linux/kernel_read_file.h, the
	// same since 5.9.
	readingModule = 2
	mayWrite      = 2 // MAY_WRITE, include/linux/fs.h
	mayRead       = 4 // MAY_READ
	tcpSynSent    = 2 // TCP_SYN_SENT, include/net/tcp_states.h
	tcpClose      = 7 // TCP_CLOSE
	ipprotoTCP    = 6 // IPPROTO_TCP, include/uapi/linux/in.h
)

// Equivalents is the table of functions with equivalent tracepoints. System
// calls are not in it: each has its own sys_enter tracepoint.
func Equivalents() []Equivalent {
	table := []Equivalent{
		{
			Function: "create_user_ns",
			Points: []StandIn{
				syscallStandIn("unshare", &match.Guard{Arg: 0, Mask: cloneNewUser}),
				syscallStandIn("clone", &match.Guard{Arg: 0, Mask: cloneNewUser}),
				syscallStandIn("clone3", &match.Guard{Arg: 0, Dereference: true, Mask: cloneNewUser}),
			},
			Difference: "also counts calls refused before the function is reached, as unshare in a multithreaded process is; the new credentials are no argument",
		},
		{
			Function:   "security_kernel_module_request",
			Points:     []StandIn{{Event: "module/module_request", Args: []Value{{Field: "name", Type: "string"}}}},
			Difference: "does not count requests that a security module refused",
		},
		{
			Function:   "security_kernel_read_file",
			Points:     []StandIn{syscallStandIn("finit_module", nil, typed(register(0), "fd"), constant(readingModule))},
			Difference: "counts finit_module, so module files only, also when the file cannot be read",
		},
		{
			Function:   "security_bprm_check",
			Points:     []StandIn{{Event: "sched/sched_process_exec", Args: []Value{{Task: "mm.exe_file", Type: "file"}}}},
			Difference: "counts an execution once and when it succeeded: a script with its interpreter only, one that fails not at all",
		},
		{
			Function: "tcp_connect",
			Points: []StandIn{{
				Event: "sock/inet_sock_set_state",
				Args:  []Value{{Field: "skaddr"}},
				When:  []Condition{{"newstate", tcpSynSent}, {"oldstate", tcpClose}, {"protocol", ipprotoTCP}},
				Lacks: []policy.Operator{policy.SPort, policy.SPortPriv, policy.State},
				Unset: setByConnect(),
			}},
			Difference: "comes before a source port is chosen and the state is stored; also counts attempts that find no free port, and a fast open when it connects rather than when it sends",
		},
	}
	return append(append(table, files()...), identities()...)
}

// setByConnect are the members of a socket that connecting sets between the
// event and tcp_connect: tcp_v4_connect and tcp_v6_connect (net/ipv4/tcp_ipv4.c,
// net/ipv6/tcp_ipv6.c), and inet_hash_connect in them.
func setByConnect() []string {
	return []string{
		"skc_state", "skc_num", "skc_portpair", "skc_hash", "skc_u16hashes", "skc_bind_node",
		"inet_sport", "inet_id", "icsk_bind_hash", "icsk_bind2_hash", "write_seq", "tsoffset", "sk_txhash",
	}
}

// files are the functions that ask security modules about files. System calls
// have the descriptor of the file and reach them from user space only.
func files() []Equivalent {
	return []Equivalent{
		{
			Function:   "security_file_permission",
			Points:     filePermission(),
			Difference: "counts system calls: also those with a bad descriptor, one for all parts of a vector, both ends of splice, none of io_uring, mmap and the kernel itself, nor 32-bit ones",
		},
		{
			Function: "security_mmap_file",
			Points: []StandIn{syscallStandIn("mmap", nil,
				typed(register(4), "fd"), Value{Source: register(2)}, Value{Source: register(3)})},
			Difference: "counts mmap of user space, not the mappings that executing a program makes",
		},
		{
			Function: "security_path_truncate",
			Points: []StandIn{{
				Event: syscallEvents + "truncate",
				Args:  []Value{typed(register(0), "string")},
				Lacks: []policy.Operator{policy.FileType},
			}},
			Difference: "the path is what the program said: relative paths and links are not resolved; also counts calls that fail, does not see open with O_TRUNC and, before Linux 6.2, ftruncate",
		},
		{
			Function:   "security_file_truncate",
			Points:     []StandIn{syscallStandIn("ftruncate", nil, typed(register(0), "fd"))},
			Difference: "also counts calls with a bad descriptor; does not see open with O_TRUNC",
		},
	}
}

func filePermission() []StandIn {
	var points []StandIn
	add := func(mask uint64, fd int, calls ...string) {
		for _, call := range calls {
			points = append(points, syscallStandIn(call, nil, typed(register(fd), "fd"), constant(mask)))
		}
	}
	add(mayRead, 0, "read", "pread64", "readv", "preadv", "preadv2", "getdents", "getdents64")
	add(mayWrite, 0, "write", "pwrite64", "writev", "pwritev", "pwritev2", "fallocate")
	add(mayWrite, 0, "sendfile64")
	add(mayRead, 1, "sendfile64")
	add(mayRead, 0, "copy_file_range", "splice")
	add(mayWrite, 2, "copy_file_range", "splice")
	return points
}

// identities are the functions of the system calls that change user and group.
func identities() []Equivalent {
	var table []Equivalent
	for _, call := range []struct {
		name string
		args int
	}{
		{"setuid", 1},
		{"setgid", 1},
		{"setreuid", 2},
		{"setregid", 2},
		{"setresuid", 3},
		{"setresgid", 3},
		{"setfsuid", 1},
		{"setfsgid", 1},
	} {
		table = append(table, Equivalent{
			Function:   "__sys_" + call.name,
			Points:     []StandIn{syscallStandIn(call.name, nil, registers(call.args)...)},
			Difference: "does not see 32-bit system calls",
		})
	}
	return table
}
