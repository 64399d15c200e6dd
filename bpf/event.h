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
#include "privileges.h"
#include "workload.h"

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
	__u32 workload; /* once has_workload */
	__u32 has_workload;
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

/* Whether a policy's scope, by its number, takes in the current process. */
static __noinline __u32 in_scope(struct event *event, __u32 scope)
{
	struct scopes_value *bits;

	asm volatile("" : "+r"(event), "+r"(scope));
	if (!event->has_workload) {
		event->workload = current_workload();
		event->has_workload = 1;
	}
	bits = bpf_map_lookup_elem(&scopes, &event->workload);
	if (!bits)
		return 0; /* numbers are indices: never */
	return bits->words[scope / 64 % SCOPE_WORDS] >> scope % 64 & 1;
}

/* A capability set of the current task, as a bit mask. */
static __noinline __u64 capabilities(struct event *event, enum capability_set set)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	asm volatile("" : "+r"(event), "+r"(set));
	return capabilities_of(task, set);
}

/* The inode number of a namespace of the current task, 0 if it has none. */
static __noinline __u32 namespace_inode(struct event *event, enum namespace which)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	asm volatile("" : "+r"(event), "+r"(which));
	return namespace_of(task, BPF_CORE_READ(task, nsproxy), which);
}
