/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The far end of an output: a thread that takes chunks from a queue and gives them to the sink. It
 * waits for the queue, the sink's descriptor and a timer at once, so it never stands in a write.
 *
 * A chunk is *taken* when the sink has accepted its bytes, *done* when they are as safe as that
 * sink can make them; only then does it go back to its pool. It is *lost* only when delivery gives
 * it up: because the medium has begun anew and the chunk refers to what only the old one has (see
 * capture/medium.h), or at the end, when the sink takes nothing any more. A sink that fails is
 * tried again after a pause, and what was not taken stays queued meanwhile.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/err.h"
#include "capture/filter.h"
#include "capture/pool.h"
#include "capture/sink.h"
#include "capture/store.h"
#include "capture/tally.h"

struct delivery_config {
	const char *label; /* for messages */
	const struct sink_ops *sink;
	const void *sink_cfg;
	struct sink_env sink_env;        /* `done` is delivery's to set */
	struct pool *pool;               /* where chunks go back to */
	const struct filter_ops *filter; /* NULL = none */
	const void *filter_cfg;
	bool frames;  /* the filter may begin a frame with each generation */
	bool context; /* the encoder keeps context */
	bool awaited; /* the reader waits for this sink (replay): one that fails is given up, and
		       * the thread needs no hurry, as a slow one costs no events */
	bool patient; /* with awaited: it is tried again until the end */
	bool oldest;  /* where the queue is full, its oldest chunks go, not those that come */
	int64_t drain_ms;              /* how long a stream may take at the end */
	const struct spool_ops *spool; /* NULL = none */
	struct spool_env spool_env;
	void (*marked)(void *arg, uint64_t mark, bool whole); /* see output_mark() */
	void *marked_arg;
};

struct delivery;

/* Opens the sink and starts the thread, which leaves the medium alone until delivery_begin(). cfg
 * is copied; what it points to is borrowed until delivery_free(). */
int delivery_new(const struct delivery_config *cfg, struct delivery **ret, struct err *err);
/* Ends it (delivery_finish()) if nobody has, and closes the sink. NULL is fine. */
void delivery_free(struct delivery *d);

/* From the reader: */

/* Hands over a chunk. Never fails, never waits. */
void delivery_push(struct delivery *d, struct chunk *c);
/* The run has really begun: from now on the medium may be touched. */
void delivery_begin(struct delivery *d);
/* A generation later than this is wanted; 0 = all is well. */
uint32_t delivery_wants(const struct delivery *d);
/* The end is near: see medium_hasten(). */
void delivery_hasten(struct delivery *d);
/* Nothing will follow: waits until every chunk is done or lost, ends medium and thread. */
void delivery_finish(struct delivery *d);

/* The queue is full: its oldest chunk is lost, if there is one that is not on its way already.
 * Where cfg.oldest says so. */
bool delivery_drop_oldest(struct delivery *d);

/* What became of the chunks; from any thread. */
struct tally *delivery_tally(struct delivery *d);

/* How the way to the receiver is; from any thread. */
struct delivery_state {
	bool spooled;             /* there is a spool, with */
	struct store_stats store; /* … */
	int error;                /* of the sink's last attempt; 0 = all is well */
	char text[256];           /* of its last failure, even of one that is over */
	int64_t since_ms;         /* how long `error` is what it is; -1 = from the beginning */
	char detail[128];         /* what the sink says of itself */
};
void delivery_state(struct delivery *d, struct delivery_state *ret);
