/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The current process and those it descends from. */
#pragma once
#include "event.h"

#define ANCESTORS_MAX 64

enum pid_flags {
	PID_IN_NAMESPACE = 1, /* the number in the process's own namespace */
};

/* The entry of a process's number for the namespace at a level. */
static __always_inline struct upid *upid_at(struct task_struct *task, __u32 level)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);

	return (void *)pid + bpf_core_field_offset(struct pid, numbers) +
	       level * bpf_core_type_size(struct upid);
}

static __always_inline __u32 level_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, thread_pid, level);
}

/* The process id of the current task. */
static __noinline __u32 pid(struct event *event, __u32 flags)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	asm volatile("" : "+r"(event), "+r"(flags));
	if (!(flags & PID_IN_NAMESPACE))
		return bpf_get_current_pid_tgid() >> 32;
	return BPF_CORE_READ(upid_at(task, level_of(task)), nr);
}

/*
 * Whether the current process or one it descends from has a process id. In a
 * namespace, those outside have none. Global for the verifier's sake, as
 * resolve_binary is.
 */
__noinline __u32 find_ancestor(__u32 pid, __u32 flags)
{
	struct task_struct *task = (void *)bpf_get_current_task(), *parent;
	struct pid_namespace *ns;
	__u32 level = 0;

	if (flags & PID_IN_NAMESPACE)
		level = level_of(task);
	ns = BPF_CORE_READ(upid_at(task, level), ns);
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		struct upid *upid = upid_at(task, level);

		if (level_of(task) < level || BPF_CORE_READ(upid, ns) != ns)
			return 0;
		if (BPF_CORE_READ(upid, nr) == pid)
			return 1;
		parent = BPF_CORE_READ(task, real_parent);
		if (parent == task)
			return 0;
		task = parent;
	}
	return 0;
}

static __noinline __u32 descends(struct event *event, __u32 pid, __u32 flags)
{
	asm volatile("" : "+r"(event), "+r"(pid), "+r"(flags));
	return find_ancestor(pid, flags);
}
