//go:build ignore
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel functions through a BPF trampoline: 5.5 and later, needs BTF. Programs
 * at both ends of a call get the same context, in the trampoline's frame.
 */
#include "matcher.h"
#include "parameters.h"
#include "syscall.h"

SEC("fentry/function")
int attach_fentry(__u64 *ctx)
{
	return run_matcher(ctx);
}

SEC("fentry/function")
int match_fentry(__u64 *ctx)
{
	struct event event;

	begin_event(&event, ctx);
	event.frame = low_half(ctx);
	read_parameters(&event, ctx);
	return run_selectors(&event);
}

SEC("fentry/function")
int match_fentry_syscall(__u64 *ctx)
{
	struct event event;

	begin_event(&event, ctx);
	event.frame = low_half(ctx);
	read_syscall(&event, (struct pt_regs *)ctx[0]);
	return run_selectors(&event);
}

SEC("fexit/function")
int attach_fexit(__u64 *ctx)
{
	return run_matcher(ctx);
}

/* Also for system calls: their wrappers return what they return. */
SEC("fexit/function")
int match_fexit(__u64 *ctx)
{
	struct event event;

	begin_event(&event, ctx);
	event.frame = low_half(ctx);
	event.ret = read_return(ctx);
	return run_selectors(&event);
}
