/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One output: an encoder, its open chunk, the chunks it holds back, a bounded queue and the sink
 * thread at its other end. The reader thread calls everything but what is marked otherwise.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/encoder.h"
#include "capture/event.h"
#include "capture/sink.h"
#include "capture/stats.h"

enum {
	OUTPUT_MAX = 16
};

struct output_config {
	const char *label; /* as the user wrote it, for messages; borrowed */
	const struct encoder_ops *encoder;
	const void *encoder_cfg; /* borrowed until output_free() */
	struct encoder_env encoder_env;
	const struct sink_ops *sink;
	const void *sink_cfg;
	struct sink_env sink_env;
	uint32_t kinds;    /* 1 << EVENT_…: what is offered to the encoder */
	uint64_t flush_ns; /* a chunk is shipped when it is that old (record time, at a TICK) */
	uint64_t hold_ns;  /* chunks are held back that long, so that `early` has a place */
	bool block;        /* wait for a slow sink (replay) in place of counting loss */
};

struct output;

/* Opens the sink, then the encoder; starts the sink thread. *ret is NULL on failure. */
int output_new(const struct output_config *cfg, unsigned index, struct output **ret,
	       struct err *err);
/* Everything that was written reaches the sink before this returns; then the sink is closed. */
void output_finish(struct output *o);
void output_free(struct output *o);

/* The run is known: opens the first epoch. Each epoch begins with the encoder's preamble and a META
 * event. run is borrowed until output_free(). Not for taps, which start by themselves. */
void output_run(struct output *o, const struct run *run);
bool output_wants(const struct output *o, enum event_kind kind);
/* Offers one event: sets seq, epoch and proc_first in it. What can go wrong is counted. */
void output_event(struct output *o, struct event *ev);
/* Offers one raw record (ENCODER_TAP). */
void output_tap(struct output *o, const void *rec, size_t len, uint64_t time_ns);
bool output_is_tap(const struct output *o);
/* Record time has advanced to now_ns: ships and releases what is due. */
void output_tick(struct output *o, uint64_t now_ns);
/* The ledger; true to the last event only after output_finish(). Reader's thread. */
void output_stats(const struct output *o, uint64_t ret[OSTAT_MAX]);
/* Events that this output lost for one reason and that no call has reported yet. false = none, or
 * the sink is broken at present (a report would be lost as well; it comes after the recovery).
 * Times in ret are still on the boot clock. */
bool output_take_loss(struct output *o, struct event_loss *ret);
/* The sink's present state: 0, or the negative errno of its last write when that failed. The text
 * of the last error, even of one that is over, goes to ret (empty = there was none). From any
 * thread. */
int output_error(struct output *o, char *ret, size_t size);
const char *output_label(const struct output *o);
unsigned output_index(const struct output *o);
