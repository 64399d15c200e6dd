/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a string contains another. Kernels have a function for it since 6.17
 * (bpf_strnstr); this one works on all, eight bytes at a time.
 */
#pragma once
#include "text.h"

#define BYTES(b) (0x0101010101010101ULL * (b))

/* Eight characters with A to Z as a to z, other bytes as they are. */
static __always_inline __u64 fold(__u64 word)
{
	__u64 low = word & BYTES(0x7f);
	__u64 above_z = low + BYTES(0x7f - 'Z');
	__u64 from_a = low + BYTES(0x80 - 'A');

	return word | ((~word & (above_z ^ from_a) & BYTES(0x80)) >> 2);
}

/*
 * The word at a place of the string, folded if case does not matter. In assembler
 * because clang would read bytes, not knowing that places need no alignment.
 */
static __always_inline __u64 word_at(struct scratch_value *s, __u64 at, __u64 offset)
{
	char *place = s->path;
	__u64 word;

	at &= PATH_SIZE - 1;
	asm volatile("" : "+r"(at));
	place += at;
	offset &= NEEDLE_SIZE - 1;
	asm volatile("" : "+r"(offset));
	place += offset;
	asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(word) : "r"(place) : "memory");
	return s->ignore_case ? fold(word) : word;
}

/* The bits of a word that the string has from an offset on. */
static __always_inline __u64 used_bits(__u32 size, __u32 offset)
{
	return size - offset >= 8 ? ~0ULL : ~(~0ULL << (8 * (size - offset) & 63));
}

/* Compares the needle in a slot with what begins at a place of the string. */
__noinline __u32 found_at(__u32 slot, __u32 at)
{
	struct scratch_value *s = bpf_map_lookup_elem(&scratch, &slot);

	if (!s)
		return 0;
	for (__u32 i = 0; i < NEEDLE_SIZE / 8; i++) {
		if (8 * i >= s->needle_size)
			break;
		if ((word_at(s, at, 8 * i) ^ s->needle[i]) & used_bits(s->needle_size, 8 * i))
			return 0;
	}
	return 1;
}

enum found {
	FOUND_NOT_YET,
	FOUND,
	FOUND_NOT,
};

#define BLOCK 64

/* Looks at the next places. In blocks for the verifier: see intern_step. */
__noinline enum found search_block(__u32 slot, __u32 at)
{
	struct scratch_value *s = bpf_map_lookup_elem(&scratch, &slot);
	__u64 first, bits;
	__u32 last;

	if (!s || s->length < s->needle_size)
		return FOUND_NOT;
	first = s->needle[0];
	bits = used_bits(s->needle_size, 0);
	last = s->at + s->length - s->needle_size;
	for (int i = 0; i < BLOCK; i++, at++) {
		if (at > last)
			return FOUND_NOT;
		if (!((word_at(s, at, 0) ^ first) & bits) && found_at(slot, at))
			return FOUND;
	}
	return FOUND_NOT_YET;
}

__noinline __u32 search(__u32 slot, __u32 at)
{
	for (int i = 0; i < PATH_SIZE / BLOCK; i++, at += BLOCK) {
		enum found found = search_block(slot, at);

		if (found != FOUND_NOT_YET)
			return found == FOUND;
	}
	return 0;
}

/*
 * Whether the string that text() returned last contains the needle written into
 * its slot: size bytes, zero padded to a word; of lower case to ignore case.
 */
static __noinline __u32 contains(struct event *event, __u32 size, __u32 ignore_case)
{
	__u32 slot = event->scratch;
	struct scratch_value *s;

	asm volatile("" : "+r"(event), "+r"(size), "+r"(ignore_case));
	s = bpf_map_lookup_elem(&scratch, &slot);
	if (!s)
		return 0;
	s->needle_size = size;
	s->ignore_case = ignore_case;
	return search(slot, s->at);
}
