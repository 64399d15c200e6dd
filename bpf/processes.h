/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a process began: what it, or one that it descends from, executed, and what
 * it was allowed then. Kept by lineage.bpf.c, asked for by descent.h.
 */
#pragma once
#include "maps.h"
#include "privileges.h"

/* The maps of this file exist only while a policy needs them. */
#define PROCESSES_MAX 32768
#define CHANGES_MAX 8192
#define LISTS_MAX 64	/* bits of a word, which stand for lists of paths */
#define COUNTERS_MAX 64 /* that have records of their own in changes */

struct process_key {
	__u32 tgid;
	__u32 start_time; /* low half, of the leader: no other process of this number has it */
};

struct process_value {
	/*
	 * Lists of paths of which it executed one, or its ancestors: as seen by
	 * exec, which adds and never stores, and as found when a list was new.
	 */
	__u64 executed;
	__u64 older;
	struct privileges start; /* once noted: when it was forked, or executed its program */
	__u32 noted;
	__u32 changed; /* changes has records of it */
	__u32 unsure;  /* a path that was executed could not be read */
	__u32 unused;
};

/*
 * key: a process. value: how it began. Written at fork and exec, by the agent for
 * those that run already; deleted when the process is gone and reaped. When full
 * a process and those it forks have none: filters about it fail, and losses says so.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PROCESSES_MAX);
	__type(key, struct process_key);
	__type(value, struct process_value);
} processes SEC(".maps");

struct change_key {
	struct process_key process;
	__u32 counter; /* number given by the agent to one of a policy and hook */
	__u32 unused;
};

/*
 * key: process and counter. value: what the counter saw last of the process; it
 * counts a change once. Written when it matches, deleted at exec and with the
 * process. When full the selector fails, and losses says so.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CHANGES_MAX);
	__type(key, struct change_key);
	__type(value, struct privileges);
} changes SEC(".maps");

static __always_inline void set_process_key(struct process_key *key, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	key->tgid = BPF_CORE_READ(leader, tgid);
	key->start_time = BPF_CORE_READ(leader, start_time);
}
