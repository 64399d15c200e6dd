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
