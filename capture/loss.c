/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/loss.h"

#include <assert.h>

static uint64_t u64_lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t u64_greater(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void loss_add(struct loss *to, const struct loss *more)
{
	if (!more->count)
		return;
	if (!to->count) {
		*to = *more;
		return;
	}
	to->count += more->count;
	to->reports |= more->reports;
	to->first_seq = u64_lesser(to->first_seq, more->first_seq);
	to->last_seq = u64_greater(to->last_seq, more->last_seq);
	to->first_ns = u64_lesser(to->first_ns, more->first_ns);
	to->last_ns = u64_greater(to->last_ns, more->last_ns);
}

void loss_book_add(struct loss_book *b, const struct loss *more)
{
	b->total += more->count;
	loss_add(&b->due, more);
}

void loss_book_tell(struct loss_book *b)
{
	assert(b->due.count);
	loss_add(&b->told, &b->due);
	b->due = (struct loss){0};
}

void loss_book_written(struct loss_book *b)
{
	b->told = (struct loss){0};
}

void loss_book_forget(struct loss_book *b)
{
	b->due = (struct loss){0};
}

void loss_book_unwritten(struct loss_book *b)
{
	loss_add(&b->due, &b->told);
	b->told = (struct loss){0};
}
