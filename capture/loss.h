/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What was lost for one reason, and how its report gets into the output without being lost, or told
 * twice: what is due is peeked at and told in an event; only when that event is known to be written
 * is it taken from the book. A report that was lost itself is due again.
 */
#include <stdbool.h>
#include <stdint.h>

struct loss {
	uint64_t count; /* 0 = nothing, and the rest says nothing */
	uint64_t first_seq, last_seq;
	uint64_t first_ns, last_ns; /* boot time */
	uint32_t reports; /* chunk.reports of what was lost, where that is still to be told */
};

struct loss_book {
	uint64_t total; /* ever */
	struct loss due;
	struct loss told; /* in a report on its way */
};

void loss_add(struct loss *to, const struct loss *more);
/* One event. */
static inline struct loss loss_of_one(uint64_t seq, uint64_t time_ns)
{
	return (struct loss){1, seq, seq, time_ns, time_ns};
}

void loss_book_add(struct loss_book *b, const struct loss *more);
/* Is a report to be made? Not while another is on its way. */
static inline bool loss_book_due(const struct loss_book *b)
{
	return b->due.count && !b->told.count;
}
/* The report of all that is due is on its way, as another one may be. */
void loss_book_tell(struct loss_book *b);
/* What became of it; nothing happens when none is on its way. */
void loss_book_written(struct loss_book *b);
void loss_book_unwritten(struct loss_book *b);
/* Nobody can be told. */
void loss_book_forget(struct loss_book *b);
