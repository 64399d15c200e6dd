/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What lineage.bpf.c looks for in the processes of the machine. */
#pragma once
#include "names.h"
#include "path.h"
#include "processes.h"

struct lineage_value {
	__u64 live;    /* lists that may be in processes */
	__u64 fresh;   /* of them, those to be found in what runs already */
	__u64 found;   /* how much a scan changed */
	__u64 watched; /* counters that have records in changes */
	/* What the numbers mean, for the agent: 0 is free. */
	__u64 lists[LISTS_MAX];
	__u64 counters[COUNTERS_MAX];
};

/* key: 0. value: what to look for, written by the agent. Cannot be full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lineage_value);
} lineage SEC(".maps");

/*
 * key: id of a path in names. value: the lists that it is in. Written by the agent,
 * read at exec. When full, a policy with more paths is refused.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} members SEC(".maps");

static __always_inline struct lineage_value *settings(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&lineage, &zero);
}

/* Finds the next chunk of the path in a scratch slot; 1 when it has no id, or that was the last. */
__noinline int find_step(__u32 slot)
{
	struct scratch_value *s = bpf_map_lookup_elem(&scratch, &slot);
	__u32 *known;

	if (!s || !next_chunk(s))
		return 1;
	known = bpf_map_lookup_elem(&names, &s->name);
	s->id = known ? *known : NAME_NONE;
	return !known;
}

/*
 * The id of a file's path: NAME_NONE if it has none and so is in no list, as this
 * does not give any; NAME_OTHER if there was no room to read it.
 */
__noinline __u32 find_name(__u64 file)
{
	__u32 slot = acquire_scratch(), id;
	struct scratch_value *s = bpf_map_lookup_elem(&scratch, &slot);

	if (!s)
		return NAME_OTHER;
	begin_walk(s, &((struct file *)file)->f_path);
	s->id = NAME_NONE;
	if (walk_path(s, slot, true)) {
		for (int i = 0; i < CHUNKS_MAX; i++) {
			if (find_step(slot))
				break;
		}
	}
	id = s->id;
	__sync_fetch_and_add(&s->users, -1);
	return id;
}

/* The live lists that the program of a task is in; false if that cannot be known. */
static __always_inline bool find_lists(struct task_struct *task, __u64 live, __u64 *lists)
{
	__u64 file = (__u64)BPF_CORE_READ(task, mm, exe_file), *found;
	__u32 id = NAME_NONE;

	*lists = 0;
	if (live && file)
		id = find_name(file);
	found = bpf_map_lookup_elem(&members, &id);
	if (found)
		*lists = *found & live;
	return id != NAME_OTHER;
}

/* Deletes what counters saw of a process. */
__noinline int forget_changes(__u32 tgid, __u32 start_time)
{
	struct change_key key = { .process = { .tgid = tgid, .start_time = start_time } };
	struct lineage_value *set = settings();

	if (!set)
		return 0;
	for (__u32 i = 0; i < COUNTERS_MAX; i++) {
		key.counter = i;
		if (set->watched >> i & 1)
			bpf_map_delete_elem(&changes, &key);
	}
	return 0;
}
