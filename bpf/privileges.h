/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a task is allowed, and where: its capabilities and namespaces. */
#pragma once
#include "kernel.h"

enum capability_set {
	CAP_EFFECTIVE,
	CAP_INHERITABLE,
	CAP_PERMITTED,
};

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

#define CAPABILITY_SETS (CAP_PERMITTED + 1)
#define NAMESPACES (NS_USER + 1)

struct privileges {
	__u64 capabilities[CAPABILITY_SETS];
	__u32 namespaces[NAMESPACES]; /* inode numbers, 0 for none */
};

/* A capability set as a bit mask. */
static __always_inline __u64 capabilities_of(struct task_struct *task, enum capability_set set)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);
	__u64 mask = 0;

	if (set == CAP_INHERITABLE)
		bpf_core_read(&mask, sizeof(mask), &cred->cap_inheritable);
	else if (set == CAP_PERMITTED)
		bpf_core_read(&mask, sizeof(mask), &cred->cap_permitted);
	else
		bpf_core_read(&mask, sizeof(mask), &cred->cap_effective);
	return mask;
}

static __always_inline __u32 pid_namespace_of(struct task_struct *task)
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

/* The inode number of a namespace of a task with this nsproxy. */
static __always_inline __u32 namespace_of(struct task_struct *task, struct nsproxy *nsproxy,
					  enum namespace which)
{
	switch (which) {
	case NS_UTS:
		return BPF_CORE_READ(nsproxy, uts_ns, ns.inum);
	case NS_IPC:
		return BPF_CORE_READ(nsproxy, ipc_ns, ns.inum);
	case NS_MNT:
		return BPF_CORE_READ(nsproxy, mnt_ns, ns.inum);
	case NS_PID:
		return pid_namespace_of(task);
	case NS_PID_FOR_CHILDREN:
		return BPF_CORE_READ(nsproxy, pid_ns_for_children, ns.inum);
	case NS_NET:
		return BPF_CORE_READ(nsproxy, net_ns, ns.inum);
	case NS_TIME:
		return BPF_CORE_READ(nsproxy, time_ns, ns.inum);
	case NS_TIME_FOR_CHILDREN:
		return BPF_CORE_READ(nsproxy, time_ns_for_children, ns.inum);
	case NS_CGROUP:
		return BPF_CORE_READ(nsproxy, cgroup_ns, ns.inum);
	case NS_USER:
		return BPF_CORE_READ(task, cred, user_ns, ns.inum);
	}
	return 0;
}

static __always_inline void read_privileges(struct privileges *to, struct task_struct *task)
{
	struct nsproxy *nsproxy = BPF_CORE_READ(task, nsproxy);

#pragma unroll
	for (int set = 0; set < CAPABILITY_SETS; set++)
		to->capabilities[set] = capabilities_of(task, set);
#pragma unroll
	for (int which = 0; which < NAMESPACES; which++)
		to->namespaces[which] = namespace_of(task, nsproxy, which);
}
