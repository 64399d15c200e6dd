//go:build ignore
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keeps how processes began. These programs are attached while a policy needs
 * it; that two agents' are attached for a moment does no harm, since what the first
 * did is there for the second.
 */
#include "lineage.h"

/*
 * Only the one task of a process that executes, or is forked, does this; a scan takes
 * others away. Adding is the only atomic operation before 5.12.
 */
static __always_inline void add_lists(struct process_value *process, __u64 lists)
{
	lists &= ~process->executed;
	if (lists)
		__sync_fetch_and_add(&process->executed, lists);
}

/* Notes what a task is allowed now, if that was not done and anybody asks; 1 then. */
static __always_inline int note_start(struct process_value *process, struct task_struct *task,
				      struct lineage_value *set)
{
	if (process->noted || !set->watched)
		return 0;
	read_privileges(&process->start, task);
	process->noted = 1;
	return 1;
}

/* A process inherits from the one that forks it, whatever its parent is called. */
SEC("raw_tp/sched_process_fork")
int process_fork(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0], *child = (void *)ctx[1];
	struct process_key from = {}, key = {};
	struct process_value value = {}, *process;
	struct lineage_value *set = settings();

	set_process_key(&from, task);
	set_process_key(&key, child);
	process = bpf_map_lookup_elem(&processes, &from);
	if (!set || !process || key.tgid == from.tgid)
		return 0;
	value.executed = (process->executed | process->older) & set->live;
	value.unsure = process->unsure;
	note_start(&value, child, set);
	if (bpf_map_update_elem(&processes, &key, &value, BPF_NOEXIST)) {
		/* Full, or a scan was first and knows the parent only. */
		process = bpf_map_lookup_elem(&processes, &key);
		if (process)
			add_lists(process, value.executed);
	}
	return 0;
}

SEC("raw_tp/sched_process_exec")
int process_exec(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct lineage_value *set = settings();
	struct process_value *process;
	struct process_key key = {};
	__u64 lists;

	set_process_key(&key, task);
	process = bpf_map_lookup_elem(&processes, &key);
	if (!set || !process)
		return 0;
	if (!find_lists(task, set->live, &lists))
		process->unsure = 1;
	add_lists(process, lists);
	if (process->changed) {
		forget_changes(key.tgid, key.start_time);
		process->changed = 0;
	}
	process->noted = 0;
	note_start(process, task, set);
	return 0;
}

/* The process is reaped, and what it did while it exited is past. */
SEC("raw_tp/sched_process_free")
int process_free(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct process_value *process;
	struct process_key key = {};

	if (BPF_CORE_READ(task, group_leader) != task)
		return 0; /* a thread, or the leader whose place a thread took at exec */
	set_process_key(&key, task);
	process = bpf_map_lookup_elem(&processes, &key);
	if (!process)
		return 0;
	if (process->changed)
		forget_changes(key.tgid, key.start_time);
	bpf_map_delete_elem(&processes, &key);
	return 0;
}

/* A task that exited has given up its namespaces. */
static __always_inline bool is_dead(struct task_struct *task)
{
	return !BPF_CORE_READ(task, nsproxy);
}

/* The lists of a living task's process, which cannot be freed meanwhile. */
static __always_inline __u64 known_lists(struct task_struct *task)
{
	struct process_value *process;
	struct process_key key = {};

	if (is_dead(task))
		return 0;
	set_process_key(&key, task);
	process = bpf_map_lookup_elem(&processes, &key);
	return process ? process->executed | process->older : 0;
}

/* The process of a task, which is entered if it is not known; then all lists are fresh. */
static __always_inline struct process_value *enter_process(struct task_struct *task,
							   struct lineage_value *set, __u64 *fresh)
{
	struct process_value value = {}, *process;
	struct process_key key = {};

	set_process_key(&key, task);
	process = bpf_map_lookup_elem(&processes, &key);
	if (process)
		return process;
	if (bpf_map_update_elem(&processes, &key, &value, BPF_NOEXIST))
		return NULL;
	*fresh = set->live;
	set->found++;
	return bpf_map_lookup_elem(&processes, &key);
}

/* Enters the process of a task, and adds fresh lists. */
static __noinline int scan(struct task_struct *task)
{
	struct lineage_value *set = settings();
	struct process_value *process;
	__u64 lists, older, fresh, stale;

	if (!set || is_dead(task) || !BPF_CORE_READ(task, tgid))
		return 0;
	fresh = set->fresh;
	process = enter_process(task, set, &fresh);
	if (!process)
		return 0;
	set->found += note_start(process, task, set);
	if (!find_lists(task, fresh, &lists))
		process->unsure = 1;
	lists |= known_lists(BPF_CORE_READ(task, real_parent)) & fresh;
	older = process->older & set->live;
	older |= lists & ~process->executed;
	stale = process->executed & ~set->live;
	if (older == process->older && !stale)
		return 0;
	set->found++;
	process->older = older;
	if (stale)
		__sync_fetch_and_add(&process->executed, -stale);
	return 0;
}

/*
 * Run by the agent for every task, until a run finds nothing: enters processes older
 * than the programs, and adds fresh lists to all. What those executed that the
 * process descends from is what the living ones run now. Parents are looked at too,
 * which may be hidden from the agent as those outside of its namespace are.
 */
SEC("iter/task")
int scan_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = (void *)ctx->task, *leader;

	if (!task)
		return 0;
	leader = BPF_CORE_READ(task, group_leader);
	if (leader != task && !is_dead(leader))
		return 0;
	scan(BPF_CORE_READ(task, real_parent, group_leader));
	scan(task);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
