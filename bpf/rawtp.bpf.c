//go:build ignore
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Raw tracepoints, and programs that the agent and tests run by BPF_PROG_RUN. */
#include "matcher.h"
#include "parameters.h"

SEC("raw_tp")
int attach_rawtp(__u64 *ctx)
{
	return run_matcher(ctx);
}

SEC("raw_tp")
int match_rawtp(__u64 *ctx)
{
	struct event event;

	begin_event(&event, ctx);
	read_parameters(&event, ctx);
	return run_selectors(&event);
}

/* Reads both clocks at once, which user space cannot. */
SEC("raw_tp")
int read_clock(void *ctx)
{
	__u32 zero = 0;
	struct state_value *shared = bpf_map_lookup_elem(&state, &zero);

	if (shared) {
		shared->jiffies = bpf_jiffies64();
		shared->ns = bpf_ktime_get_ns();
	}
	return 0;
}

/*
 * Deletes a call of a task that is gone, and says so. The arguments are the key.
 * Memory that was a task may be anything now.
 */
SEC("raw_tp")
int forget_call(__u64 *ctx)
{
	struct call_key key = { .rule = ctx[0], .task = ctx[1], .frame = ctx[2] };
	struct task_struct *task = (void *)key.task;
	struct call_value *call;

	call = bpf_map_lookup_elem(&calls, &key);
	if (!call)
		return 0;
	if (BPF_CORE_READ(task, tgid) == call->tgid && !BPF_CORE_READ(task, exit_state))
		return 0;
	bpf_map_delete_elem(&calls, &key);
	return 1;
}
