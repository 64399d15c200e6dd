/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Space for strings, which the stack has none for. */
#pragma once
#include "maps.h"

#define PATH_SIZE 4096
#define NAME_SIZE 256
#define NEEDLE_SIZE 256

/*
 * Work space of one event or one path. Generated code reads from at to the end
 * of path, whose last bytes let it compare words without looking where the
 * string ends, and writes needle (package match).
 */
struct scratch_value {
	/* What path holds: see text(). */
	__u64 value;
	__u32 kind;
	__u32 size;
	__u32 at; /* where in path the string starts */
	__u32 length;
	char path[PATH_SIZE + NAME_SIZE + 8];
	__u64 needle[NEEDLE_SIZE / 8]; /* what search() looks for */
	__u32 needle_size;
	__u32 ignore_case;
	__u64 users; /* programs between acquire and release on this CPU */
	/* State of the loops over names and chunks, whose steps are functions. */
	__u64 dentry; /* struct dentry * */
	__u64 inode;  /* of the first that has a name, where has_fake_paths() */
	__u64 mnt;    /* struct mount *, 0 to end at the file system's root */
	/* Of the mount: the dentry at which it begins, what it is mounted on. */
	__u64 root;
	__u64 up;	  /* struct mount *, itself at the top */
	__u64 mountpoint; /* struct dentry * */
	struct name_key name;
	__u32 id;
	__u32 unused;
};

/*
 * key: 0..SCRATCH_SLOTS-1. value: work space. Written while a string is read or
 * a path resolved. When all are in use on a CPU, a binary stays unresolved and
 * filters on strings fail; losses says so.
 */
#define SCRATCH_SLOTS 6
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch_value);
} scratch SEC(".maps");

/*
 * A scratch slot of this CPU that no interrupted program is using, SCRATCH_SLOTS
 * if there is none. Adding before looking makes two claimants of one slot both
 * step back.
 */
__noinline __u32 acquire_scratch(void)
{
	for (__u32 i = 0; i < SCRATCH_SLOTS; i++) {
		__u32 slot = i;
		struct scratch_value *s = bpf_map_lookup_elem(&scratch, &slot);

		if (!s)
			break;
		__sync_fetch_and_add(&s->users, 1);
		if (*(volatile __u64 *)&s->users == 1) {
			s->kind = ~0U; /* what it held is another event's */
			return i;
		}
		__sync_fetch_and_add(&s->users, -1);
	}
	lose(LOSS_SCRATCH_BUSY);
	return SCRATCH_SLOTS;
}

static __always_inline void release_scratch(__u32 slot)
{
	struct scratch_value *s = bpf_map_lookup_elem(&scratch, &slot);

	if (s)
		__sync_fetch_and_add(&s->users, -1);
}
