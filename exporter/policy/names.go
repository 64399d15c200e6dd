// SPDX-License-Identifier: Apache-2.0

package policy

// The functions of this file are the words of the language, for the decoder and
// for the documentation that is generated from them.

// Sections returns the parts of spec that declare hooks.
func Sections() []Section {
	return []Section{Kprobes, Fentries, Tracepoints, LSMHooks, Uprobes, USDTs}
}

// Types returns the types that an argument in the section can be declared with.
func Types(s Section) []Type {
	types := []Type{
		"int", "sint8", "int8", "uint8", "sint16", "int16", "uint16", "uint32", "sint32", "int32",
		"ulong", "uint64", "size_t", "long", "sint64", "int64",
		"char_buf", "char_iovec", "skb", "sock", "sockaddr", "socket", "sockaddr_un",
		"string", "fd", "file", "filename", "path", "nop", "bpf_attr", "perf_event", "bpf_map",
		"user_namespace", "capability", "kiocb", "iov_iter", "cred", "load_info", "module",
		"kernel_cap_t", "cap_inheritable", "cap_permitted", "cap_effective", "linux_binprm",
		"data_loc", "net_device", "bpf_cmd", "dentry", "bpf_prog",
	}
	if s == Tracepoints {
		types = append(types, tracepointTypes()...)
	}
	return types
}

// tracepointTypes are those which the format refuses elsewhere.
func tracepointTypes() []Type {
	return []Type{Auto, Syscall64, "const_buf"}
}

// ListTypes returns the types of lists.
func ListTypes() []ListType {
	return []ListType{Functions, Syscalls, GeneratedSyscalls, GeneratedFtrace}
}

// ABIs returns the names that can stand before a system call and a slash.
func ABIs() []string {
	return []string{"x64", "i386", "arm64", "arm32"}
}

// DataSources returns where entries of data can come from.
func DataSources() []DataSource {
	return []DataSource{CurrentTask, PtRegs}
}

// CapabilitySets returns the sets that matchCapabilities can test.
func CapabilitySets() []CapabilitySet {
	return []CapabilitySet{Effective, Inheritable, Permitted}
}

// Namespaces returns the namespaces that matchNamespaces can test.
func Namespaces() []Namespace {
	return []Namespace{Uts, Ipc, Mnt, Pid, PidForChildren, Net, Time, TimeForChildren, Cgroup, User}
}

// Actions returns the actions that hooks of the section can have.
func Actions(s Section) []ActionKind {
	switch s {
	case Kprobes:
		return []ActionKind{
			Post, NoPost, Sigkill, Signal, Override, GetURL, DNSLookup, TrackSock, UntrackSock,
			NotifyEnforcer, CleanupEnforcer,
		}
	case Fentries:
		return []ActionKind{Post, NoPost, GetURL, DNSLookup, TrackSock, UntrackSock}
	case Tracepoints:
		return []ActionKind{
			Post, NoPost, Sigkill, Signal, GetURL, DNSLookup, TrackSock, UntrackSock,
			NotifyEnforcer, CleanupEnforcer,
		}
	case LSMHooks:
		return []ActionKind{Post, NoPost, Sigkill, Signal, Override}
	case Uprobes:
		return []ActionKind{Post, NoPost, Sigkill, Signal, Override, GetURL, DNSLookup}
	case USDTs:
		return []ActionKind{Post, NoPost, Sigkill, Signal, GetURL, DNSLookup, Set}
	}
	return nil
}

// actionKinds are the actions of all sections.
func actionKinds() []ActionKind {
	return append(Actions(Kprobes), Set)
}

// removedActions are those which the format had in earlier versions.
func removedActions() []ActionKind {
	return []ActionKind{"FollowFD", "UnfollowFD", "CopyFD"}
}

// Capabilities returns the names in uapi/linux/capability.h in the order of
// their numbers, from 0.
func Capabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID",
		"CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE",
		"CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK",
		"CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
		"CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
		"CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
		"CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
		"CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
		"CAP_CHECKPOINT_RESTORE",
	}
}

// ReturnArgActions are the actions that returnArgAction may name.
func ReturnArgActions() []ActionKind { return []ActionKind{Post, TrackSock, UntrackSock} }
