/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The reader's half of an output: the open chunk of each lane and the closed ones that are held
 * back. The tail lane is what comes in its turn; what is written into the early lane goes out
 * before the oldest chunk that is still here. Each lane grows by chunks as far as it must.
 *
 * The chunks that are held here are never more than half of either pool: the oldest go out when
 * they would be. So half of them are with delivery or free, and who waits for one gets it: that
 * depends on what was written alone, not on the speed of a sink.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/delivery.h"
#include "capture/encoder.h"
#include "capture/pool.h"

struct lanes {
	struct pool *pool;         /* borrowed */
	struct delivery *delivery; /* borrowed */
	uint64_t hold_ns;          /* 0 = nothing is held back, and early is the tail */
	bool wait;                 /* for a free chunk, as long as it takes */
	struct out out;            /* the open chunks */
	struct chunk_list early, held;
	unsigned closed[POOL_SIZES]; /* chunks in these lists */
	uint64_t bytes;              /* in chunks that were closed, since the beginning */
};

void lanes_init(struct lanes *l, struct pool *pool, struct delivery *delivery, uint64_t hold_ns);
/* Makes room in a lane: its open chunk is closed and replaced by a fresh one, or, where that is
 * fresh itself, by a jumbo one. The tail must have been shipped if anything is in it.
 * 0; -EAGAIN no chunk is free; -EMSGSIZE the jumbo chunk is fresh, too. */
int lanes_grow(struct lanes *l, enum lane lane, uint64_t now_ns);
/* The open tail chunk is complete: held back, or sent. Given back when nothing is in it. */
void lanes_ship(struct lanes *l);
/* Sends what was last touched at that record time or before. */
void lanes_release(struct lanes *l, uint64_t touched_ns);
/* Sends everything but the open tail. */
void lanes_release_all(struct lanes *l);
/* Gives everything back that was not sent. */
void lanes_free(struct lanes *l);
