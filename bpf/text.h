/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Strings that filters compare: arguments, names and paths. One is read once per
 * event however many policies look at it, and only if one gets as far.
 */
#pragma once
#include "event.h"
#include "strings.h"

/*
 * The path of a file, unless it is one that overlayfs has opened in a layer: it
 * passes the same functions as the one it serves, so every access would count
 * twice where it has the same path.
 */
static __always_inline void read_file_path(struct scratch_value *s, __u32 slot, struct file *file)
{
	__u64 inode = begin_walk_at(s, file);
	struct dentry *dentry = (void *)s->dentry;
	bool named = s->dentry != s->root; /* and so the walk meets its inode */

	/* Where a path begins decides: its end alone is none. */
	if (!walk_path(s, slot, s->kind == TEXT_EXE || s->kind == TEXT_PARENT_EXE))
		return;
	if (has_fake_paths() && inode != (named ? s->inode : (__u64)BPF_CORE_READ(dentry, d_inode)))
		return;
	s->length = PATH_SIZE - s->at;
}

static __always_inline void read_path(struct scratch_value *s, __u32 slot)
{
	struct file *file;

	if (s->kind == TEXT_DENTRY) {
		s->dentry = s->value;
		enter_mount(s, 0);
	} else if (s->kind == TEXT_PATH) {
		begin_walk(s, (void *)s->value);
	} else {
		file = file_behind(s->value, s->kind);
		if (file)
			read_file_path(s, slot, file);
		return;
	}
	if (walk_path(s, slot, false))
		s->length = PATH_SIZE - s->at;
}

/* Fills a scratch slot with what its first fields ask for. */
__noinline int read_text(__u32 slot)
{
	struct scratch_value *s = bpf_map_lookup_elem(&scratch, &slot);

	if (!s)
		return 0;
	s->at = 0;
	s->length = 0;
	if (!read_plain(s))
		read_path(s, slot);
	return 0;
}

/*
 * The string of a value, NULL if there is no room to read it. It stays until
 * another is asked for.
 */
static __noinline struct scratch_value *text(struct event *event, __u64 value, __u32 kind,
					     __u32 size)
{
	struct scratch_value *s;
	__u32 slot;

	asm volatile("" : "+r"(event), "+r"(value), "+r"(kind), "+r"(size));
	if (!event->has_scratch) {
		event->scratch = acquire_scratch();
		event->has_scratch = 1;
	}
	slot = event->scratch;
	s = bpf_map_lookup_elem(&scratch, &slot);
	if (!s)
		return NULL;
	if (s->value != value || s->kind != kind || s->size != size) {
		s->value = value;
		s->kind = kind;
		s->size = size;
		read_text(slot);
	}
	return s;
}
