//go:build ignore
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel functions through a breakpoint or ftrace. */
#include "matcher.h"
#include "syscall.h"

SEC("kprobe")
int attach_kprobe(struct pt_regs *ctx)
{
	return run_matcher(ctx);
}

SEC("kprobe")
int match_kprobe(struct pt_regs *ctx)
{
	struct event event = {};

	read_function(&event, ctx);
	evaluate(&event);
	return 0;
}

SEC("kprobe")
int match_kprobe_syscall(struct pt_regs *ctx)
{
	struct event event = {};

	probe_syscall(&event, ctx);
	evaluate(&event);
	return 0;
}
