/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Strings that filters compare: arguments, names and paths. One is read once per
 * event however many policies look at it, and only if one gets as far.
 */
#pragma once
#include "event.h"
#include "strings.h"

/*
 * Whether a file is one that overlayfs has opened in a layer to serve another.
 * Before 6.7 it has the path of that other file, and passes the same functions:
 * every access would count twice (open_with_fake_path, backing_file_open).
 */
static __always_inline bool is_backing(struct file *file, struct dentry *dentry)
{
	return BPF_CORE_READ(file, f_inode) != BPF_CORE_READ(dentry, d_inode);
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
		if (!file)
			return;
		begin_walk(s, &file->f_path);
		if (is_backing(file, (void *)s->dentry))
			return;
	}
	/* Where a path begins decides: its end alone is none. */
	if (walk_path(s, slot, s->kind == TEXT_EXE || s->kind == TEXT_PARENT_EXE))
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
