/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What an encoder is: events in, whole records of one format out, into chunks it is lent. It reads
 * no clock, makes no system call and allocates nothing after open(). One instance serves one output
 * and is called by one thread. It never sees kern/events.h.
 */
#include <stddef.h>
#include <stdint.h>

#include "capture/base/chunk.h"
#include "capture/base/err.h"
#include "capture/base/opt.h"
#include "capture/event.h"

/* Where records go. */
enum lane {
	LANE_TAIL,  /* in their turn */
	LANE_EARLY, /* before the oldest chunk still held back: for what must precede packets that
		     * are written already (TLS secrets) */
};

/* The open chunks of an output, lent for a call. */
struct out {
	struct chunk *tail;
	struct chunk *early; /* NULL = none is open yet; encoders ask for it by out_room() */
	bool holds;          /* chunks are held back, so that there is a place before them */
	enum lane used;      /* the lane that the event was written into; out_room() notes it */
	enum lane full;      /* with -ENOBUFS: which lane has no room */
};

/* The chunk of a lane, with room for n bytes. NULL = not at present: encode() leaves everything as
 * it was and returns -ENOBUFS. Where nothing is held back, early is the tail. */
static inline struct chunk *out_room(struct out *out, enum lane lane, size_t n)
{
	struct chunk *c;

	if (!out->holds)
		lane = LANE_TAIL;
	c = lane == LANE_EARLY ? out->early : out->tail;
	if (c && chunk_room(c) >= n) {
		out->used = lane;
		return c;
	}
	out->full = lane;
	return NULL;
}

enum encoder_flags {
	ENCODER_BINARY = 1,  /* refused on a terminal */
	ENCODER_TAP = 2,     /* takes raw records by tap(), not events */
	ENCODER_SECRETS = 4, /* may carry SECRET events without `secrets=on` */
	ENCODER_WHOLE =
		16, /* compressed, a medium is exactly one frame: its readers take no more */
	ENCODER_CONTEXT = 8, /* later records refer to earlier ones of their generation: a medium
			      * can only begin with a new one */
};

/* What an encoder may know of its surroundings; borrowed, valid until close(). */
struct encoder_env {
	bool colour;     /* the sink is a terminal that wants colours */
	bool relay;      /* streams keep the ids that runs have */
	uint64_t stream; /* what tells this output from others of the same run and format; 0 = it
			  * has all that there is, as it is */
};

struct encoder_ops {
	const char *name;         /* as in format= */
	const char *extension;    /* "pcapng" without dot; NULL = none */
	const char *content_type; /* media type */
	const char *summary;      /* one line for help */
	unsigned flags;           /* enum encoder_flags */
	const struct opt *options;
	size_t cfg_size, ctx_size;

	/* ctx is zeroed, cfg parsed. Both live until after close(). */
	int (*open)(void *ctx, const void *cfg, const struct encoder_env *env, struct err *err);
	/* Starts a generation: forgets what it remembers of the last one and writes what a reader
	 * needs first. Always fits an empty chunk. NULL = none. */
	int (*preamble)(void *ctx, const struct run *run, struct out *out);
	/* Appends one whole record, or leaves its own state and out as they were and returns
	 *   -ENOBUFS     no room in the lane out->full (the tail, unless it says otherwise): the
	 *                caller ships that chunk and calls once more, with the same seq
	 *   -EMSGSIZE    larger than CHUNK_JUMBO: counted as lost (too_big)
	 *   -EOPNOTSUPP  this format has no place for it: counted as skipped
	 *   -EALREADY    it says what the other end of its connection has said already: counted as
	 *                skipped, and as peer_duplicate. */
	int (*encode)(void *ctx, const struct event *ev, struct out *out);
	/* ENCODER_TAP only, in place of encode: one record of kern/events.h as opaque bytes. Those
	 * that a replay needs first (RUN, CLOCK, PROC) come again with each generation. */
	int (*tap)(void *ctx, const void *rec, size_t len, struct out *out);
	/* Before a chunk leaves: appends what was collected for its end (process table, losses).
	 * encode() has kept enough room, so it cannot fail. NULL = nothing. */
	void (*seal)(void *ctx, struct out *out);
	/* Ends a generation in good order. Room of CHUNK_SIZE / 4 is guaranteed. NULL = none.
	 * -ENOBUFS: there is more: the caller ships the chunk, in which there is something now, and
	 * calls once more. */
	int (*epilogue)(void *ctx, struct out *out);
	/* Accepts a ctx whose open() failed. NULL = nothing. */
	void (*close)(void *ctx);
};

/* The registry (encoders/encoders.def): NULL-terminated. */
extern const struct encoder_ops *const encoder_registry[];
/* By format name, or by the ending of a file name (`x.pcapng`, longest ending wins); NULL = none.
 */
const struct encoder_ops *encoder_by_name(const char *name);
const struct encoder_ops *encoder_by_file(const char *path);
