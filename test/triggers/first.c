//go:build ignore
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that begins with an event: its first instructions are a setuid to
 * 4242, before any C library or loader has run. Then it ends. Compile with
 * -nostdlib -static.
 */
#if defined(__x86_64__)
__asm__(".globl _start\n"
	"_start:\n"
	"	mov $105, %eax\n" /* setuid */
	"	mov $4242, %edi\n"
	"	syscall\n"
	"	mov $60, %eax\n" /* exit */
	"	xor %edi, %edi\n"
	"	syscall\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n"
	"_start:\n"
	"	mov x8, #146\n" /* setuid */
	"	mov x0, #4242\n"
	"	svc #0\n"
	"	mov x8, #93\n" /* exit */
	"	mov x0, #0\n"
	"	svc #0\n");
#endif
