//go:build ignore
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hooks of security modules: 5.7 and later, where bpf is among the modules. */
#include "matcher.h"
#include "parameters.h"

SEC("lsm/hook")
int attach_lsm(__u64 *ctx)
{
	return run_matcher(ctx);
}

/* 0: no objection. */
SEC("lsm/hook")
int match_lsm(__u64 *ctx)
{
	struct event event;

	begin_event(&event, ctx);
	read_parameters(&event, ctx);
	return run_selectors(&event);
}
