/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths as readlink of /proc/PID/exe shows them to a reader in the process's
 * mount namespace: from the root of the mount tree, mounts crossed
 * (d_path in fs/d_path.c).
 */
#pragma once
#include "scratch.h"

/* Names and mounts on the way to the root, together. */
#define PATH_STEPS 512
#define DELETED " (deleted)"

/* Puts a name before the path, after a slash; false when it does not fit. */
static __always_inline bool prepend(struct scratch_value *s, struct dentry *dentry)
{
	__u32 len = BPF_CORE_READ(dentry, d_name.len) & (NAME_SIZE - 1);
	__u32 at = s->at;

	if (at > PATH_SIZE || at < len + 1)
		return false;
	at -= len + 1;
	s->at = at;
	s->path[at & (PATH_SIZE - 1)] = '/';
	bpf_probe_read_kernel(&s->path[(at & (PATH_SIZE - 1)) + 1], len,
			      BPF_CORE_READ(dentry, d_name.name));
	return true;
}

/* Makes a literal the path. */
#define set_text(s, text)                                                          \
	do {                                                                       \
		(s)->at = PATH_SIZE - (sizeof(text) - 1);                          \
		__builtin_memcpy(&(s)->path[PATH_SIZE - (sizeof(text) - 1)], text, \
				 sizeof(text) - 1);                                \
	} while (0)

enum step {
	STEP_ON,
	STEP_DONE,
	STEP_FULL,
};

/* One name, or one mount, towards the root. */
__noinline enum step walk_step(__u32 slot)
{
	struct scratch_value *s = bpf_map_lookup_elem(&scratch, &slot);
	struct dentry *dentry, *parent;
	struct mount *mnt, *up;

	if (!s)
		return STEP_DONE;
	dentry = (void *)s->dentry;
	mnt = (void *)s->mnt;
	if (mnt && dentry == BPF_CORE_READ(mnt, mnt.mnt_root)) {
		up = BPF_CORE_READ(mnt, mnt_parent);
		s->dentry = (__u64)BPF_CORE_READ(mnt, mnt_mountpoint);
		s->mnt = (__u64)up;
		return up == mnt ? STEP_DONE : STEP_ON;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	s->dentry = (__u64)parent;
	if (!mnt && parent == dentry)
		return STEP_DONE;
	if (!prepend(s, dentry))
		return STEP_FULL;
	return parent == dentry ? STEP_DONE : STEP_ON;
}

/*
 * Files that are in no directory have names of their own kind, without their
 * numbers: pipe:[1234] is pipe: here. False for all others.
 */
static __always_inline bool pseudo_path(struct scratch_value *s, struct dentry *dentry)
{
	switch (BPF_CORE_READ(dentry, d_sb, s_magic)) {
	case PIPEFS_MAGIC:
		set_text(s, "pipe:");
		return true;
	case SOCKFS_MAGIC:
		set_text(s, "socket:");
		return true;
	case ANON_INODE_FS_MAGIC:
		set_text(s, "anon_inode:");
		return true;
	}
	return false;
}

/*
 * Writes the path from s->dentry on s->mnt to the end of s->path; s->at is where
 * it starts. Without a mount it ends at the root of the file system. A name that
 * is gone gets " (deleted)" behind it if marked.
 */
static __always_inline void walk_path(struct scratch_value *s, __u32 slot, bool marked)
{
	struct dentry *dentry = (void *)s->dentry;
	struct mount *mnt = (void *)s->mnt;
	bool nameless = mnt && BPF_CORE_READ(dentry, d_parent) == dentry &&
			dentry != BPF_CORE_READ(mnt, mnt.mnt_root);

	s->at = PATH_SIZE;
	if (nameless && pseudo_path(s, dentry))
		return;
	/* d_unlinked(), and the nameless files of memfd_create and O_TMPFILE */
	if (marked && (nameless || (BPF_CORE_READ(dentry, d_parent) != dentry &&
				    !BPF_CORE_READ(dentry, d_hash.pprev))))
		set_text(s, DELETED);

	for (int i = 0; i < PATH_STEPS; i++) {
		enum step step = walk_step(slot);

		if (step == STEP_DONE) {
			/* The root itself */
			if (s->at == PATH_SIZE)
				set_text(s, "/");
			return;
		}
		if (step == STEP_FULL)
			break;
	}
	lose(LOSS_PATH_TRUNCATED);
}

/* Begins a walk at a struct path. */
static __always_inline void begin_walk(struct scratch_value *s, struct path *path)
{
	s->dentry = (__u64)BPF_CORE_READ(path, dentry);
	s->mnt = (__u64)BPF_CORE_READ(path, mnt) - bpf_core_field_offset(struct mount, mnt);
}
