/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading several fields of a kernel struct with one call of a helper. */
#pragma once
#include "kernel.h"

/*
 * Fields that lie side by side in a kernel struct are read at once: each read
 * costs as much as twenty instructions of a program.
 */
struct part {
	char bytes[32];
};

/* Reads what begins with a field. */
#define read_part(to, type, address, first)            \
	bpf_probe_read_kernel(to, sizeof(struct part), \
			      (void *)(address) + bpf_core_field_offset(type, first))

#define part_offset(type, first, field) \
	(bpf_core_field_offset(type, field) - bpf_core_field_offset(type, first))

/* A field of what was read, or read alone if a kernel has it elsewhere. */
#define part_field(from, type, address, first, as, field)                      \
	(part_offset(type, first, field) <= sizeof(struct part) - sizeof(as) ? \
		 *(as *)((from)->bytes + part_offset(type, first, field)) :    \
		 (as)BPF_CORE_READ((type *)(address), field))
