/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What generated code asks about how the current process began. */
#pragma once
#include "event.h"
#include "processes.h"

/* NULL, and a loss, if nothing is known. The idle task, 0, began with the kernel. */
static __always_inline struct process_value *find_process(struct process_key *key)
{
	struct process_value *process = bpf_map_lookup_elem(&processes, key);

	if (!process && key->tgid)
		lose(LOSS_PROCESS_UNKNOWN);
	return process;
}

enum descent {
	DESCENT_UNKNOWN,
	DESCENT_NO,
	DESCENT_YES,
};

/* Whether the process, or its parent, descends from one that executed a listed path. */
static __noinline __u32 executed(struct event *event, __u32 list, __u32 of_parent)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct process_value *process;
	struct process_key key = {};

	asm volatile("" : "+r"(event), "+r"(list), "+r"(of_parent));
	if (of_parent)
		task = BPF_CORE_READ(task, real_parent);
	set_process_key(&key, task);
	process = find_process(&key);
	if (!process)
		return key.tgid ? DESCENT_UNKNOWN : DESCENT_NO;
	if ((process->executed | process->older) >> (list % LISTS_MAX) & 1)
		return DESCENT_YES;
	if (!process->unsure)
		return DESCENT_NO;
	lose(LOSS_PROCESS_UNKNOWN);
	return DESCENT_UNKNOWN;
}

/* What the current task was allowed when a counter last looked, or it began. */
static __always_inline struct privileges *allowed_before(struct change_key *key, __u32 counter)
{
	struct process_value *process;
	struct privileges *seen;

	set_process_key(&key->process, (void *)bpf_get_current_task());
	key->counter = counter;
	process = find_process(&key->process);
	if (!process)
		return NULL;
	if (!process->noted) {
		lose(LOSS_PROCESS_UNKNOWN);
		return NULL;
	}
	seen = bpf_map_lookup_elem(&changes, key);
	return seen ?: &process->start;
}

/* Which namespaces of a mask (bit n is enum namespace n) are others now. */
static __noinline __u32 changed_namespaces(struct event *event, __u32 counter, __u32 mask)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct nsproxy *nsproxy = BPF_CORE_READ(task, nsproxy);
	struct change_key key = {};
	struct privileges *before;
	__u32 changed = 0;

	asm volatile("" : "+r"(event), "+r"(counter), "+r"(mask));
	before = allowed_before(&key, counter);
	if (!before)
		return 0;
#pragma unroll
	for (int which = 0; which < NAMESPACES; which++) {
		if (mask & 1 << which &&
		    namespace_of(task, nsproxy, which) != before->namespaces[which])
			changed |= 1 << which;
	}
	return changed;
}

/* Which capabilities of a set were gained or lost. */
static __noinline __u64 changed_capabilities(struct event *event, __u32 counter,
					     enum capability_set set)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct change_key key = {};
	struct privileges *before;

	asm volatile("" : "+r"(event), "+r"(counter), "+r"(set));
	before = allowed_before(&key, counter);
	if (!before || set >= CAPABILITY_SETS)
		return 0;
	return capabilities_of(task, set) ^ before->capabilities[set];
}

enum privilege {
	PRIVILEGE_NAMESPACES = 1,
	PRIVILEGE_CAPABILITIES = 2,
};

/* The counter has seen the changes; 0 if there is no room to remember that. */
static __noinline __u32 see_changes(struct event *event, __u32 counter, __u32 which)
{
	struct privileges seen = {}, now = {}, *before;
	struct process_value *process;
	struct change_key key = {};

	asm volatile("" : "+r"(event), "+r"(counter), "+r"(which));
	before = allowed_before(&key, counter);
	process = bpf_map_lookup_elem(&processes, &key.process);
	if (!before || !process)
		return 0;
	read_privileges(&now, (void *)bpf_get_current_task());
	seen = which & PRIVILEGE_NAMESPACES ? now : *before;
	__builtin_memcpy(seen.capabilities,
			 which & PRIVILEGE_CAPABILITIES ? now.capabilities : before->capabilities,
			 sizeof(seen.capabilities));
	process->changed = 1;
	if (!bpf_map_update_elem(&changes, &key, &seen, 0))
		return 1;
	lose(LOSS_PROCESS_UNKNOWN);
	return 0;
}
