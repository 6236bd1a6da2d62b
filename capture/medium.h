/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What delivery knows of a sink and of the medium that it writes on: begins it, gives it one chunk
 * after the other, begins it anew after a failure, and says what became of each chunk. It belongs
 * to the delivery thread and never sleeps: where it must wait it says so.
 *
 * On a fresh medium an output whose encoder keeps context goes on with the next chunk that opens a
 * generation; what comes before it is lost, and a new generation is asked for. An output whose
 * encoder keeps none goes on with any chunk, behind a copy of the opening bytes.
 *
 * A chunk that `rotates` ends the medium in good order before it is written onto the next one.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/filter.h"
#include "capture/pool.h"
#include "capture/sink.h"
#include "capture/tally.h"

enum {
	MEDIUM_OPENING = CHUNK_SIZE /* most that opening bytes may be where they are repeated: they
				     * are the beginning of a chunk */
};

enum medium_state {
	MEDIUM_NONE,  /* to be begun */
	MEDIUM_FRESH, /* begun, and nothing is on it that a chunk could refer to */
	MEDIUM_USED,
};

/* What one step came to. */
enum medium_step {
	MEDIUM_AGAIN,   /* there may be more to do */
	MEDIUM_BLOCKED, /* by the sink, or until a pause is over: see medium_waits_for() */
	MEDIUM_IDLE,    /* nothing is to be done without a chunk */
};

struct medium {
	const struct sink_ops *ops;
	void *sink;                          /* its ctx, open */
	const struct filter_ops *filter_ops; /* NULL = none */
	void *filter;                        /* its ctx, open */
	const char *label;
	struct pool *pool;
	struct tally *tally;
	bool context; /* the encoder keeps context */
	bool awaited; /* the reader waits for this sink: one that fails is given up */
	uint8_t *opening;
	size_t opening_n;
	_Atomic uint32_t want; /* a generation later than this is wanted; 0 = all is well */

	enum medium_state state;
	struct chunk *head;       /* the one to be written; NULL = medium_put() is due */
	struct parcel parcel;     /* what is being written: the head, what comes before it, or the
				   * last bytes of the medium, as the filter made them */
	bool made;                /* there is such a parcel */
	size_t taken;             /* bytes of it */
	uint32_t generation;      /* of the last chunk that was put here */
	struct chunk_list unsafe; /* taken, and not done */
	uint64_t number, done_number;
	bool opening_written, tail_written; /* onto this medium */
	unsigned failures;                  /* in a row */
	int64_t retry_ms;                   /* the sink is left alone until then; 0 = it is not */
	int64_t moved_ms;                   /* when it last took something, or the end came near */
	bool ending, given_up;
};

/* The chunk to be written next. */
void medium_put(struct medium *m, struct chunk *c);
enum medium_step medium_step(struct medium *m);
/* For what to wait after a step that was blocked, or idle. */
struct sink_wait medium_waits_for(const struct medium *m, bool blocked);
/* While idle: what was waited for has come. */
void medium_service(struct medium *m);
/* The end is near: a sink that takes nothing for five seconds is given up, and one that fails at
 * its second failure, as one that the reader waits for is at any time. With abandon at once: the
 * run never really began. */
void medium_hasten(struct medium *m, bool abandon);
/* Everything is done or lost: ends the medium in good order. To be called until it is idle. */
enum medium_step medium_end(struct medium *m);
/* The sink's call-back: arg is the medium. */
void medium_done(void *arg, uint64_t number);
