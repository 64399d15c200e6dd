/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Strings become numbers: intern() returns the id of the path in a scratch
 * buffer, the same id for the same bytes for as long as the maps live.
 */
#pragma once
#include "scratch.h"

enum {
	NAME_NONE = 0,	/* no executable: a kernel thread, or not resolved */
	NAME_OTHER = 1, /* the names map is full */
	NAME_FIRST = 2, /* ids from here on are in names */
	NAME_BITS = 24, /* of an id: a thousand times as many as names */
};

#define CLAIM_TRIES 8
#define CHUNK_SIZE sizeof(((struct name_key *)0)->chunk)
#define CHUNKS_MAX (PATH_SIZE / CHUNK_SIZE + 1)

/*
 * An id nobody has. Inserting it decides, which needs neither a lock nor the
 * fetching atomics that kernels before 5.12 lack.
 */
static __always_inline __u32 claim_id(__u32 parent)
{
	for (int i = 0; i < CLAIM_TRIES; i++) {
		__u32 id = bpf_get_prandom_u32() >> (32 - NAME_BITS);
		long err;

		if (id < NAME_FIRST)
			continue;
		err = bpf_map_update_elem(&name_ids, &id, &parent, BPF_NOEXIST);
		if (!err)
			return id;
		if (err != -EEXIST)
			break;
	}
	return NAME_OTHER;
}

/* The id of one chunk; NAME_OTHER when there is no room for a new one. */
static __always_inline __u32 intern_chunk(struct name_key *key)
{
	__u32 *known, id;
	long err;

	known = bpf_map_lookup_elem(&names, key);
	if (known)
		return *known;
	id = claim_id(key->parent);
	if (id == NAME_OTHER)
		return id;
	err = bpf_map_update_elem(&names, key, &id, BPF_NOEXIST);
	if (!err)
		return id;
	/* Another CPU was first, or the map is full: the claim goes back. */
	bpf_map_delete_elem(&name_ids, &id);
	known = bpf_map_lookup_elem(&names, key);
	return known ? *known : NAME_OTHER;
}

/* Makes the next chunk of the path in a scratch slot the key; false behind the last. */
static __always_inline bool next_chunk(struct scratch_value *s)
{
	__u32 at = s->at, left;

	if (at >= PATH_SIZE)
		return false;
	left = PATH_SIZE - at;
	if (left > CHUNK_SIZE)
		left = CHUNK_SIZE;
	s->at = at + left;
	__builtin_memset(&s->name, 0, sizeof(s->name));
	s->name.parent = s->id;
	bpf_probe_read_kernel(s->name.chunk, left & 127, &s->path[at & (PATH_SIZE - 1)]);
	return true;
}

/*
 * Interns the next chunk of the path in a scratch slot; 1 when that was the
 * last. Steps of loops are global functions on numbers: the verifier looks at
 * them once, not once for each iteration.
 */
__noinline int intern_step(__u32 slot)
{
	struct scratch_value *s = bpf_map_lookup_elem(&scratch, &slot);

	if (!s || !next_chunk(s))
		return 1;
	s->id = intern_chunk(&s->name);
	return s->id == NAME_OTHER;
}

/* The id of the path in a slot, from s->at to its end. */
static __always_inline __u32 intern(struct scratch_value *s, __u32 slot)
{
	s->id = NAME_NONE;
	for (int i = 0; i < CHUNKS_MAX; i++) {
		if (intern_step(slot))
			break;
	}
	if (s->id == NAME_OTHER)
		lose(LOSS_NAMES_FULL);
	return s->id;
}
