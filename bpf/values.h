/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words of memory, and of the record of a tracepoint. 0 is what cannot be read. */
#pragma once
#include "text.h"

/* The 64-bit word at a user address. */
static __noinline __u64 user_word(struct event *event, __u64 address)
{
	__u64 word = 0;

	asm volatile("" : "+r"(event), "+r"(address));
	bpf_probe_read_user(&word, sizeof(word), (void *)address);
	return word;
}

/* The word of 1 to 8 bytes at an address, zero extended. */
static __noinline __u64 kernel_word(struct event *event, __u64 address, __u32 size)
{
	__u64 word = 0;

	asm volatile("" : "+r"(event), "+r"(address), "+r"(size));
	if (size > sizeof(word))
		return 0;
	if (read_any(&word, size, address))
		return 0;
	return word;
}

/*
 * The address of the record, as a number: the verifier allows no arithmetic with
 * the context itself, but does not follow it through memory.
 */
static __always_inline __u64 record(struct event *event)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &event->context);
	return address;
}

/* A field of a tracepoint's record. */
static __noinline __u64 context_word(struct event *event, __u32 offset, __u32 size)
{
	__u64 word = 0;

	asm volatile("" : "+r"(event), "+r"(offset), "+r"(size));
	if (size > sizeof(word))
		return 0;
	bpf_probe_read_kernel(&word, size, (void *)(record(event) + offset));
	return word;
}

static __noinline __u64 context_address(struct event *event, __u32 offset)
{
	asm volatile("" : "+r"(event), "+r"(offset));
	return record(event) + offset;
}

/*
 * Where the data of a __data_loc field are: the field has their offset, below
 * their length (include/trace/stages/stage1_struct_define.h).
 */
static __noinline __u64 context_location(struct event *event, __u32 offset)
{
	__u32 location = 0;

	asm volatile("" : "+r"(event), "+r"(offset));
	bpf_probe_read_kernel(&location, sizeof(location), (void *)(record(event) + offset));
	return record(event) + (location & 0xffff);
}

static __noinline __u64 current_task(struct event *event)
{
	asm volatile("" : "+r"(event));
	return bpf_get_current_task();
}

/* Marks the numbers of 32-bit system calls, as in policies (package plan). */
#define COMPAT_BIT (1ULL << 31)

/*
 * The number of the system call that the current task is in, with its ABI: calls
 * of i386 and of 32-bit Arm have numbers of their own. x32 calls have a bit of
 * their own in the number already.
 */
static __noinline __u64 syscall_id(struct event *event, __u64 number)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	asm volatile("" : "+r"(event), "+r"(number));
#if defined(__TARGET_ARCH_x86)
	if (BPF_CORE_READ(task, thread_info.status) & TS_COMPAT)
		number |= COMPAT_BIT;
#elif defined(__TARGET_ARCH_arm64)
	if (BPF_CORE_READ(task, thread_info.flags) & (1UL << TIF_32BIT))
		number |= COMPAT_BIT;
#endif
	return number;
}

/* How a set of capabilities is found. */
enum capability_holder {
	HOLDER_SET,  /* at the address itself */
	HOLDER_CRED, /* the effective set of credentials */
};

static __noinline __u64 capability_word(struct event *event, __u64 value, __u32 holder)
{
	__u64 mask = 0;

	asm volatile("" : "+r"(event), "+r"(value), "+r"(holder));
	if (holder == HOLDER_CRED)
		value += bpf_core_field_offset(struct cred, cap_effective);
	read_any(&mask, sizeof(mask), value);
	return mask;
}

/* The type of a file: S_IFMT of its mode. */
static __noinline __u32 file_type(struct event *event, __u64 value, __u32 kind)
{
	struct dentry *dentry = (void *)value;
	struct file *file;

	asm volatile("" : "+r"(event), "+r"(value), "+r"(kind));
	if (kind == TEXT_PATH) {
		dentry = BPF_CORE_READ((struct path *)value, dentry);
	} else if (kind != TEXT_DENTRY) {
		file = file_behind(value, kind);
		dentry = BPF_CORE_READ(file, f_path.dentry);
	}
	return BPF_CORE_READ(dentry, d_inode, i_mode) >> S_IFMT_SHIFT;
}
