/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What delivery knows of a sink and of the medium that it writes on: begins it, gives it one chunk
 * after the other, begins it anew after a failure, and says what became of each chunk. It belongs
 * to the delivery thread and never sleeps: where it must wait it says so.
 *
 * On a fresh medium an output whose encoder keeps context goes on with the next chunk that opens a
 * generation; what comes before it is lost, and a new generation is asked for. An output whose
 * encoder keeps none goes on with any chunk, behind a copy of the opening bytes: and with those
 * that were taken and not done, where the sink streams to somebody (SINK_STREAM).
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

/* A copy of the bytes that tell a run. */
struct medium_opening {
	uint8_t *p; /* MEDIUM_OPENING bytes; NULL where the encoder keeps context */
	size_t n;
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
	bool context;     /* the encoder keeps context */
	bool awaited;     /* the reader waits for this sink: one that fails is given up, */
	bool patient;     /* unless this is set */
	bool brief;       /* a medium on which nothing was written gets no last bytes, either */
	int64_t drain_ms; /* how long a stream may take at the end */
	/* Chunks come out of a spool, which is told of each that the medium is done with. What is
	 * given up is not lost: it stays there. */
	void (*released)(void *arg, const struct chunk *c,
			 bool done); /* NULL = there is no spool */
	void *released_arg;
	void (*marked)(void *arg, uint64_t mark, bool whole); /* see output_mark() */
	void *marked_arg;
	struct medium_opening opening; /* of the run that the head belongs to */
	struct medium_opening base;    /* of the run of the oldest chunk that is not done */
	_Atomic uint32_t want;         /* a generation later than this is wanted; 0 = all is well */

	enum medium_state state;
	struct chunk *head;       /* the one to be written; NULL = medium_put() is due */
	struct chunk_list again;  /* what comes before that is put: it was taken, and not done */
	struct parcel parcel;     /* what is being written: the head, what comes before it, or the
				   * last bytes of the medium, as the filter made them */
	bool made;                /* there is such a parcel */
	size_t taken;             /* bytes of it */
	uint32_t generation;      /* of the last chunk that was put here */
	struct chunk_list unsafe; /* taken, and not done */
	uint64_t number, done_number;
	uint64_t failed_number;             /* done_number at the last failure */
	bool opening_written, tail_written; /* onto this medium */
	bool opening_due;                   /* the head comes behind the opening bytes */
	bool torn;                          /* something was lost: marks say so */
	unsigned failures;                  /* in a row */
	int trouble;                        /* what the sink says of itself: negative errno */
	unsigned ending_failures;           /* since the end came near */
	int64_t retry_ms;                   /* the sink is left alone until then; 0 = it is not */
	int64_t moved_ms;                   /* when it last took something, or the end came near */
	int64_t ending_ms;                  /* when the end came near */
	uint32_t dice;                      /* pauses are of different lengths */
	bool ending, given_up;
};

/* Does it need another chunk? */
static inline bool medium_is_hungry(const struct medium *m)
{
	return !m->head && !m->again.n;
}

/* The chunk to be written next. */
void medium_put(struct medium *m, struct chunk *c);
enum medium_step medium_step(struct medium *m);
/* For what to wait after a step that was blocked, or idle. */
struct sink_wait medium_waits_for(const struct medium *m, bool blocked);
/* While idle: what was waited for has come. */
void medium_service(struct medium *m);
/* The end is near: a sink that takes nothing for five seconds is given up, and one that fails at
 * its second failure, as one that the reader waits for is at any time. One that streams is given up
 * after drain_ms; after a few failures, if what is left stays in a spool. With abandon at once:
 * the run never really began. */
void medium_hasten(struct medium *m, bool abandon);
/* Everything is done or lost: ends the medium in good order. To be called until it is idle. */
enum medium_step medium_end(struct medium *m);
/* The sink's call-backs: arg is the medium. */
void medium_done(void *arg, uint64_t number);
void medium_refused(void *arg, uint64_t number, uint32_t events);
void medium_refresh(void *arg);

/* Inside. */
static inline bool medium_streams(const struct medium *m)
{
	return m->ops->flags & SINK_STREAM;
}

/* medium_patience.c: how long the sink is left alone after the failures so far; whether nobody can
 * wait any longer for one that took nothing; and at the end, until when. */
int64_t medium_pause_ms(struct medium *m);
bool medium_is_hopeless(const struct medium *m);
int64_t medium_deadline_ms(const struct medium *m);

/* medium_fate.c: what becomes of chunks. */

/* Gives back what the sink has reported as done. */
void medium_settle(struct medium *m);
void medium_lose_head(struct medium *m);
/* What was taken and is not done is lost, or will be given to the next medium. */
void medium_lose_unsafe(struct medium *m);
void medium_requeue(struct medium *m);
/* From now on media begin with the opening bytes of c, which tell a run. */
void medium_learn_opening(struct medium *m, const struct chunk *c);
