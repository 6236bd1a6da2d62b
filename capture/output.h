/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One output: an encoder, its lanes of chunks, and delivery behind them. The reader thread calls
 * everything but what is marked otherwise.
 *
 * A generation is a run of chunks whose context is complete in itself. The first begins with the
 * run. Another begins with each medium that the output itself wants (size, time, a signal) and with
 * each frame of an archive. Where the encoder keeps context, one begins also when delivery asks for
 * it (the medium was begun anew), and in a tap after something of it was lost: see output_tick().
 * What opens a generation is told once as events, and again as bytes that nobody counts.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/delivery.h"
#include "capture/encoder.h"
#include "capture/event.h"
#include "capture/filter.h"
#include "capture/sink.h"
#include "capture/stats.h"

enum {
	OUTPUT_MAX = 16
};

/* Looks at an event before this output encodes it, after kinds=: may exchange what the event points
 * at for something of its own, which is valid until the next call. False: the event is skipped. */
typedef bool (*output_view_fn)(struct event *ev, void *arg);

/* From the delivery thread: all that was offered before the call of output_mark() with that mark is
 * done. whole: and nothing of it was lost, nor of what came before it. */
typedef void (*output_marked_fn)(void *arg, uint64_t mark, bool whole);

struct output_config {
	const char *label; /* as the user wrote it, for messages; borrowed */
	const struct encoder_ops *encoder;
	const void *encoder_cfg;        /* borrowed until output_free() */
	struct encoder_env encoder_env; /* `relay` is the output's to set */
	const struct sink_ops *sink;
	const void *sink_cfg;
	struct sink_env sink_env;
	const struct filter_ops *filter; /* NULL = the encoder's bytes go out as they are */
	const void *filter_cfg;
	uint64_t frame_bytes, frame_ns;   /* a frame of an archive is at most about that large, and
					   * that long in record time; 0 = a medium is one frame */
	uint64_t rotate_bytes, rotate_ns; /* media follow each other at that size (within a chunk),
					   * and at multiples of that Unix time; 0 = they do not */
	uint32_t kinds;                   /* 1 << EVENT_…: what is offered to the encoder */
	uint64_t flush_ns;   /* a chunk is shipped when it is that old (record time, at a TICK) */
	uint64_t hold_ns;    /* chunks are held back that long, so that `early` has a place */
	output_view_fn view; /* NULL = events go out as they are */
	void *view_arg;
	bool block;        /* wait for a slow sink (replay) in place of counting loss */
	bool patient;      /* with block: a sink that fails is tried again until the end */
	bool relay;        /* events keep the numbers that they have, and streams their ids: what
			    * is received is written as it was recorded. Its own losses are not told
			    * in it. */
	bool oldest;       /* where the queue is full, its oldest chunks go, not those that come */
	uint64_t drain_ns; /* how long a stream may take at the end */
	const struct spool_ops *spool; /* behind the queue of a stream; NULL = none */
	struct spool_env spool_env;
	output_marked_fn marked; /* of a relay; NULL = nobody calls output_mark() */
	void *marked_arg;
};

struct output;

/* Takes one raw record; 0, or negative to stop. */
typedef int (*output_record_fn)(const void *rec, size_t len, void *arg);
/* Hands to fn the records that a replay needs before any other, as things stand now. What fn
 * returns when that is negative. */
typedef int (*output_context_fn)(void *context, output_record_fn fn, void *arg);

/* Opens the sink, then the encoder; starts delivery. *ret is NULL on failure. */
int output_new(const struct output_config *cfg, unsigned index, struct output **ret,
	       struct err *err);
/* The run has really begun: until then the place is left as it was. */
void output_begin(struct output *o);
/* The end is near: from now on there is room for everything that is still to be said, as a sink
 * that takes nothing is given up after a while. All outputs are told before the first is waited
 * for. */
void output_hasten(struct output *o);
/* Before the last reports: waits until all that was offered is in the spool, where there is one, so
 * that what it had to drop for that can still be told in it. */
void output_settle(struct output *o);
/* Everything that was written reaches the sink before this returns; then its medium is ended. */
void output_finish(struct output *o);
void output_free(struct output *o);

/* What is to be added to boot time to get Unix time, as far as is known now: before output_run(),
 * and whenever it changes. */
void output_clock(struct output *o, int64_t offset_ns);
/* The run is known, and copied: opens the first generation, with the encoder's preamble and a META
 * event; what follows of another run gets a generation of its own. -ENOMEM. Not for taps, which
 * start by themselves. */
int output_run(struct output *o, const struct run *run);
/* Taps only: who knows the context of later generations. */
void output_context(struct output *o, output_context_fn fn, void *context);
bool output_wants(const struct output *o, enum event_kind kind);
/* Offers one event: sets seq and proc_first in it. What can go wrong is counted. */
void output_event(struct output *o, struct event *ev);
/* Offers one raw record (ENCODER_TAP). */
void output_tap(struct output *o, const void *rec, size_t len, uint64_t time_ns);
bool output_is_tap(const struct output *o);
/* Record time has advanced to now_ns: ships and releases what is due, and opens a generation that
 * is wanted. */
void output_tick(struct output *o, uint64_t now_ns);

/* Relays: sends on what is pending, and asks for a word when it is done; in the order of the calls.
 * mark is not 0. */
void output_mark(struct output *o, uint64_t mark);

/* Can some more events be taken without waiting for the sink? Where it is waited for (block). */
bool output_has_room(const struct output *o);

/* From any thread, acted upon at the next TICK: what is in the open chunk is to be written now; and
 * a medium is to be ended, and another begun. */
void output_want_flush(struct output *o);
void output_want_medium(struct output *o);

/* The ledger; true to the last event only after output_finish(). Reader's thread. */
void output_stats(struct output *o, uint64_t ret[OSTAT_MAX]);
/* Is there something lost for that reason that the output does not tell yet, and can be told now?
 * *ret says what, with times on the boot clock. It stays due until output_report(). */
bool output_loss_due(struct output *o, enum output_stat reason, struct event_loss *ret);
/* The same as output_event(), or output_tap(), for the report of what is due. If it gets lost, the
 * same is due again. */
void output_report(struct output *o, enum output_stat reason, struct event *ev);
void output_report_tap(struct output *o, enum output_stat reason, const void *rec, size_t len,
		       uint64_t time_ns);

/* How the way to the receiver is. From any thread. */
void output_state(struct output *o, struct delivery_state *ret);
/* The sink's present state: 0, or the negative errno of its last write when that failed. The text
 * of the last error, even of one that is over, goes to ret (empty = there was none). From any
 * thread. */
int output_error(struct output *o, char *ret, size_t size);
