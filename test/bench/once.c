//go:build ignore
/* SPDX-License-Identifier: Apache-2.0 */
/* A program whose only event is one setuid(0), its first and its last. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	return syscall(SYS_setuid, 0);
}
