/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting. Each event that a policy matches is counted exactly once in totals
 * and exactly once in series or overflow.
 */
#pragma once
#include "event.h"

/*
 * Adds one to a counter of this CPU. Where the kernel runs the programs of a
 * hook one at a time on a CPU, nobody comes between reading and writing; a run
 * that it refuses for that reason is in the hook's missed metric. Before 5.12
 * (commit ca06f55b9002, "bpf: Add per-program recursion prevention mechanism")
 * a preemptible kernel could switch tasks within a fentry program.
 */
static __always_inline void add_one(__u64 *counter)
{
	if (bpf_core_field_exists(struct bpf_prog, active))
		(*counter)++;
	else
		__sync_fetch_and_add(counter, 1);
}

/* Takes one series from the quota of a cgroup; false when it is used up. */
static __always_inline bool take_quota(__u64 cgroup)
{
	__u32 *used = bpf_map_lookup_elem(&quotas, &cgroup);
	__u32 zero = 0;

	if (!used) {
		bpf_map_update_elem(&quotas, &cgroup, &zero, BPF_NOEXIST);
		used = bpf_map_lookup_elem(&quotas, &cgroup);
	}
	if (!used || *used >= series_per_cgroup)
		return false;
	__sync_fetch_and_add(used, 1);
	return true;
}

static __always_inline void return_quota(__u64 cgroup)
{
	__u32 *used = bpf_map_lookup_elem(&quotas, &cgroup);

	if (used)
		__sync_fetch_and_add(used, -1);
}

/*
 * A new series, NULL if there is no room. A full map is remembered: a failed
 * insert looks at every CPU's free list, which no event should pay for.
 */
static __noinline struct series_value *new_series(struct series_key *key, __u64 now)
{
	struct series_value first = { .first = now };
	struct state_value *shared;
	__u32 zero = 0;
	long err;

	shared = bpf_map_lookup_elem(&state, &zero);
	if (!shared || shared->series_full || !take_quota(key->cgroup))
		return NULL;
	err = bpf_map_update_elem(&series, key, &first, BPF_NOEXIST);
	if (err)
		return_quota(key->cgroup);
	if (err == -E2BIG)
		shared->series_full = 1;
	return bpf_map_lookup_elem(&series, key);
}

/* Counts the event for one policy. Generated code calls it on a match. */
static __noinline int count(struct event *event, __u32 policy_hook)
{
	struct series_key key = { .policy_hook = policy_hook };
	struct series_value *value;
	struct total_value *total;
	__u64 now = bpf_jiffies64();

	total = bpf_map_lookup_elem(&totals, &policy_hook);
	if (!total) {
		lose(LOSS_BAD_SLOT);
		return 0;
	}
	add_one(&total->count);
	total->last = now;

	if (label_binary)
		key.binary = event_binary(event);
	if (label_cgroup)
		key.cgroup = current_cgroup();
	value = bpf_map_lookup_elem(&series, &key);
	if (!value)
		value = new_series(&key, now);
	if (!value) {
		value = bpf_map_lookup_elem(&overflow, &policy_hook);
		if (!value)
			return 0; /* as large as totals: never */
		if (!value->first)
			value->first = now;
	}
	add_one(&value->count);
	value->last = now;
	return 0;
}
