/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on files that are no system calls of their own: entries of a ring
 * which the kernel shares (io_uring(7)). It carries one out while the ring is
 * entered, in a worker, or in a thread that polls the ring.
 */
#ifndef URING_H
#define URING_H

#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "command.h"
#include "files.h"

/* The ring, with room for one operation, and that operation. */
static struct {
	int fd;
	unsigned *submitted, *flags, *index, *completed;
	struct io_uring_sqe *entry, operation;
	struct io_uring_cqe *results;
	unsigned results_mask;
} ring;

static char *map_ring(size_t size, off_t offset)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd,
			    offset);

	if (memory == MAP_FAILED)
		die("map io_uring");
	return memory;
}

static void set_up_ring(unsigned flags)
{
	/* A thread polls for 10 ms and has to be woken after that. */
	struct io_uring_params p = { .flags = flags, .sq_thread_idle = 10 };
	char *rings;

	ring.fd = checked(syscall(SYS_io_uring_setup, 1, &p), "io_uring_setup");
	/* One mapping for both rings since 5.4: IORING_FEAT_SINGLE_MMAP. */
	rings = map_ring(p.cq_off.cqes + p.cq_entries * sizeof(*ring.results), IORING_OFF_SQ_RING);
	ring.entry = (void *)map_ring(sizeof(*ring.entry), IORING_OFF_SQES);
	ring.submitted = (void *)(rings + p.sq_off.tail);
	ring.flags = (void *)(rings + p.sq_off.flags);
	ring.index = (void *)(rings + p.sq_off.array);
	ring.completed = (void *)(rings + p.cq_off.head);
	ring.results = (void *)(rings + p.cq_off.cqes);
	ring.results_mask = p.cq_entries - 1;
}

static void choose_operation(const char *name, char *path)
{
	static char byte = 'x';

	ring.operation.addr = (uintptr_t)&byte;
	ring.operation.len = 1;
	if (!strcmp(name, "read")) {
		open_to_read(&path);
		ring.operation.opcode = IORING_OP_READ;
	} else if (!strcmp(name, "write")) {
		open_to_write(&path);
		ring.operation.opcode = IORING_OP_WRITE;
	} else if (!strcmp(name, "open")) {
		opened = AT_FDCWD;
		ring.operation.opcode = IORING_OP_OPENAT;
		ring.operation.addr = (uintptr_t)path;
		ring.operation.len = 0;
	} else {
		die(name);
	}
	ring.operation.fd = opened;
}

static void choose_uring(char **argv)
{
	unsigned flags = 0;

	choose_operation(argv[1], argv[2]);
	if (!strcmp(argv[0], "worker"))
		ring.operation.flags = IOSQE_ASYNC;
	else if (!strcmp(argv[0], "poller"))
		flags = IORING_SETUP_SQPOLL;
	else if (strcmp(argv[0], "inline"))
		die(argv[0]);
	set_up_ring(flags);
	if (flags && ring.operation.opcode != IORING_OP_OPENAT) {
		/* Before 5.11 the thread knows only files that the ring has. */
		checked(syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, &opened, 1),
			"io_uring_register");
		ring.operation.flags = IOSQE_FIXED_FILE;
		ring.operation.fd = 0;
	}
}

static void submit_and_wait(char **argv)
{
	unsigned flags = IORING_ENTER_GETEVENTS, head = *ring.completed;

	*ring.entry = ring.operation;
	*ring.index = 0;
	__atomic_store_n(ring.submitted, *ring.submitted + 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(ring.flags, __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP)
		flags |= IORING_ENTER_SQ_WAKEUP;
	checked(syscall(SYS_io_uring_enter, ring.fd, 1, 1, flags, NULL, 0), "io_uring_enter");
	errno = -ring.results[head & ring.results_mask].res;
	if (errno > 0)
		die(argv[2]);
	if (ring.operation.opcode == IORING_OP_OPENAT)
		close(ring.results[head & ring.results_mask].res);
	__atomic_store_n(ring.completed, head + 1, __ATOMIC_RELEASE);
}

#endif
