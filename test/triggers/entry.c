//go:build ignore
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the containers of a test node run:
 *
 *	entry [N]
 *
 * makes N calls of setuid to 23230, with its first instructions, before any C
 * library or loader has run, and then waits for ever. Needs -static -nostdlib.
 */
#define USER 23230

#if defined(__x86_64__)
#define SETUID 105
#define PPOLL 271
__asm__(".globl _start\n"
	"_start:\n"
	"	mov %rsp, %rdi\n"
	"	call run\n");

static long call(long number, long first)
{
	register long timeout __asm__("r10") = 0;
	long result;

	__asm__ volatile("syscall" : "=a"(result)
			 : "a"(number), "D"(first), "S"(0L), "d"(0L), "r"(timeout)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
#define SETUID 146
#define PPOLL 73
__asm__(".globl _start\n"
	"_start:\n"
	"	mov x0, sp\n"
	"	bl run\n");

static long call(long number, long first)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = first;
	register long x1 __asm__("x1") = 0;
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = 0;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}
#endif

/* The stack begins with argc, and argv follows. */
void run(long *stack)
{
	const char *digit = stack[0] > 1 ? (const char *)stack[2] : "";
	long n = 0;

	for (; *digit; digit++)
		n = 10 * n + *digit - '0';
	while (n-- > 0)
		call(SETUID, USER);
	for (;;)
		call(PPOLL, 0); /* no files and no timeout: only a signal ends it */
}
