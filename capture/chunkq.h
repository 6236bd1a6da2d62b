/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The chunks of one output and their way round: free list → reader → queue → sink thread → free
 * list. Bounded by the number of chunks. One lock, taken once per chunk and side.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/chunk.h"

struct chunkq;

enum {
	CHUNKQ_JUMBO = 16 /* memory that was never written to costs nothing */
};

/* chunks of CHUNK_SIZE and CHUNKQ_JUMBO jumbo ones. NULL when there is no memory. */
struct chunkq *chunkq_new(unsigned chunks);
void chunkq_free(struct chunkq *q);

/* Reader: an empty chunk; NULL when none is free, after waiting for one if `wait`. */
struct chunk *chunkq_take(struct chunkq *q, bool jumbo, bool wait);
/* Reader: hands a chunk to the sink thread. Never fails, never waits. */
void chunkq_push(struct chunkq *q, struct chunk *c);
/* Reader: nothing will follow. */
void chunkq_close(struct chunkq *q);

/* Sink thread: the oldest chunk, waiting for one; NULL after close, when all have been taken.
 * *ret_empty: the queue is empty now. */
struct chunk *chunkq_pop(struct chunkq *q, bool *ret_empty);
/* Either side: gives a chunk back. */
void chunkq_give(struct chunkq *q, struct chunk *c);
