//go:build ignore
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel functions through a BPF trampoline: 5.5 and later, needs BTF. */
#include "matcher.h"
#include "syscall.h"

/* The verifier lets a program read as many arguments as the function has. */
const volatile __u32 parameters = 0;

SEC("fentry/function")
int attach_fentry(__u64 *ctx)
{
	return run_matcher(ctx);
}

SEC("fentry/function")
int match_fentry(__u64 *ctx)
{
	struct event event;

	event.has_binary = 0; /* the rest is read only where it is written */
	if (parameters > 0)
		event.args[0] = ctx[0];
	if (parameters > 1)
		event.args[1] = ctx[1];
	if (parameters > 2)
		event.args[2] = ctx[2];
	if (parameters > 3)
		event.args[3] = ctx[3];
	if (parameters > 4)
		event.args[4] = ctx[4];
	evaluate(&event);
	return 0;
}

SEC("fentry/function")
int match_fentry_syscall(__u64 *ctx)
{
	struct event event = {};

	read_syscall(&event, (struct pt_regs *)ctx[0]);
	evaluate(&event);
	return 0;
}
