/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The function that the agent replaces. */
#pragma once
#include "address.h"
#include "count.h"
#include "descent.h"
#include "memory.h"
#include "process.h"
#include "search.h"
#include "values.h"

/* Keeps clang from specialising functions for the arguments below. */
#define unknown(word) asm volatile("" : "+r"(word))

/*
 * Stands where the agent puts the selectors. It calls everything generated code
 * may call, so that the functions and their types are in the object.
 */
static __noinline int evaluate(struct event *event)
{
	struct scratch_value *s;
	__u64 word = 0;

	asm volatile("" : "+r"(event), "+r"(word));
#define CALL(expression)              \
	do {                          \
		word += (expression); \
		unknown(word);        \
	} while (0)
	CALL(user_word(event, word));
	CALL(kernel_word(event, word, word));
	CALL(context_word(event, word, word));
	CALL(context_address(event, word));
	CALL(context_location(event, word));
	CALL(current_task(event));
	CALL(syscall_id(event, word));
	CALL(capability_word(event, word, word));
	CALL(file_type(event, word, word));
	CALL(sock_word(event, word, word));
	CALL(sock_address(event, word, word));
	CALL(in_scope(event, word));
	CALL(capabilities(event, word));
	CALL(namespace_inode(event, word));
	CALL(pid(event, word));
	CALL(descends(event, word, word));
	CALL(binary(event));
	CALL(parent_binary(event));
	CALL(executed(event, word, word));
	CALL(changed_namespaces(event, word, word));
	CALL(changed_capabilities(event, word, word));
	CALL(see_changes(event, word, word));
	CALL(verdict(event, word, word));
	CALL(set_verdict(event, word, word, word));
	CALL(remember(event, word, word));
	CALL(recall(event, word));
	s = text(event, word, word, word);
	if (s) {
		CALL(s->length);
		CALL(contains(event, word, word));
	}
	return word + count(event, word);
}

/* The selectors, and what comes after them whatever they decide. */
static __always_inline int run_selectors(struct event *event)
{
	evaluate(event);
	if (event->has_scratch)
		release_scratch(event->scratch);
	return 0;
}
