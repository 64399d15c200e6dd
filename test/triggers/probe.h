/* SPDX-License-Identifier: Apache-2.0 */
/* Places in this program that uprobes and USDT probes can be attached to. */
#ifndef PROBE_H
#define PROBE_H

#include "command.h"

/*
 * What sys/sdt.h would make of a static probe: a nop, and a note with its
 * address, the address of a section that moves together with it, the address of
 * no semaphore, the names, and where the arguments are. A negative size says
 * that an argument is signed.
 */
#define STATIC_PROBE(name, arguments)                        \
	"990: nop\n"                                         \
	".pushsection .note.stapsdt, \"\", \"note\"\n"       \
	".balign 4\n"                                        \
	".4byte 992f - 991f, 994f - 993f, 3\n"               \
	"991: .asciz \"stapsdt\"\n"                          \
	"992: .balign 4\n"                                   \
	"993: .8byte 990b, _.stapsdt.base, 0\n"              \
	".asciz \"tetrameter\"\n"                            \
	".asciz \"" name "\"\n"                              \
	".asciz \"" arguments "\"\n"                         \
	"994: .balign 4\n"                                   \
	".popsection\n"                                      \
	".ifndef _.stapsdt.base\n"                           \
	".pushsection .stapsdt.base, \"a\", \"progbits\"\n"  \
	"_.stapsdt.base: .space 1\n"                         \
	".popsection\n"                                      \
	".endif\n"

int trigger_probe(int number, const char *text);

/* Returns the number, so that filters of return values have something to see. */
__attribute__((noinline, noclone, used)) int trigger_probe(int number, const char *text)
{
	asm volatile(STATIC_PROBE("probe", "-4@%0 8@%1") : : "r"(number), "r"(text));
	return number;
}

/* An element of an array, by the registers with its address and its position. */
#if defined(__x86_64__)
#define ELEMENT(array, position) "-4@4(%q" array ",%q" position ",4)"
#else
#define ELEMENT(array, position) "-4@0" /* arm64 has no form for it that is known */
#endif

static void call_memory_probe(char **argv)
{
	volatile int numbers[] = { 0, 0, 0, 0, number(argv[0]) };
	const char *volatile text = argv[1];
	long position = 3;

	asm volatile(STATIC_PROBE("memory", "-4@%0 8@%1 " ELEMENT("2", "3"))
		     :
		     : "m"(numbers[4]), "m"(text), "r"(numbers), "r"(position));
}

int trigger_nest(int depth);

/* Calls itself, and returns the depth. */
__attribute__((noinline, noclone, used)) int trigger_nest(int depth)
{
	volatile int deeper = 0; /* else the compiler makes it a loop */

	if (depth > 0)
		deeper = trigger_nest(depth - 1) + 1;
	return deeper;
}

static void call_nested(char **argv)
{
	trigger_nest(number(argv[0]));
}

static void call_probe(char **argv)
{
	trigger_probe(number(argv[0]), argv[1]);
}

#endif
