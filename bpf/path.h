/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths as readlink of /proc/PID/exe shows them to a reader in the process's
 * mount namespace: from the root of the mount tree, mounts crossed
 * (d_path in fs/d_path.c).
 */
#pragma once
#include "part.h"
#include "scratch.h"

/*
 * Names and mounts on the way to the root, together: as many names as a path of
 * PATH_SIZE has, and some mounts.
 */
#define PATH_STEPS 2176
#define PATH_BLOCK 64
#define DELETED " (deleted)"

/* Puts a name before the path, after a slash; false when it does not fit. */
static __always_inline bool prepend(struct scratch_value *s, __u32 length, __u64 name)
{
	__u32 len = length & (NAME_SIZE - 1), at = s->at;

	if (at > PATH_SIZE || at < len + 1)
		return false;
	at -= len + 1;
	s->at = at;
	s->path[at & (PATH_SIZE - 1)] = '/';
	bpf_probe_read_kernel(&s->path[(at & (PATH_SIZE - 1)) + 1], len, (void *)name);
	return true;
}

/* Makes a literal the path. */
#define set_text(s, text)                                                          \
	do {                                                                       \
		(s)->at = PATH_SIZE - (sizeof(text) - 1);                          \
		__builtin_memcpy(&(s)->path[PATH_SIZE - (sizeof(text) - 1)], text, \
				 sizeof(text) - 1);                                \
	} while (0)

/*
 * Whether a file that overlayfs has opened in a layer to serve another has the
 * path of that other one, and not its own: until commit def3ae83da02 ("fs: store
 * real path instead of fake path in backing file f_path"), 6.7.
 */
static __always_inline bool has_fake_paths(void)
{
	return !bpf_core_field_exists(struct backing_file, user_path);
}

enum step {
	STEP_ON,
	STEP_DONE,
	STEP_FULL,
};

/* Goes on with a mount: its root is where the names of its file system end. */
static __always_inline void enter_mount(struct scratch_value *s, __u64 mnt)
{
	struct part part;

	s->mnt = mnt;
	if (!mnt) {
		s->root = 0;
		return;
	}
	read_part(&part, struct mount, mnt, mnt_parent);
	s->up = part_field(&part, struct mount, mnt, mnt_parent, __u64, mnt_parent);
	s->mountpoint = part_field(&part, struct mount, mnt, mnt_parent, __u64, mnt_mountpoint);
	s->root = part_field(&part, struct mount, mnt, mnt_parent, __u64, mnt.mnt_root);
}

/* One name, or one mount, towards the root. */
__noinline enum step walk_step(__u32 slot)
{
	struct scratch_value *s = bpf_map_lookup_elem(&scratch, &slot);
	__u64 dentry, parent, name;
	struct part part;
	__u32 length;

	if (!s)
		return STEP_DONE;
	dentry = s->dentry;
	if (dentry == s->root) {
		if (s->up == s->mnt)
			return STEP_DONE;
		s->dentry = s->mountpoint;
		enter_mount(s, s->up);
		return STEP_ON;
	}
	read_part(&part, struct dentry, dentry, d_parent);
	parent = part_field(&part, struct dentry, dentry, d_parent, __u64, d_parent);
	length = part_field(&part, struct dentry, dentry, d_parent, __u32, d_name.len);
	name = part_field(&part, struct dentry, dentry, d_parent, __u64, d_name.name);
	if (has_fake_paths() && !s->inode)
		s->inode = part_field(&part, struct dentry, dentry, d_parent, __u64, d_inode);
	s->dentry = parent;
	if (!s->mnt && parent == dentry)
		return STEP_DONE;
	if (!prepend(s, length, name))
		return STEP_FULL;
	return parent == dentry ? STEP_DONE : STEP_ON;
}

/*
 * Whether a file that is in no directory has no path at all, as pipes, sockets
 * and the like: no filter on paths matches it.
 */
static __always_inline bool is_pseudo(struct dentry *dentry)
{
	unsigned long magic = BPF_CORE_READ(dentry, d_sb, s_magic);

	return magic == PIPEFS_MAGIC || magic == SOCKFS_MAGIC || magic == ANON_INODE_FS_MAGIC;
}

/* The next steps. In blocks for the verifier: see intern_step. */
__noinline enum step walk_block(__u32 slot)
{
	for (int i = 0; i < PATH_BLOCK; i++) {
		enum step step = walk_step(slot);

		if (step != STEP_ON)
			return step;
	}
	return STEP_ON;
}

/* Whether a file is in no directory: it is its own parent, and no root. */
static __always_inline bool is_nameless(struct scratch_value *s, struct dentry *dentry)
{
	return s->mnt && (__u64)dentry != s->root && BPF_CORE_READ(dentry, d_parent) == dentry;
}

/* d_unlinked(), and the nameless files of memfd_create and O_TMPFILE */
static __always_inline bool is_deleted(struct scratch_value *s, struct dentry *dentry)
{
	return is_nameless(s, dentry) ||
	       (BPF_CORE_READ(dentry, d_parent) != dentry && !BPF_CORE_READ(dentry, d_hash.pprev));
}

/*
 * Writes the path from s->dentry on s->mnt to the end of s->path; s->at is where
 * it starts. Without a mount it ends at the root of the file system. A name that
 * is gone gets " (deleted)" behind it if marked. False if only the end of the path
 * is there.
 */
static __always_inline bool walk_path(struct scratch_value *s, __u32 slot, bool marked)
{
	struct dentry *dentry = (void *)s->dentry;

	s->at = PATH_SIZE;
	s->inode = 0;
	if (marked && is_deleted(s, dentry))
		set_text(s, DELETED);
	for (int i = 0; i < PATH_STEPS / PATH_BLOCK; i++) {
		enum step step = walk_block(slot);

		if (step == STEP_FULL)
			break;
		if (step != STEP_DONE)
			continue;
		if (s->at == PATH_SIZE)
			set_text(s, "/"); /* the root itself */
		else if (s->dentry == (__u64)dentry && is_nameless(s, dentry) && is_pseudo(dentry))
			s->at = PATH_SIZE;
		return true;
	}
	lose(LOSS_PATH_TRUNCATED);
	return false;
}

/* Begins a walk at a struct path. */
static __always_inline void begin_walk(struct scratch_value *s, struct path *path)
{
	struct part part;

	read_part(&part, struct path, path, mnt);
	s->dentry = part_field(&part, struct path, path, mnt, __u64, dentry);
	enter_mount(s, part_field(&part, struct path, path, mnt, __u64, mnt) -
			       bpf_core_field_offset(struct mount, mnt));
}

/* Begins a walk at the path of a file, whose inode it returns where has_fake_paths(). */
static __always_inline __u64 begin_walk_at(struct scratch_value *s, struct file *file)
{
	struct part part;

	if (!has_fake_paths()) {
		begin_walk(s, &file->f_path);
		return 0;
	}
	read_part(&part, struct file, file, f_path);
	s->dentry = part_field(&part, struct file, file, f_path, __u64, f_path.dentry);
	enter_mount(s, part_field(&part, struct file, file, f_path, __u64, f_path.mnt) -
			       bpf_core_field_offset(struct mount, mnt));
	return part_field(&part, struct file, file, f_path, __u64, f_inode);
}
