//go:build ignore
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tracepoints, as policies name them or instead of functions that cannot be probed. */
#include "matcher.h"
#include "parameters.h"

SEC("tracepoint")
int attach_tracepoint(void *ctx)
{
	return run_matcher(ctx);
}

/* syscalls/sys_enter_*: the arguments of the system call. */
SEC("tracepoint")
int match_tracepoint_syscall(struct trace_event_raw_sys_enter *ctx)
{
	struct event event;

	begin_event(&event, ctx);
	event.args[0] = ctx->args[0];
	event.args[1] = ctx->args[1];
	event.args[2] = ctx->args[2];
	event.args[3] = ctx->args[3];
	event.args[4] = ctx->args[4];
	event.args[5] = ctx->args[5];
	return run_selectors(&event);
}

/* syscalls/sys_exit_*: what the system call returned. */
SEC("tracepoint")
int match_tracepoint_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct event event;

	begin_event(&event, ctx);
	event.ret = ctx->ret;
	return run_selectors(&event);
}

/* Any other tracepoint: selectors find the fields in its record. */
SEC("tracepoint")
int match_tracepoint(void *ctx)
{
	struct event event;

	begin_event(&event, ctx);
	return run_selectors(&event);
}
