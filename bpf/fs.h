/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's types for files, as kernel.h has those for tasks. */
#pragma once
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* include/linux/dcache.h */
struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

/* include/linux/fs.h */
struct super_block {
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

/* include/linux/mount.h, fs/mount.h */
struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

/* include/linux/path.h, include/linux/fs.h */
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
};

/* fs/file_table.c: for files behind others, with user_path since 6.7 */
struct backing_file {
	struct path user_path;
};

struct kiocb {
	struct file *ki_filp;
};

struct filename {
	const char *name;
};

/* include/linux/fdtable.h */
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

/* include/linux/binfmts.h, include/linux/module.h, kernel/module/internal.h */
struct linux_binprm {
	struct file *file;
};

struct module {
	char name[1];
};

struct load_info {
	const char *name;
};

#pragma clang attribute pop

/* include/uapi/linux/magic.h */
enum {
	ANON_INODE_FS_MAGIC = 0x09041934,
	PIPEFS_MAGIC = 0x50495045,
	SOCKFS_MAGIC = 0x534F434B,
};

/* include/uapi/linux/stat.h: the type of a file in its mode */
#define S_IFMT_SHIFT 12
