/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The unit of everything after the encoder: whole records, appended by one encoder, then handed
 * as a whole to one sink thread. A chunk is cut at CHUNK_SIZE; a larger record travels alone in a
 * jumbo chunk of CHUNK_JUMBO bytes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	CHUNK_SIZE = 128 * 1024,
	CHUNK_JUMBO = 8 * 1024 * 1024,
};

struct chunk {
	uint8_t *p; /* cap bytes, owned by the pool that made the chunk */
	size_t len, cap;
	uint64_t first_ns; /* boot time of the first and of the last event in it */
	uint64_t last_ns;
	uint64_t first_seq; /* sequence number of its first event */
	uint32_t records;   /* events in it; preamble and context are not counted */
	uint32_t epoch;
	bool opens_epoch;   /* its first bytes are a preamble: a sink may start a new file here */
	struct chunk *next; /* for the list that holds it */
};

static inline size_t chunk_room(const struct chunk *c)
{
	return c->cap - c->len;
}

/* The caller has checked the room. */
static inline void chunk_put(struct chunk *c, const void *p, size_t n)
{
	if (n)
		memcpy(c->p + c->len, p, n);
	c->len += n;
}

/*
 * One mapping with room for n chunks of cap bytes, their heads chained by `next`; NULL when there
 * is no memory. Pages cost nothing until they are written. chunk_pool_free() takes the first head.
 */
struct chunk *chunk_pool_new(size_t n, size_t cap);
void chunk_pool_free(struct chunk *first, size_t n);
/* Empties a chunk for its next use; memory and capacity stay. */
void chunk_reset(struct chunk *c);
