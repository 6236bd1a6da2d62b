/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The inside of an output, for the files that it consists of: output.c (events and records),
 * output_generation.c (generations, time, end), output_ledger.c (what was counted). */
#include <stdatomic.h>

#include "capture/delivery.h"
#include "capture/keys.h"
#include "capture/lanes.h"
#include "capture/loss.h"
#include "capture/output.h"
#include "capture/pool.h"

enum {
	OUTPUT_CHUNKS = 256,       /* 32 MiB, touched as far as needed */
	OUTPUT_CHUNKS_HELD = 1024, /* 128 MiB, half of which may be held back */
};

struct output {
	struct output_config cfg;
	unsigned index;
	void *encoder; /* its ctx */
	bool encoder_open;
	struct pool *pool;
	struct keys_memory *told; /* NULL = chunks keep no keys */
	struct delivery *delivery;
	struct lanes lanes;
	struct run *run;    /* ours, as the view shows it; NULL = not known yet */
	uint32_t run_flags; /* of the event that tells it */
	bool run_new;       /* no generation has told it yet */
	bool settled;       /* what is reported now are the last reports */
	output_context_fn context_fn;
	void *context;
	uint64_t now_ns;
	int64_t clock_ns; /* Unix time - boot time */
	bool clock_known;
	uint32_t generation; /* 0 = none opened yet */
	bool generation_open;
	bool generation_awaited; /* a new medium waits for what is in the open chunk */
	bool generation_torn;    /* a tap lost something that later records may refer to */
	bool generation_due;     /* another one is to begin with the next event, or TICK */
	bool medium_due;         /* and a medium with it */
	uint64_t generation_ns;  /* when it was begun, in record time */
	uint64_t opening_n;      /* bytes with which delivery begins each medium, unless it begins
				  * with a run */
	uint64_t generation_seq; /* next_seq at that time */
	uint64_t frame_base;     /* lanes.bytes at that time */
	uint64_t frame_context;  /* bytes that only open it */
	uint64_t medium_base;  /* how much the sink had got, or will have, when the medium began */
	uint64_t rotate_at_ns; /* Unix time at which the next medium is due; 0 = never */
	atomic_bool want_flush, want_medium;
	uint64_t next_seq; /* of the next event that is not skipped; the first is 1 */
	uint64_t offered, skipped, peer_duplicate;
	uint64_t shipped;                 /* events that went into chunks */
	struct loss_book lost[OSTAT_MAX]; /* by reason, also what delivery told */
};

/* There is an open chunk, of a generation that nobody wants anew. False: no chunk is free. */
bool output_ready(struct output *o);
/* A fresh chunk, which has just become the open one of its lane. */
void output_adopt(struct output *o, struct chunk *c);
/* Frames and media (output_cut.c). After something was shipped: is either full? */
void output_measure(struct output *o);
/* A medium begins with what is written now. */
void output_measure_medium(struct output *o);
/* Has the time come for another one, or has somebody asked for it? */
bool output_medium_is_due(struct output *o);
/* Bytes of the frame, so far. */
uint64_t output_frame_bytes(const struct output *o);
/* The frame is as long as it may be, and what it says is as much as what it must say first: where
 * little happens, an archive would else consist of descriptions (of all processes, if it is raw).
 */
bool output_frame_is_old(const struct output *o);
/* The open chunk is complete: closes it and sends it on. */
void output_ship(struct output *o);
/* Appends a record that counts nowhere to a tap's open chunk, or a fresh one. 0 or -EAGAIN. */
int output_append_raw(struct output *o, const void *rec, size_t len);
/* *ret is the chunk in which the event, or record, lies. Negative when it is in none: that is
 * counted. */
int output_append(struct output *o, struct event *ev, struct chunk **ret);
int output_append_tap(struct output *o, const void *rec, size_t len, uint64_t time_ns,
		      struct chunk **ret);
/* The event with next_seq lies in c. */
void output_count(struct output *o, struct chunk *c, uint64_t time_ns);
