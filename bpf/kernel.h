/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of the kernel's types that the programs read. Offsets are relocated
 * at load (CO-RE), so only the names matter; each struct says where it is
 * defined. Nothing here comes from one kernel's configuration.
 */
#pragma once
#include "uapi.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* include/linux/mm_types.h */
struct file;
struct files_struct;
struct css_set;

struct mm_struct {
	struct file *exe_file;
};

/* include/linux/ns_common.h and the namespaces that embed it */
struct ns_common {
	unsigned int inum;
};

struct uts_namespace {
	struct ns_common ns;
};

struct ipc_namespace {
	struct ns_common ns;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct pid_namespace {
	struct ns_common ns;
	unsigned int level;
};

struct net {
	struct ns_common ns;
};

struct time_namespace {
	struct ns_common ns;
};

struct cgroup_namespace {
	struct ns_common ns;
};

struct user_namespace {
	struct ns_common ns;
};

/* include/linux/nsproxy.h */
struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct time_namespace *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
};

/* include/linux/pid.h */
struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

/*
 * include/linux/capability.h: two 32-bit words until commit f122a08b197d
 * ("capability: just use a 'u64' instead of a 'u32[2]' array"), the same eight
 * bytes on little-endian machines: read whole, whatever they are called.
 */
typedef struct kernel_cap_struct {
} kernel_cap_t;

/* include/linux/cred.h */
struct cred {
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
};

/* arch/x86/include/asm/thread_info.h, arch/arm64/include/asm/thread_info.h */
#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 2 /* in a system call of i386 */
struct thread_info {
	__u32 status;
};
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT 22 /* runs a 32-bit program */
struct thread_info {
	unsigned long flags;
};
#endif

/* include/linux/sched.h */
struct task_struct {
	struct thread_info thread_info;
	struct mm_struct *mm;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	int tgid;
	int exit_state;
	struct files_struct *files;
	struct pid *thread_pid;
	__u64 start_time;
	const struct cred *cred;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	__u64 self_exec_id;
};

/* kernel/bpf/task_iter.c */
struct bpf_iter__task {
	struct task_struct *task;
};

/* include/linux/bpf.h */
struct bpf_prog {
	int *active;
};

/* include/trace/events/syscalls.h */
struct trace_event_raw_sys_enter {
	unsigned long args[6];
};

struct trace_event_raw_sys_exit {
	long ret;
};

#if defined(__TARGET_ARCH_x86)
/* arch/x86/include/asm/ptrace.h */
struct pt_regs {
	unsigned long bp;
	unsigned long bx;
	unsigned long ax;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long sp;
};
#elif defined(__TARGET_ARCH_arm64)
/* arch/arm64/include/asm/ptrace.h */
struct pt_regs {
	__u64 regs[31];
	__u64 sp;
};
#endif

#pragma clang attribute pop

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* Whether an address is the kernel's: on both architectures the upper half. */
static __always_inline bool is_kernel(__u64 address)
{
	return (__s64)address < 0;
}

static __always_inline long read_any(void *to, __u32 size, __u64 address)
{
	if (is_kernel(address))
		return bpf_probe_read_kernel(to, size, (void *)address);
	return bpf_probe_read_user(to, size, (void *)address);
}
