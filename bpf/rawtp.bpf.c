//go:build ignore
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs for BPF_PROG_RUN. The twin of the attach programs takes its arguments
 * from the caller: it is for tests, the agent never attaches it.
 */
#include "matcher.h"

SEC("raw_tp")
int attach_rawtp(__u64 *ctx)
{
	return run_matcher(ctx);
}

SEC("raw_tp")
int match_rawtp(__u64 *ctx)
{
	struct event event = {};

	event.args[0] = ctx[0];
	event.args[1] = ctx[1];
	event.args[2] = ctx[2];
	event.args[3] = ctx[3];
	event.args[4] = ctx[4];
	event.args[5] = ctx[5];
	evaluate(&event);
	return 0;
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
