/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is kept from one event to the next besides counters. */
#pragma once
#include "event.h"

struct verdict_key {
	__u64 filter; /* hash of what is compared, given by the agent */
	__u32 binary;
	__u32 unused;
};

/*
 * key: filter and binary. value: enum verdict, what comparing the binary's path
 * gave. Written when a filter first meets a binary. A cache: when full the
 * least recently used entry goes and is found out again.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct verdict_key);
	__type(value, __u32);
} verdicts SEC(".maps");

/* 0, or what generated code said; ids that are no names are not kept. */
static __noinline __u32 verdict(struct event *event, __u64 filter, __u32 binary)
{
	struct verdict_key key = { .filter = filter, .binary = binary };
	__u32 *known;

	asm volatile("" : "+r"(event));
	known = bpf_map_lookup_elem(&verdicts, &key);
	return known ? *known : 0;
}

static __noinline int set_verdict(struct event *event, __u64 filter, __u32 binary, __u32 value)
{
	struct verdict_key key = { .filter = filter, .binary = binary };

	asm volatile("" : "+r"(event), "+r"(value));
	if (binary != NAME_OTHER)
		bpf_map_update_elem(&verdicts, &key, &value, 0);
	return 0;
}

struct call_key {
	__u64 pid_tgid;
	__u32 policy_hook;
	__u32 start_time; /* low half: no other task of this number has it; or the CPU */
};

/*
 * key: task and policy_hook. value: the selectors, as bits, which wait for the
 * function to return. Written where it begins, deleted where it returns. When
 * full the oldest goes: calls that never return leave their entries behind.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call_key);
	__type(value, __u64);
} calls SEC(".maps");

static __always_inline void set_call_key(struct call_key *key, __u32 policy_hook)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	key->pid_tgid = bpf_get_current_pid_tgid();
	key->policy_hook = policy_hook;
	/* All CPUs have an idle task of number 0. */
	if (key->pid_tgid)
		key->start_time = BPF_CORE_READ(task, start_time);
	else
		key->start_time = bpf_get_smp_processor_id();
}

/* Keeps selectors until the function returns; none forgets an earlier call's. */
static __noinline int remember(struct event *event, __u32 policy_hook, __u64 selectors)
{
	struct call_key key = {};

	asm volatile("" : "+r"(event));
	set_call_key(&key, policy_hook);
	if (selectors)
		bpf_map_update_elem(&calls, &key, &selectors, 0);
	else
		bpf_map_delete_elem(&calls, &key);
	return 0;
}

static __noinline __u64 recall(struct event *event, __u32 policy_hook)
{
	struct call_key key = {};
	__u64 selectors = 0, *kept;

	asm volatile("" : "+r"(event));
	set_call_key(&key, policy_hook);
	kept = bpf_map_lookup_elem(&calls, &key);
	if (kept) {
		selectors = *kept;
		bpf_map_delete_elem(&calls, &key);
	}
	return selectors;
}
