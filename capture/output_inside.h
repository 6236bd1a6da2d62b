/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The inside of an output, for the files that it consists of: output.c (events and records),
 * output_generation.c (generations, time, end), output_ledger.c (what was counted). */
#include "capture/delivery.h"
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
	struct delivery *delivery;
	struct lanes lanes;
	const struct run *run; /* as this output's view shows it */
	uint32_t run_flags;    /* of the event that tells it */
	output_context_fn context_fn;
	void *context;
	uint64_t now_ns;
	uint32_t generation; /* 0 = none opened yet */
	bool generation_open;
	bool generation_awaited; /* a new medium waits for what is in the open chunk */
	bool generation_torn;    /* a tap lost something that later records may refer to */
	uint64_t next_seq;       /* of the next event that is not skipped; the first is 1 */
	uint64_t offered, skipped, peer_duplicate;
	uint64_t shipped;                 /* events that went into chunks */
	struct loss_book lost[OSTAT_MAX]; /* by reason, also what delivery told */
};

/* There is an open chunk, of a generation that nobody wants anew. False: no chunk is free. */
bool output_ready(struct output *o);
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
