/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of the kernel's interface to user space that the programs use, as
 * include/uapi/linux has it; its headers do not compile for every target.
 */
#pragma once
#include <stdbool.h>

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum; /* the types that bpf_helpers.h wants */

#define NULL ((void *)0)

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
};

enum {
	BPF_NOEXIST = 1,
};

/* include/uapi/asm-generic/errno-base.h */
enum {
	E2BIG = 7,
	EEXIST = 17,
};

/* include/linux/socket.h */
enum {
	AF_UNIX = 1,
	AF_INET = 2,
	AF_INET6 = 10,
};

/* include/uapi/linux/in.h: those with ports */
enum {
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_SCTP = 132,
};

/* Only to ask whether the kernel has it. */
enum bpf_func_id {
	BPF_FUNC_get_current_task_btf = 158,
};
