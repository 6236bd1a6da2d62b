/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The far end of an output: the thread that takes chunks from the queue and gives them to the sink.
 * After a chunk that could not be written it discards and counts until a chunk arrives that opens a
 * new epoch, which it asks the reader for: what is written then refers to nothing that was lost.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/chunkq.h"
#include "capture/output.h"

struct output_sink;

/* Events lost for one reason: in all, and the span since the last report. */
struct output_loss {
	uint64_t total;
	uint64_t count, first_seq, last_seq, first_ns, last_ns;
};

static inline void output_loss_add(struct output_loss *l, uint64_t n, uint64_t first_seq,
				   uint64_t last_seq, uint64_t ns)
{
	if (!l->count) {
		l->first_seq = first_seq;
		l->first_ns = ns;
	}
	l->total += n;
	l->count += n;
	l->last_seq = last_seq;
	l->last_ns = ns;
}

struct output_sink_stats {
	uint64_t written, bytes, lost;
	int error; /* of the last write: 0 or negative errno */
};

/* Opens the sink and starts its thread. cfg and q are borrowed until output_sink_free(). */
int output_sink_new(const struct output_config *cfg, struct chunkq *q, struct output_sink **ret,
		    struct err *err);
/* Waits until everything queued is written or counted as lost, ends the thread, closes the sink. */
void output_sink_finish(struct output_sink *s);
void output_sink_free(struct output_sink *s);

/* From the reader: chunks up to and including this epoch are discarded, an epoch later than it is
 * wanted; 0 = all is well. */
uint32_t output_sink_wants_epoch(const struct output_sink *s);
void output_sink_stats(struct output_sink *s, struct output_sink_stats *ret);
/* What was lost since the last call, with times of the boot clock; count 0 = nothing. */
struct output_loss output_sink_take_loss(struct output_sink *s);
/* The last write's state; the text of the last error, if there ever was one. */
int output_sink_error(struct output_sink *s, char *ret, size_t size);
