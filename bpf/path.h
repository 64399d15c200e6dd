/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths as readlink of /proc/PID/exe shows them to a reader in the process's
 * mount namespace: from the root of the mount tree, mounts crossed, and
 * " (deleted)" behind a name that is gone (d_path in fs/d_path.c).
 */
#pragma once
#include "maps.h"

/* Names and mounts on the way to the root, together. */
#define PATH_STEPS 512
#define DELETED " (deleted)"

/* Puts a name before the path; false when it does not fit. */
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

static __always_inline void append_deleted(struct scratch_value *s)
{
	s->at = PATH_SIZE - (sizeof(DELETED) - 1);
	__builtin_memcpy(&s->path[PATH_SIZE - (sizeof(DELETED) - 1)], DELETED, sizeof(DELETED) - 1);
}

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
	if (dentry == BPF_CORE_READ(mnt, mnt.mnt_root)) {
		up = BPF_CORE_READ(mnt, mnt_parent);
		s->dentry = (__u64)BPF_CORE_READ(mnt, mnt_mountpoint);
		s->mnt = (__u64)up;
		return up == mnt ? STEP_DONE : STEP_ON;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	s->dentry = (__u64)parent;
	if (!prepend(s, dentry))
		return STEP_FULL;
	return parent == dentry ? STEP_DONE : STEP_ON;
}

/* Writes the path to the end of s->path; s->at is where it starts. */
static __always_inline void walk_path(struct scratch_value *s, __u32 slot, struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct mount *mnt = (void *)BPF_CORE_READ(file, f_path.mnt) -
			    bpf_core_field_offset(struct mount, mnt);

	s->dentry = (__u64)dentry;
	s->mnt = (__u64)mnt;
	s->at = PATH_SIZE;
	/* d_unlinked(), and the nameless files of memfd_create and O_TMPFILE */
	if (BPF_CORE_READ(dentry, d_parent) != dentry ? !BPF_CORE_READ(dentry, d_hash.pprev) :
							dentry != BPF_CORE_READ(mnt, mnt.mnt_root))
		append_deleted(s);

	for (int i = 0; i < PATH_STEPS; i++) {
		enum step step = walk_step(slot);

		if (step == STEP_DONE)
			return;
		if (step == STEP_FULL)
			break;
	}
	lose(LOSS_PATH_TRUNCATED);
}
