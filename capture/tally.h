/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What became of an output's chunks: written by its delivery thread, read by others. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/chunk.h"
#include "capture/loss.h"

struct tally_stats {
	uint64_t done, lost; /* events */
	uint64_t bytes;      /* done, as the sink got them */
	uint64_t raw;        /* done, as the encoder made them */
	uint64_t raw_lost;
	uint64_t media; /* begun */
	int error;      /* the sink's present state: 0 or negative errno */
};

/* Why events are lost behind the queue. */
enum tally_reason {
	TALLY_SINK,
	TALLY_QUEUE,   /* it was full */
	TALLY_SPOOL,   /* it had no room */
	TALLY_REFUSED, /* by the receiver, for good */
	TALLY_REASONS
};

/* What happened since it was last asked: events that were lost, and reports (chunk.reports) that
 * were written or lost. */
struct tally_news {
	struct loss lost[TALLY_REASONS];
	uint32_t reports_done, reports_lost;
};

struct tally {
	pthread_mutex_t lock;
	struct tally_stats stats;
	struct tally_news news;
	struct loss medium; /* no loss yet: what is done on the present medium */
	int64_t since_ms;   /* by elapsed_ms(): since when `error` is what it is */
	char text[256];     /* of the last error, even one that is over */
};

void tally_init(struct tally *t);
void tally_free(struct tally *t);

/* But those of its events that were refused are lost. */
void tally_done(struct tally *t, const struct chunk *c);
void tally_lost(struct tally *t, const struct chunk *c, enum tally_reason reason);
/* Reports that are in what is done: written, or lost, after all. Where there is a spool that is
 * known only when it has given them away. */
void tally_reports(struct tally *t, uint32_t reports, bool written);
/* What was done is not: it is lost after all, and reports (loss->reports) with it. */
void tally_undone(struct tally *t, const struct loss *loss, enum tally_reason reason);
/* A medium begins. */
void tally_medium(struct tally *t);
/* What was done on it is there no more: it is lost. */
void tally_medium_gone(struct tally *t);
/* 0 = all is well (again). why: in words, which is worth a note then, too; NULL = what strerror(3)
 * says. */
void tally_error(struct tally *t, const char *label, int error, const char *why);

struct tally_stats tally_read(struct tally *t);
struct tally_news tally_take_news(struct tally *t);
/* When it last changed between well and not, by elapsed_ms(); 0 = never. */
int64_t tally_since_ms(struct tally *t);
/* The present state, and the text of the last error ("" = there was none). */
int tally_text(struct tally *t, char *ret, size_t size);
