/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A spool between an output's queue and its medium, as delivery uses it (capture/spool.h): it takes
 * chunks off the queue as fast as they come, so that the recording never waits for a receiver, and
 * hands copies of them to the medium. It belongs to the delivery thread; store_stats() to any.
 */
#include <pthread.h>

#include "capture/pool.h"
#include "capture/spool.h"
#include "capture/tally.h"

struct store_config {
	const char *label;
	const struct spool_ops *ops;
	struct spool_env env; /* `lost` and `arg` are the store's to set */
	struct pool *queue;   /* where chunks that are stored go back to */
	struct tally *tally;  /* of the output: stored is done */
};

struct store;

/* cfg is copied, what it points to borrowed. *ret_note (of note_size bytes): what was found
 * damaged, in words. */
int store_new(const struct store_config *cfg, struct store **ret, char *ret_note, size_t note_size,
	      struct err *err);
/* Nothing will be put or taken any more: everything is brought to the disk. Its statistics stay. */
void store_end(struct store *s);
/* NULL is fine. */
void store_free(struct store *s);

/* Takes a chunk off the queue's hands. */
void store_put(struct store *s, struct chunk *c);
/* The next one for the medium, out of store_pool(); NULL = there is none, or no room in memory for
 * more that are not done. */
struct chunk *store_next(struct store *s);
bool store_has_more(struct store *s);
struct pool *store_pool(struct store *s);
/* medium.released: arg is the store. What is not done comes again from store_next(). */
void store_released(void *arg, const struct chunk *c, bool done);
/* Now and then. How long until the next time, in ms; -1 = no matter. */
int store_tick(struct store *s);

struct store_stats {
	uint64_t events, bytes;  /* in it, which the receiver is not known to have */
	uint64_t earlier_lost;   /* of earlier runs: dropped, or damaged */
	struct tally_stats sink; /* the medium's own account: events of earlier runs, too */
};
void store_stats(struct store *s, struct store_stats *ret);
/* The account for the medium. */
struct tally *store_tally(struct store *s);
