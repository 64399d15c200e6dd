// SPDX-License-Identifier: Apache-2.0

package policy

// argTypes are the types that an argument of a kprobe can be declared with.
func argTypes() []string {
	return []string{
		"int", "sint8", "int8", "uint8", "sint16", "int16", "uint16", "uint32", "sint32", "int32",
		"ulong", "uint64", "size_t", "long", "sint64", "int64",
		"char_buf", "char_iovec", "skb", "sock", "sockaddr", "socket", "sockaddr_un",
		"string", "fd", "file", "filename", "path", "nop", "bpf_attr", "perf_event", "bpf_map",
		"user_namespace", "capability", "kiocb", "iov_iter", "cred", "load_info", "module",
		"kernel_cap_t", "cap_inheritable", "cap_permitted", "cap_effective", "linux_binprm",
		"data_loc", "net_device", "bpf_cmd", "dentry", "bpf_prog",
	}
}

// tracepointTypes are those which the format refuses for kprobes.
func tracepointTypes() []string {
	return []string{"auto", "syscall64", "const_buf"}
}

// argOperators are the operators for integer arguments.
func argOperators() []Operator {
	return []Operator{Equal, NotEqual, GreaterThan, LessThan, Mask, InRange, NotInRange}
}

// laterArgOperators are the format's other operators for arguments.
func laterArgOperators() []string {
	return []string{
		"Prefix", "NotPrefix", "Postfix", "NotPostfix", "SubString", "SubStringIgnCase",
		"InMap", "NotInMap", "SPort", "NotSPort", "SPortPriv", "NotSPortPriv", "DPort", "NotDPort",
		"DPortPriv", "NotDPortPriv", "SAddr", "NotSAddr", "DAddr", "NotDAddr",
		"Protocol", "Family", "State", "FileType", "NotFileType", "CapabilitiesGained", "CelExpr",
	}
}

// laterBinaryOperators are the format's other operators for binaries.
func laterBinaryOperators() []string {
	return []string{"Prefix", "NotPrefix", "Postfix", "NotPostfix"}
}

// alias returns the operator for the short and the lower-case spellings that
// are common in policies.
func alias(word string) Operator {
	switch word {
	case "eq":
		return Equal
	case "neq":
		return NotEqual
	case "gt", "GT":
		return GreaterThan
	case "lt", "LT":
		return LessThan
	case "mask":
		return Mask
	case "inrange":
		return InRange
	case "notinrange":
		return NotInRange
	case "in":
		return In
	case "notin":
		return NotIn
	}
	return Operator(word)
}

func capabilitySets() []string {
	return []string{string(Effective), string(Inheritable), string(Permitted)}
}

func namespaces() []string {
	return []string{
		string(Uts), string(Ipc), string(Mnt), string(Pid), string(PidForChildren), string(Net),
		string(Time), string(TimeForChildren), string(Cgroup), string(User),
	}
}

// laterActions are the actions which do more than to post an event.
func laterActions() []string {
	return []string{
		"Sigkill", "Signal", "Override", "GetUrl", "DnsLookup", "TrackSock", "UntrackSock",
		"NotifyEnforcer", "CleanupEnforcerNotification", "Set",
	}
}

// capabilities are the names in uapi/linux/capability.h in the order of their
// numbers, from 0.
func capabilities() []string {
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
