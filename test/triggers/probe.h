/* SPDX-License-Identifier: Apache-2.0 */
/* Places in this program that uprobes and USDT probes can be attached to. */
#ifndef PROBE_H
#define PROBE_H

#include "command.h"

int trigger_probe(int number, const char *text);

/*
 * Returns the number, so that filters of return values have something to see.
 *
 * The USDT probe in it is what sys/sdt.h would make of
 * DTRACE_PROBE2(tetrameter, probe, number, text): a nop, and a note with its
 * address, the address of a section that moves together with it, the address of
 * no semaphore, the names, and where the arguments are. A negative size says
 * that an argument is signed.
 */
__attribute__((noinline, noclone, used)) int trigger_probe(int number, const char *text)
{
	asm volatile("990: nop\n"
		     ".pushsection .note.stapsdt, \"\", \"note\"\n"
		     ".balign 4\n"
		     ".4byte 992f - 991f, 994f - 993f, 3\n"
		     "991: .asciz \"stapsdt\"\n"
		     "992: .balign 4\n"
		     "993: .8byte 990b, _.stapsdt.base, 0\n"
		     ".asciz \"tetrameter\"\n"
		     ".asciz \"probe\"\n"
		     ".asciz \"-4@%0 8@%1\"\n"
		     "994: .balign 4\n"
		     ".popsection\n"
		     ".pushsection .stapsdt.base, \"a\", \"progbits\"\n"
		     "_.stapsdt.base: .space 1\n"
		     ".popsection\n"
		     :
		     : "r"(number), "r"(text));
	return number;
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
