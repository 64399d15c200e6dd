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

/*
 * A call that waits for its return. The address of the task is the same at both
 * ends, also when a thread that is not the leader executes a program and becomes
 * it; its number and start time are not.
 */
struct call_key {
	__u64 rule; /* hash of the selectors, so that others never read their bits */
	__u64 task;
	__u64 frame; /* of calls of one function within one another */
};

struct call_value {
	__u64 selectors; /* as bits: those which wait */
	__u32 tgid;	 /* says whether task still is that task */
	__u32 unused;
};

/*
 * key: a call. value: what waits for its return.
 * Written where a function begins, deleted where it returns, or by the agent if
 * it never will (forget_call). When full, the call is lost for filters of its
 * result, and losses says so.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call_key);
	__type(value, struct call_value);
} calls SEC(".maps");

/* Keeps selectors until the function returns; none forgets an earlier call's. */
static __noinline int remember(struct event *event, __u64 rule, __u64 selectors)
{
	struct call_key key = { .rule = rule,
				.task = bpf_get_current_task(),
				.frame = event->frame };
	struct call_value call = { .selectors = selectors,
				   .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct call_value *earlier;

	asm volatile("" : "+r"(event));
	if (selectors) {
		if (bpf_map_update_elem(&calls, &key, &call, 0))
			lose(LOSS_CALLS_FULL);
		return 0;
	}
	/* One whose return nobody saw. */
	earlier = bpf_map_lookup_elem(&calls, &key);
	if (earlier)
		earlier->selectors = 0;
	return 0;
}

static __noinline __u64 recall(struct event *event, __u64 rule)
{
	struct call_key key = { .rule = rule,
				.task = bpf_get_current_task(),
				.frame = event->frame };
	struct call_value *call;
	__u64 selectors;

	asm volatile("" : "+r"(event));
	call = bpf_map_lookup_elem(&calls, &key);
	if (!call)
		return 0;
	selectors = call->selectors;
	bpf_map_delete_elem(&calls, &key);
	return selectors;
}
