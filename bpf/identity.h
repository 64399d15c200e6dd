/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which binary runs here? A path is walked once per task and program it executes,
 * at its first event; afterwards the answer costs a lookup. Nothing
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

/* Drawn at every start of the agent, so that no hash is known beforehand. */
const volatile __u64 task_seed = 0;

/*
 * A hash of what identifies the program that the current task runs: when it
 * started, exec_id, which grows with each exec, and the file, which
 * prctl(PR_SET_MM_EXE_FILE) exchanges. Tasks that live at the same time and have
 * the same file run the same binary. 0 for a kernel thread.
 */
static __always_inline __u64 hash_task(__u64 start_time, __u64 exec_id, __u32 exe)
{
	__u64 hash = task_seed ^ start_time ^ (__u64)exe << 32;

	/* Rounds of the finalizer of MurmurHash3 */
	hash *= 0xff51afd7ed558ccdULL;
	hash ^= hash >> 33;
	hash += exec_id;
	hash *= 0xc4ceb9fe1a85ec53ULL;
	hash ^= hash >> 33;
	return hash ?: 1;
}

static __always_inline __u64 probed_hash(struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);

	if (!mm)
		return 0;
	return hash_task(BPF_CORE_READ(task, start_time), BPF_CORE_READ(task, self_exec_id),
			 low_half(BPF_CORE_READ(mm, exe_file)));
}

static __always_inline __u64 current_hash(void)
{
	struct task_struct *task;
	struct mm_struct *mm;

	if (!has_task_btf())
		return probed_hash((void *)bpf_get_current_task());
	task = bpf_get_current_task_btf();
	mm = task->mm;
	if (!mm)
		return 0;
	return hash_task(task->start_time, task->self_exec_id, low_half(mm->exe_file));
}

/*
 * Walks and interns the path of the executable of the current process, or of its
 * parent. Global, so that the verifier looks at it once and not at every call;
 * its arguments are numbers because 5.10 takes no others.
 */
__noinline __u32 resolve_binary(__u64 hash, __u32 of_parent)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch_value *s;
	struct file *file;
	__u32 slot, binary;
	__u64 *cached;

	if (of_parent)
		task = BPF_CORE_READ(task, real_parent);
	file = BPF_CORE_READ(task, mm, exe_file);
	if (!file)
		return NAME_NONE;
	slot = acquire_scratch();
	s = bpf_map_lookup_elem(&scratch, &slot);
	if (!s)
		return NAME_OTHER;
	begin_walk(s, &file->f_path);
	walk_path(s, slot, true);
	binary = intern(s, slot);
	__sync_fetch_and_add(&s->users, -1);
	slot = hash % TASK_SLOTS;
	cached = bpf_map_lookup_elem(&tasks, &slot);
	if (cached && binary != NAME_OTHER)
		*(volatile __u64 *)cached = hash >> NAME_BITS << NAME_BITS | binary;
	return binary;
}

/* The id kept for a hash, or else found out; NAME_NONE for a kernel thread. */
static __always_inline __u32 binary_of(__u64 hash, __u32 of_parent)
{
	__u32 slot = hash % TASK_SLOTS;
	__u64 *cached, word;

	if (!hash)
		return NAME_NONE;
	cached = bpf_map_lookup_elem(&tasks, &slot);
	if (cached) {
		word = *(volatile __u64 *)cached;
		if (word && word >> NAME_BITS == hash >> NAME_BITS)
			return word & ((1 << NAME_BITS) - 1);
	}
	return resolve_binary(hash, of_parent);
}
