/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One event at one hook, and what generated code may ask about it. The agent
 * replaces the body of evaluate() with the selectors of the policies on the
 * hook; it calls the other functions here by their names. They are static and
 * noinline: pointer arguments of global functions would be nullable, and 5.10
 * has no pointers to the stack there at all.
 */
#pragma once
#include "identity.h"

#define ARGS_MAX 6

struct event {
	__u64 args[ARGS_MAX];
	__u64 ret;	    /* where a function returned */
	__u64 address_high; /* the last address that was asked for */
	__u64 address_low;
	void *context; /* of the program */
	__u64 frame;   /* tells this call from others of the task, also when it returns */
	__u32 binary;  /* once has_binary */
	__u32 scratch; /* once has_scratch: the slot this event works in */
	__u32 has_binary;
	__u32 has_scratch;
};

/* Which dimensions the keys of series have, and each cgroup's share of them. */
const volatile __u32 label_binary = 1;
const volatile __u32 label_cgroup = 1;
const volatile __u32 series_per_cgroup = 16384;

static __always_inline __u32 event_binary(struct event *event)
{
	if (!event->has_binary) {
		event->binary = binary_of(current_hash(), 0);
		event->has_binary = 1;
	}
	return event->binary;
}

/* The id of the current binary. */
static __noinline __u32 binary(struct event *event)
{
	return event_binary(event);
}

/* The id of the parent's binary. */
static __noinline __u32 parent_binary(struct event *event)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	asm volatile("" : "+r"(event));
	return binary_of(probed_hash(BPF_CORE_READ(task, real_parent)), 1);
}

enum capability_set {
	CAP_EFFECTIVE,
	CAP_INHERITABLE,
	CAP_PERMITTED,
};

/* A capability set of the current task, as a bit mask. */
static __noinline __u64 capabilities(struct event *event, enum capability_set set)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	const struct cred *cred = BPF_CORE_READ(task, cred);
	__u64 mask = 0;

	asm volatile("" : "+r"(event), "+r"(set));
	if (set == CAP_INHERITABLE)
		bpf_core_read(&mask, sizeof(mask), &cred->cap_inheritable);
	else if (set == CAP_PERMITTED)
		bpf_core_read(&mask, sizeof(mask), &cred->cap_permitted);
	else
		bpf_core_read(&mask, sizeof(mask), &cred->cap_effective);
	return mask;
}

enum namespace {
	NS_UTS,
	NS_IPC,
	NS_MNT,
	NS_PID,
	NS_PID_FOR_CHILDREN,
	NS_NET,
	NS_TIME,
	NS_TIME_FOR_CHILDREN,
	NS_CGROUP,
	NS_USER,
};

static __always_inline __u32 pid_namespace_inode(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct pid_namespace *ns = NULL;

	bpf_core_read(&ns, sizeof(ns),
		      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
			      level * bpf_core_type_size(struct upid) +
			      bpf_core_field_offset(struct upid, ns));
	return BPF_CORE_READ(ns, ns.inum);
}

/* The inode number of a namespace of the current task, 0 if it has none. */
static __noinline __u32 namespace_inode(struct event *event, enum namespace which)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	asm volatile("" : "+r"(event), "+r"(which));
	switch (which) {
	case NS_UTS:
		return BPF_CORE_READ(task, nsproxy, uts_ns, ns.inum);
	case NS_IPC:
		return BPF_CORE_READ(task, nsproxy, ipc_ns, ns.inum);
	case NS_MNT:
		return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	case NS_PID:
		return pid_namespace_inode(task);
	case NS_PID_FOR_CHILDREN:
		return BPF_CORE_READ(task, nsproxy, pid_ns_for_children, ns.inum);
	case NS_NET:
		return BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	case NS_TIME:
		return BPF_CORE_READ(task, nsproxy, time_ns, ns.inum);
	case NS_TIME_FOR_CHILDREN:
		return BPF_CORE_READ(task, nsproxy, time_ns_for_children, ns.inum);
	case NS_CGROUP:
		return BPF_CORE_READ(task, nsproxy, cgroup_ns, ns.inum);
	case NS_USER:
		return BPF_CORE_READ(task, cred, user_ns, ns.inum);
	}
	return 0;
}
