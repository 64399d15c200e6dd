/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that read, write and name files. */
#ifndef FILES_H
#define FILES_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

/* The file that a command has opened before its first repetition. */
static int opened = -1;

static void open_to_read(char **argv)
{
	opened = checked(open(argv[0], O_RDONLY | O_CLOEXEC), argv[0]);
}

static void open_to_write(char **argv)
{
	opened = checked(open(argv[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0644), argv[0]);
}

/* Files in it have a path only in /proc/PID/fd: "/tmp/#7 (deleted)". */
static void open_unnamed(char **argv)
{
	opened = checked(open(argv[0], O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644), argv[0]);
}

static void open_read_close(char **argv)
{
	char byte;
	int fd = checked(open(argv[0], O_RDONLY | O_CLOEXEC), argv[0]);

	checked(read(fd, &byte, 1), "read");
	close(fd);
}

static void read_byte(char **argv)
{
	char byte;

	checked(pread(opened, &byte, 1, 0), argv[0]);
}

static void write_byte(char **argv)
{
	checked(write(opened, "x", 1), argv[0]);
}

static void truncate_path(char **argv)
{
	checked(truncate(argv[0], 0), argv[0]);
}

static void truncate_opened(char **argv)
{
	checked(ftruncate(opened, 0), argv[0]);
}

static void map_page(char **argv)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, opened, 0);

	if (page == MAP_FAILED)
		die(argv[0]);
	munmap(page, 4096);
}

/* An empty file unless there is one, made without opening it. */
static void make_file(const char *path)
{
	if (mknod(path, S_IFREG | 0644, 0) && errno != EEXIST)
		die(path);
}

static void unlink_path(char **argv)
{
	make_file(argv[0]);
	checked(unlink(argv[0]), argv[0]);
}

static void rename_path(char **argv)
{
	make_file(argv[0]);
	checked(rename(argv[0], argv[1]), argv[1]);
}

static void make_directory(char **argv)
{
	checked(mkdir(argv[0], 0755), argv[0]);
	checked(rmdir(argv[0]), argv[0]);
}

/* One openat with the result that is asked for: -ERRNO, or success for 0. */
static void fail(char **argv)
{
	static char long_path[PATH_MAX + 1];
	int want = number(argv[0]), fd = -1;

	memset(long_path, 'x', PATH_MAX);
	errno = 0;
	switch (want) {
	case 0:
		fd = open("/", O_RDONLY);
		break;
	case ENOENT:
		fd = open("/this/does/not/exist", O_RDONLY);
		break;
	case EBADF:
		fd = openat(-1, "relative", O_RDONLY);
		break;
	case EFAULT:
		fd = open((char *)1, O_RDONLY);
		break;
	case EEXIST:
		fd = open("/", O_RDONLY | O_CREAT | O_EXCL, 0644);
		break;
	case ENOTDIR:
		fd = open("/proc/self/exe/inside", O_RDONLY);
		break;
	case EISDIR:
		fd = open("/", O_WRONLY);
		break;
	case EINVAL:
		fd = open("/", O_TMPFILE & ~O_DIRECTORY, 0644);
		break;
	case ENAMETOOLONG:
		fd = open(long_path, O_RDONLY);
		break;
	case ELOOP:
		fd = open("/proc/self/exe", O_RDONLY | O_NOFOLLOW);
		break;
	}
	if (errno != want || (fd < 0) != (want != 0))
		die("this error");
	if (fd >= 0)
		close(fd);
}

#endif
