/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls as a 32-bit program makes them, from this one, which is not: the
 * kernel tells the two by the way in. Pointers have to fit into 32 bits.
 */
#ifndef I386_H
#define I386_H

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "command.h"

#define I386_ARGS 3

/* The call's number and arguments. */
static long i386_number, i386_args[I386_ARGS];

#if defined(__x86_64__)

/* A kernel without 32-bit calls takes them for a fault. */
static void no_i386(int number)
{
	static const char message[] = "this kernel has no i386 system calls\n";

	(void)number;
	write(STDERR_FILENO, message, sizeof(message) - 1);
	_exit(1);
}

static long i386_call(void)
{
	long result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(i386_number), "b"(i386_args[0]), "c"(i386_args[1]), "d"(i386_args[2])
		     : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static void *low_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

#else

static void no_i386(int number)
{
	(void)number;
}

static long i386_call(void)
{
	return -ENOSYS;
}

static void *low_memory(size_t size)
{
	(void)size;
	return NULL;
}

#endif

/* Arguments are numbers, or else strings, whose address is passed. */
static void choose_i386(char **argv)
{
	char *memory = low_memory(I386_ARGS * PATH_MAX), *end;

	errno = ENOSYS;
	if (!memory)
		die("memory below 4 GiB");
	signal(SIGSEGV, no_i386);
	i386_number = number(argv[0]);
	for (int i = 0; i < I386_ARGS && argv[i + 1]; i++, memory += PATH_MAX) {
		/* What is above 32 bits the kernel does not look at, nor may others. */
		i386_args[i] = strtol(argv[i + 1], &end, 0) | (long)0xdead << 32;
		if (*end || end == argv[i + 1])
			i386_args[i] = (long)strncpy(memory, argv[i + 1], PATH_MAX - 1);
	}
}

/* What comes of the call does not matter, but that there is one. */
static void call_i386(char **argv)
{
	long result = i386_call();

	errno = -result;
	if (result == -ENOSYS || result == -EFAULT)
		die(argv[0]);
}

#endif
