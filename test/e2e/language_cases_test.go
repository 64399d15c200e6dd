// SPDX-License-Identifier: Apache-2.0

package e2e

func fileCases() []languageCase {
	return []languageCase{{
		name:  "file-prefix",
		label: "kprobe:security_file_permission",
		hook: `
			kprobes:
			- call: security_file_permission
			  syscall: false
			  args:
			  - {index: 0, type: file}
			  - {index: 1, type: int}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: Prefix, values: ["/nowhere/", "$DIR/read"]}
			    - {index: 1, operator: Equal, values: ["4"]}`,
		match: []string{"pread", "$DIR/read.conf"},
		other: []string{"pread", "$DIR/other.txt"},
	}, {
		name:  "file-postfix",
		label: "kprobe:security_file_permission",
		hook: `
			kprobes:
			- call: security_file_permission
			  syscall: false
			  args:
			  - {index: 0, type: file}
			  - {index: 1, type: int}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: Postfix, values: ["write.log"]}
			    - {index: 1, operator: Mask, values: ["2"]}`,
		match: []string{"write", "$DIR/write.log"},
		other: []string{"pread", "$DIR/write.log"},
	}, {
		name:  "fd-equal",
		label: "kprobe:__x64_sys_ftruncate",
		hook: `
			kprobes:
			- call: sys_ftruncate
			  args:
			  - {index: 0, type: fd}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: Equal, values: ["$DIR/cut.dat"]}`,
		match: []string{"ftruncate", "$DIR/cut.dat"},
		other: []string{"ftruncate", "$DIR/other.txt"},
	}}
}

func stringCases() []languageCase {
	return []languageCase{{
		name:  "string-not-prefix",
		label: "kprobe:__x64_sys_mkdir",
		hook: `
			kprobes:
			- call: sys_mkdir
			  args:
			  - {index: 0, type: string}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: NotPrefix, values: ["$DIR/other"]}
			    - {index: 0, operator: Prefix, values: ["$DIR/"]}`,
		match: []string{"mkdir", "$DIR/made"},
		other: []string{"mkdir", "$DIR/other"},
	}, {
		name:  "string-contains",
		label: "kprobe:__x64_sys_truncate",
		hook: `
			kprobes:
			- call: sys_truncate
			  args:
			  - {index: 0, type: string}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: SubString, values: ["ut.d"]}`,
		match: []string{"truncate", "$DIR/cut.dat"},
		other: []string{"truncate", "$DIR/other.txt"},
	}}
}

func socketCases() []languageCase {
	connect := `
			kprobes:
			- call: tcp_connect
			  syscall: false
			  args:
			  - {index: 0, type: sock}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: DPort, values: ["%PORT"]}
			    - {index: 0, operator: DAddr, values: [%NET]}
			    - {index: 0, operator: Protocol, values: [IPPROTO_TCP]}
			    - {index: 0, operator: Family, values: [%FAMILY]}`
	return []languageCase{{
		name:  "connect-v4",
		label: "kprobe:tcp_connect",
		hook:  fill(connect, "%PORT", "2301", "%NET", `"10.0.0.0/8", "127.0.0.0/8"`, "%FAMILY", "AF_INET"),
		match: []string{"tcp", "127.0.0.1", "2301"},
		other: []string{"tcp", "127.0.0.1", "2399"},
	}, {
		name:  "connect-v6",
		label: "kprobe:tcp_connect",
		hook:  fill(connect, "%PORT", "2302", "%NET", `"::1/128"`, "%FAMILY", "AF_INET6"),
		match: []string{"tcp", "::1", "2302"},
		other: []string{"tcp", "127.0.0.1", "2302"},
	}, {
		name:  "connect-not",
		label: "kprobe:tcp_connect",
		hook: `
			kprobes:
			- call: tcp_connect
			  syscall: false
			  args:
			  - {index: 0, type: sock}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: NotDAddr, values: ["127.0.0.1", "::1", "10.0.0.0/8"]}`,
		match: []string{"tcp", "127.0.0.2", "2303"},
		other: []string{"tcp", "127.0.0.1", "2303"},
	}, {
		name:  "unix-connect",
		label: "tracepoint:syscalls/sys_enter_connect",
		hook: `
			tracepoints:
			- subsystem: syscalls
			  event: sys_enter_connect
			  args:
			  - {index: 6, type: sockaddr_un}
			  selectors:
			  - matchArgs:
			    - {args: [0], operator: Equal, values: ["@tetrameter"]}`,
		match: []string{"unix", "@tetrameter"},
		other: []string{"unix", "@other"},
	}}
}

func valueCases() []languageCase {
	return []languageCase{{
		name:  "expression",
		label: "kprobe:__x64_sys_setgid",
		hook: `
			kprobes:
			- call: sys_setgid
			  args:
			  - {index: 0, type: int}
			  selectors:
			  - matchArgs:
			    - {args: [0], operator: CelExpr, values: ["arg0 + 2 == 7 && arg0 > 0"]}`,
		match: []string{"setgid", "5"},
		other: []string{"setgid", "6"},
	}, {
		name:  "many-values",
		label: "kprobe:__sys_setuid",
		hook: `
			kprobes:
			- call: __sys_setuid
			  syscall: false
			  args:
			  - {index: 0, type: uint32}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: InMap, values: ["11", "22:24", "33", "44", "55", "66", "77", "88", "99", "111"]}`,
		match: []string{"setuid", "23"},
		other: []string{"setuid", "25"},
	}, {
		name:  "process",
		label: "kprobe:__sys_setgid",
		hook: `
			kprobes:
			- call: __sys_setgid
			  syscall: false
			  args:
			  - {index: 0, type: int}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: Equal, values: ["9"]}
			    matchPIDs:
			    - {operator: NotIn, followForks: true, isNamespacePID: true, values: [4194303]}
			    matchBinaries:
			    - {operator: Postfix, values: ["/trigger"]}`,
		match: []string{"setgid", "9"},
		other: []string{"setgid", "10"},
	}}
}

func sectionCases() []languageCase {
	return []languageCase{{
		name:  "tracepoint",
		label: "tracepoint:syscalls/sys_enter_unlink",
		hook: `
			tracepoints:
			- subsystem: syscalls
			  event: sys_enter_unlink
			  args:
			  - {index: 5, type: string}
			  selectors:
			  - matchArgs:
			    - {args: [0], operator: Postfix, values: ["/gone"]}`,
		match: []string{"unlink", "$DIR/gone"},
		other: []string{"unlink", "$DIR/went"},
	}, {
		name:  "raw-tracepoint",
		label: "tracepoint:raw_syscalls/sys_enter",
		hook: `
			tracepoints:
			- subsystem: raw_syscalls
			  event: sys_enter
			  raw: true
			  args:
			  - {index: 1, type: int64}
			  selectors:
			  - matchArgs:
			    - {args: [0], operator: Equal, values: ["82"]}`,
		match: []string{"rename", "$DIR/other.txt", "$DIR/other.txt"},
	}, {
		name:  "lsm",
		ways:  []string{"lsm", "fentry", "kprobe"},
		label: "lsm:path_truncate",
		hook: `
			lsmhooks:
			- hook: path_truncate
			  args:
			  - {index: 0, type: path}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: Postfix, values: ["/mapped.so"]}`,
		match: []string{"truncate", "$DIR/mapped.so"},
	}}
}

func programCases() []languageCase {
	return []languageCase{{
		name:  "uprobe",
		label: "uprobe:$TRIGGER/trigger_probe",
		hook: `
			uprobes:
			- path: $TRIGGER
			  symbols: [trigger_probe]
			  args:
			  - {index: 0, type: int}
			  - {index: 1, type: string}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: LessThan, values: ["0"]}
			    - {index: 1, operator: Equal, values: ["a text"]}`,
		match: []string{"probe", "-7", "a text"},
		other: []string{"probe", "7", "a text"},
	}, {
		name:  "register",
		label: "uprobe:$TRIGGER/trigger_probe",
		hook: `
			uprobes:
			- path: $TRIGGER
			  symbols: [trigger_probe]
			  data:
			  - {type: string, source: pt_regs, resolve: rsi}
			  - {type: int, source: pt_regs, resolve: edi}
			  selectors:
			  - matchData:
			    - {args: [0], operator: Equal, values: ["registers"]}
			    - {args: [1], operator: Equal, values: ["-8"]}`,
		match: []string{"probe", "-8", "registers"},
		other: []string{"probe", "-9", "registers"},
	}}
}

func usdtCases() []languageCase {
	return []languageCase{{
		name:  "usdt",
		label: "usdt:tetrameter/probe",
		hook: `
			usdts:
			- path: $TRIGGER
			  provider: tetrameter
			  name: probe
			  args:
			  - {index: 0, type: int32}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: Equal, values: ["17"]}`,
		match: []string{"probe", "17", "b"},
		other: []string{"probe", "18", "b"},
	}, {
		// Two numbers, the second an element of an array, and a pointer.
		name:  "usdt-memory",
		label: "usdt:tetrameter/memory",
		hook: `
			usdts:
			- path: $TRIGGER
			  provider: tetrameter
			  name: memory
			  args:
			  - {index: 0, type: int64}
			  - {index: 1, type: string}
			  - {index: 2, type: int32}
			  selectors:
			  - matchArgs:
			    - {index: 0, operator: LessThan, values: ["0"]}
			    - {index: 1, operator: Equal, values: ["in memory"]}
			    - {index: 2, operator: Equal, values: ["-19"]}`,
		match: []string{"memory", "-19", "in memory"},
		other: []string{"memory", "-19", "elsewhere"},
	}}
}
