/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The free chunks of one output, in two sizes. All are made at once, so that nothing that happens
 * later can need more memory. The reader takes them, its delivery thread gives them back.
 */
#include <stdbool.h>

#include "capture/base/chunk.h"

enum pool_size {
	POOL_SMALL, /* CHUNK_SIZE */
	POOL_JUMBO, /* CHUNK_JUMBO */
	POOL_SIZES
};

enum {
	POOL_JUMBOS = 16 /* memory that was never written to costs nothing */
};

struct pool;

/* `chunks` small ones and POOL_JUMBOS jumbo ones. NULL when there is no memory. */
struct pool *pool_new(unsigned chunks);
/* Before the first is taken: chunks collect keys for an index. False when there is no memory. */
bool pool_keep_keys(struct pool *p);
/* All chunks have come back or are forgotten. NULL is fine. */
void pool_free(struct pool *p);
unsigned pool_total(const struct pool *p, enum pool_size size);
enum pool_size pool_size_of(const struct chunk *c);

/* An empty chunk; NULL when none is free, after waiting for one if `wait`. */
struct chunk *pool_take(struct pool *p, enum pool_size size, bool wait);
/* How many small ones are free just now. */
unsigned pool_free_now(struct pool *p);
/* Can some more be filled before one must be waited for? */
bool pool_has_room(struct pool *p);
/* How full the queue of these is, 0 to 100. */
unsigned pool_pressure(struct pool *p);
/* Waits until none is taken. */
void pool_await_all(struct pool *p);
/* From any thread. */
void pool_give(struct pool *p, struct chunk *c);
