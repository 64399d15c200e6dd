/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An attached program only jumps to the current matcher of its hook. The jump
 * is the switch: replacing the matcher replaces it for whole events, so that
 * none is missed and none is counted by two policies' generations, and links
 * stay attached while agents and policies come and go.
 */
#pragma once
#include "evaluate.h"

/*
 * key: 0. value: the program that evaluates the policies on this attach point;
 * one map each. Written by the agent; an empty slot is a loss.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} matcher SEC(".maps");

static __always_inline int run_matcher(void *ctx)
{
	bpf_tail_call(ctx, &matcher, 0);
	lose(LOSS_NO_MATCHER);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
