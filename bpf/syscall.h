/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arguments in registers. A function's are where its calling convention puts
 * them; a system call's wrapper gets one, the registers of user space, which on
 * x86 are others for each ABI (arch/x86/include/asm/syscall_wrapper.h).
 */
#pragma once
#include "event.h"

/* Whether a wrapper on x86 is one of i386: its arguments are lower halves. */
const volatile __u32 i386_registers = 0;

#if defined(__TARGET_ARCH_x86)

static __always_inline void read_function(struct event *event, struct pt_regs *regs)
{
	event->args[0] = regs->di;
	event->args[1] = regs->si;
	event->args[2] = regs->dx;
	event->args[3] = regs->cx;
	event->args[4] = regs->r8;
	event->args[5] = regs->r9;
}

/* What the stack pointer will be where the function returns: RET pops an address. */
static __always_inline __u64 called_frame(struct pt_regs *regs)
{
	return regs->sp + sizeof(__u64);
}

static __always_inline __u64 returned(struct pt_regs *regs)
{
	return regs->ax;
}

static __always_inline void read_syscall(struct event *event, struct pt_regs *user)
{
	if (i386_registers) {
		event->args[0] = (__u32)user->bx;
		event->args[1] = (__u32)user->cx;
		event->args[2] = (__u32)user->dx;
		event->args[3] = (__u32)user->si;
		event->args[4] = (__u32)user->di;
		event->args[5] = (__u32)user->bp;
		return;
	}
	event->args[0] = user->di;
	event->args[1] = user->si;
	event->args[2] = user->dx;
	event->args[3] = user->r10;
	event->args[4] = user->r8;
	event->args[5] = user->r9;
}

static __always_inline void probe_syscall(struct event *event, struct pt_regs *regs)
{
	struct pt_regs *user = (struct pt_regs *)regs->di;

	if (i386_registers) {
		event->args[0] = (__u32)BPF_CORE_READ(user, bx);
		event->args[1] = (__u32)BPF_CORE_READ(user, cx);
		event->args[2] = (__u32)BPF_CORE_READ(user, dx);
		event->args[3] = (__u32)BPF_CORE_READ(user, si);
		event->args[4] = (__u32)BPF_CORE_READ(user, di);
		event->args[5] = (__u32)BPF_CORE_READ(user, bp);
		return;
	}
	event->args[0] = BPF_CORE_READ(user, di);
	event->args[1] = BPF_CORE_READ(user, si);
	event->args[2] = BPF_CORE_READ(user, dx);
	event->args[3] = BPF_CORE_READ(user, r10);
	event->args[4] = BPF_CORE_READ(user, r8);
	event->args[5] = BPF_CORE_READ(user, r9);
}

#elif defined(__TARGET_ARCH_arm64)

static __always_inline void read_function(struct event *event, struct pt_regs *regs)
{
	for (int i = 0; i < ARGS_MAX; i++)
		event->args[i] = regs->regs[i];
}

static __always_inline __u64 called_frame(struct pt_regs *regs)
{
	return regs->sp;
}

static __always_inline __u64 returned(struct pt_regs *regs)
{
	return regs->regs[0];
}

static __always_inline void read_syscall(struct event *event, struct pt_regs *user)
{
	for (int i = 0; i < ARGS_MAX; i++)
		event->args[i] = user->regs[i];
}

static __always_inline void probe_syscall(struct event *event, struct pt_regs *regs)
{
	struct pt_regs *user = (struct pt_regs *)regs->regs[0];

	bpf_core_read(event->args, sizeof(event->args), &user->regs);
}

#endif
