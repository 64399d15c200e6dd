/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arguments in the context of a program: one word each, and the verifier lets a
 * program read as many as the function has.
 */
#pragma once
#include "evaluate.h"

const volatile __u32 parameters = 0;

/* Nothing is read of an event that is not written here or elsewhere first. */
static __always_inline void begin_event(struct event *event, void *ctx)
{
	event->context = ctx;
	event->frame = 0;
	event->has_binary = 0;
	event->has_scratch = 0;
	event->has_workload = 0;
}

static __always_inline void read_parameters(struct event *event, __u64 *ctx)
{
	if (parameters > 0)
		event->args[0] = ctx[0];
	if (parameters > 1)
		event->args[1] = ctx[1];
	if (parameters > 2)
		event->args[2] = ctx[2];
	if (parameters > 3)
		event->args[3] = ctx[3];
	if (parameters > 4)
		event->args[4] = ctx[4];
	if (parameters > 5)
		event->args[5] = ctx[5];
}

/*
 * What the function returned comes after its arguments. The barriers keep clang
 * from computing the address, which the verifier refuses for a context.
 */
static __always_inline __u64 read_return(__u64 *ctx)
{
	__u64 ret = ctx[0];

#define RETURN_AFTER(n)               \
	do {                          \
		barrier();            \
		if (parameters >= n)  \
			ret = ctx[n]; \
	} while (0)
	RETURN_AFTER(1);
	RETURN_AFTER(2);
	RETURN_AFTER(3);
	RETURN_AFTER(4);
	RETURN_AFTER(5);
	RETURN_AFTER(6);
	return ret;
}
