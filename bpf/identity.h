/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which binary runs here? A path is walked once per process and program it
 * executes, at its first event; afterwards the answer costs a lookup. Nothing
 * is attached to exec, fork or exit for it, and a process that is older than
 * the agent is like any other.
 */
#pragma once
#include "names.h"
#include "path.h"

static __always_inline bool has_task_btf(void)
{
	/* commit 3ca1032ab7ab ("bpf: Implement get_current_task_btf()"), 5.11 */
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

/* A pointer as a number: only half, which is what the verifier lets out. */
static __always_inline __u32 low_half(const void *pointer)
{
	__u32 low;

	asm volatile("%0 = %1" : "=w"(low) : "w"((__u32)(__u64)pointer));
	return low;
}

/* Fills all but p->binary; false for a kernel thread. */
static __always_inline bool read_process(struct process_value *p, __u32 *tgid)
{
	struct task_struct *task;
	struct mm_struct *mm;

	if (has_task_btf()) {
		task = bpf_get_current_task_btf();
		mm = task->mm;
		if (!mm)
			return false;
		*tgid = task->tgid;
		p->exe = low_half(mm->exe_file);
		p->start_time = task->group_leader->start_time;
		p->exec_id = task->self_exec_id;
		return true;
	}
	task = (void *)bpf_get_current_task();
	mm = BPF_CORE_READ(task, mm);
	if (!mm)
		return false;
	*tgid = BPF_CORE_READ(task, tgid);
	p->exe = low_half(BPF_CORE_READ(mm, exe_file));
	p->start_time = BPF_CORE_READ(task, group_leader, start_time);
	p->exec_id = BPF_CORE_READ(task, self_exec_id);
	return true;
}

/*
 * A scratch slot of this CPU that no interrupted program is using, SCRATCH_SLOTS
 * if there is none. Adding before looking makes two claimants of one slot both
 * step back.
 */
static __always_inline __u32 acquire_scratch(void)
{
	for (__u32 i = 0; i < SCRATCH_SLOTS; i++) {
		__u32 slot = i;
		struct scratch_value *s = bpf_map_lookup_elem(&scratch, &slot);

		if (!s)
			break;
		__sync_fetch_and_add(&s->users, 1);
		if (*(volatile __u64 *)&s->users == 1)
			return i;
		__sync_fetch_and_add(&s->users, -1);
	}
	lose(LOSS_SCRATCH_BUSY);
	return SCRATCH_SLOTS;
}

/*
 * Walks and interns the path of the current executable. Global, so that the
 * verifier looks at it once and not at every call; its arguments are numbers
 * because 5.10 takes no others.
 */
__noinline __u32 resolve_binary(__u64 start_time, __u64 exec_id, __u32 exe, __u32 tgid)
{
	struct process_value process = { .start_time = start_time, .exec_id = exec_id, .exe = exe };
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct scratch_value *s;
	__u32 slot;

	if (!file)
		return NAME_NONE;
	slot = acquire_scratch();
	s = bpf_map_lookup_elem(&scratch, &slot);
	if (!s)
		return NAME_OTHER;
	walk_path(s, slot, file);
	process.binary = intern(s, slot);
	__sync_fetch_and_add(&s->users, -1);
	/* Only a cache: without the entry the next event walks again. */
	if (process.binary != NAME_OTHER)
		bpf_map_update_elem(&processes, &tgid, &process, BPF_ANY);
	return process.binary;
}

/* The id of the executable of the current process, NAME_NONE if it has none. */
static __always_inline __u32 current_binary(void)
{
	struct process_value now = {}, *known;
	__u32 tgid = 0;

	if (!read_process(&now, &tgid))
		return NAME_NONE;
	known = bpf_map_lookup_elem(&processes, &tgid);
	if (known && known->exe == now.exe && known->exec_id == now.exec_id &&
	    known->start_time == now.start_time)
		return known->binary;
	return resolve_binary(now.start_time, now.exec_id, now.exe, tgid);
}
