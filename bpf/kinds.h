/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a value stands for, and the file behind it. */
#pragma once
#include "path.h"

enum text_kind {
	TEXT_STRING,
	TEXT_FILENAME, /* struct filename *, or a string of user space */
	TEXT_FD,
	TEXT_FILE,
	TEXT_PATH,
	TEXT_DENTRY, /* from the root of its file system */
	TEXT_BINPRM,
	TEXT_NETDEV,
	TEXT_SOCKADDR_UN,
	TEXT_KIOCB,
	TEXT_BYTES,
	TEXT_EXE,
	TEXT_PARENT_EXE,
	TEXT_MODULE,
	TEXT_LOAD_INFO,
	TEXT_IOVEC,
	TEXT_NONE, /* nothing read yet */
};

/* The file behind a descriptor of the current task. */
static __always_inline struct file *file_of(__u32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), &files[fd]);
	return file;
}

/* The file that a value of a kind stands for, NULL if none. */
static __always_inline struct file *file_behind(__u64 value, __u32 kind)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	switch (kind) {
	case TEXT_FD:
		return file_of(value);
	case TEXT_FILE:
		return (void *)value;
	case TEXT_BINPRM:
		return BPF_CORE_READ((struct linux_binprm *)value, file);
	case TEXT_KIOCB:
		return BPF_CORE_READ((struct kiocb *)value, ki_filp);
	case TEXT_EXE:
		return BPF_CORE_READ(task, mm, exe_file);
	case TEXT_PARENT_EXE:
		return BPF_CORE_READ(task, real_parent, mm, exe_file);
	}
	return NULL;
}
