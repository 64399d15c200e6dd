/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Strings in memory, of the kernel or of user space. */
#pragma once
#include "kinds.h"
#include "network.h"

#define SUN_PATH 2 /* offset in struct sockaddr_un */
#define SUN_PATH_SIZE 108

/* Reads a string that ends with a zero byte, of at most size bytes with it. */
static __always_inline void read_string(struct scratch_value *s, __u64 address, __u32 size)
{
	long len;

	if (is_kernel(address))
		len = bpf_probe_read_kernel_str(s->path, size, (void *)address);
	else
		len = bpf_probe_read_user_str(s->path, size, (void *)address);
	if (len < 0 && address)
		lose(LOSS_TEXT_UNREADABLE);
	if (len > PATH_SIZE + 1) {
		lose(LOSS_TEXT_TRUNCATED);
		len = PATH_SIZE + 1;
	}
	if (len > 0)
		s->length = len - 1;
}

static __always_inline void read_bytes(struct scratch_value *s, __u64 address, __u32 size)
{
	if (size > PATH_SIZE) {
		lose(LOSS_TEXT_TRUNCATED);
		size = PATH_SIZE;
	}
	if (read_any(s->path, size, address))
		lose(LOSS_TEXT_UNREADABLE);
	else
		s->length = size;
}

/* Abstract names begin with a zero byte, shown as @ (unix(7), ss(8)). */
static __always_inline void read_unix(struct scratch_value *s, __u64 address)
{
	__u8 first = 0;
	long len;

	address += SUN_PATH;
	read_any(&first, sizeof(first), address);
	if (first) {
		read_string(s, address, SUN_PATH_SIZE + 1);
		return;
	}
	s->path[0] = '@';
	if (is_kernel(address))
		len = bpf_probe_read_kernel_str(s->path + 1, SUN_PATH_SIZE, (void *)(address + 1));
	else
		len = bpf_probe_read_user_str(s->path + 1, SUN_PATH_SIZE, (void *)(address + 1));
	if (len > 1)
		s->length = len;
}

/* The first of the buffers that an array of struct iovec names. */
static __always_inline void read_iovec(struct scratch_value *s, __u64 address)
{
	__u64 iovec[2] = {}; /* iov_base, iov_len */

	if (read_any(iovec, sizeof(iovec), address))
		lose(LOSS_TEXT_UNREADABLE);
	else
		read_bytes(s, iovec[0], iovec[1] > PATH_SIZE ? PATH_SIZE + 1 : iovec[1]);
}

/* Reads what is not a path; false if it is one. */
static __always_inline bool read_plain(struct scratch_value *s)
{
	__u64 value = s->value;

	switch (s->kind) {
	case TEXT_FILENAME:
		if (is_kernel(value))
			value = (__u64)BPF_CORE_READ((struct filename *)value, name);
		break;
	case TEXT_STRING:
		break;
	case TEXT_NETDEV:
		value += bpf_core_field_offset(struct net_device, name);
		break;
	case TEXT_MODULE: /* a kernel without modules has no such type */
		if (bpf_core_field_exists(struct module, name))
			value += bpf_core_field_offset(struct module, name);
		break;
	case TEXT_LOAD_INFO:
		if (bpf_core_field_exists(struct load_info, name))
			value = (__u64)BPF_CORE_READ((struct load_info *)value, name);
		break;
	case TEXT_SOCKADDR_UN:
		read_unix(s, value);
		return true;
	case TEXT_BYTES:
		read_bytes(s, value, s->size);
		return true;
	case TEXT_IOVEC:
		read_iovec(s, value);
		return true;
	default:
		return false;
	}
	/* With its zero byte, and one more that tells whether there are more. */
	read_string(s, value, PATH_SIZE + 2);
	return true;
}
