/* SPDX-License-Identifier: Apache-2.0 */
/* What all commands are made of. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A command is prepared once and then run as often as asked. */
struct command {
	const char *name;
	/* The number of arguments it must have. */
	int arguments;
	void (*run)(char **argv);
	void (*prepare)(char **argv);
};

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

/* Returns the result of a call that must not fail. */
static long checked(long result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

static long number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 0);

	if (end == text || *end)
		die(text);
	return n;
}

#endif
