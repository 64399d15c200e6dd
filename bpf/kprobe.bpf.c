//go:build ignore
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel functions through a breakpoint or ftrace, functions of programs through
 * uprobes, and where both return.
 */
#include "matcher.h"
#include "parameters.h"
#include "syscall.h"

SEC("kprobe")
int attach_kprobe(struct pt_regs *ctx)
{
	return run_matcher(ctx);
}

SEC("kprobe")
int match_kprobe(struct pt_regs *ctx)
{
	struct event event;

	begin_event(&event, ctx);
	event.frame = called_frame(ctx);
	read_function(&event, ctx);
	return run_selectors(&event);
}

SEC("kprobe")
int match_kprobe_syscall(struct pt_regs *ctx)
{
	struct event event;

	begin_event(&event, ctx);
	event.frame = called_frame(ctx);
	probe_syscall(&event, ctx);
	return run_selectors(&event);
}

SEC("kprobe")
int match_kretprobe(struct pt_regs *ctx)
{
	struct event event;

	begin_event(&event, ctx);
	event.frame = ctx->sp;
	event.ret = returned(ctx);
	return run_selectors(&event);
}
