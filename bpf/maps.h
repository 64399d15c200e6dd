/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps that all programs share. The agent creates them once, pins them and
 * gives them to every program it loads, so they outlive programs and agents.
 * The key and value structs are the schema: Go gets its types from here.
 */
#pragma once
#include "fs.h"

/* A counter's identity. A dimension that is switched off is 0 in every key. */
struct series_key {
	__u32 policy_hook; /* slot given by the agent to (policy, hook) */
	__u32 binary;	   /* id in names */
	__u64 cgroup;
};

/*
 * Times are jiffies: reading them is a load, reading the clock some hundred
 * instructions. The agent turns them into time.
 */
struct series_value {
	__u64 count;
	__u64 first; /* 0 except on the CPU that saw the first event */
	__u64 last;
};

struct total_value {
	__u64 count;
	__u64 last;
};

/* Paths are interned as chains of chunks: equal ids mean equal strings. */
struct name_key {
	__u32 parent;	 /* id of what precedes the chunk, 0 at the start */
	char chunk[124]; /* zero padded */
};

struct state_value {
	__u64 series_full; /* the agent writes 0 after it made room */
	/* One moment on two clocks, for the agent: see read_clock. */
	__u64 jiffies;
	__u64 ns;
};

/* Indices of the losses map, in the order of the reason label's values. */
enum loss {
	LOSS_NO_MATCHER,      /* an attached program found no matcher to run */
	LOSS_BAD_SLOT,	      /* a matcher counted for a slot that does not exist */
	LOSS_SCRATCH_BUSY,    /* a path was not resolved: no scratch space left */
	LOSS_NAMES_FULL,      /* a path was not named: the names map is full */
	LOSS_PATH_TRUNCATED,  /* a path is deeper than the walk goes */
	LOSS_TEXT_TRUNCATED,  /* a string is longer than filters can see */
	LOSS_TEXT_UNREADABLE, /* a string was not in memory: it counts as empty */
	LOSS_CGROUPS_FULL,    /* a cgroup of a pod has no entry: it is the host's */
	LOSS_PROCESS_UNKNOWN, /* how a process began is not known: a filter fails */
	LOSS_CALLS_FULL,      /* a call that a filter of its result waits for was not kept */
	LOSS_REASONS,
};

/*
 * key: policy_hook, binary, cgroup. value: count per CPU. Written on every
 * match, read at scrape. When full, or when a cgroup has used up its quota, the
 * event is counted in overflow. Never evicts.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct series_key);
	__type(value, struct series_value);
} series SEC(".maps");

/*
 * key: policy_hook. value: every match per CPU, whatever became of its series.
 * Written on every match, read at scrape. Cannot be full: slots are indices.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct total_value);
} totals SEC(".maps");

/*
 * key: policy_hook. value: matches per CPU that found no room in series.
 * Read at scrape as the series whose labels are ~other. Cannot be full.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct series_value);
} overflow SEC(".maps");

/*
 * key: cgroup. value: how many series it has. Written when a series is created,
 * by the agent when one is deleted. When full, new cgroups go to overflow.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u32);
} quotas SEC(".maps");

/*
 * key: parent id and chunk. value: id of the string that ends here. Written
 * when a path is first seen, by the agent for the paths that policies name;
 * read at scrape. When full, the id is OTHER and losses says so.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct name_key);
	__type(value, __u32);
} names SEC(".maps");

/*
 * key: an id in use. value: its parent. Inserting is how an id is claimed, by a
 * program or by the agent. As many entries as names, full when names is.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __u32);
} name_ids SEC(".maps");

/*
 * key: some bits of a hash of what identifies a program run by a task. value:
 * the other bits, above the id of its binary; 0 is empty. Written at the first
 * event of a task, in one store. A cache: who finds another hash in the slot
 * walks the path and takes it over.
 */
#define TASK_SLOTS 65536
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TASK_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} tasks SEC(".maps");

/* key: 0. value: flags shared by programs and agent. Cannot be full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state_value);
} state SEC(".maps");

/* key: enum loss. value: how often, per CPU. Read at scrape. Cannot be full. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_REASONS);
	__type(key, enum loss);
	__type(value, __u64);
} losses SEC(".maps");

static __always_inline void lose(enum loss reason)
{
	__u64 *n = bpf_map_lookup_elem(&losses, &reason);

	if (n)
		(*n)++;
}
