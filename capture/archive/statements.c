/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/statements.h"

#include <stdlib.h>
#include <string.h>

#include "capture/archive/summary.h"
#include "capture/base/lru.h"

struct statements {
	struct lru *lru;
	struct statement rest;
	struct statement *sorted; /* as it was asked for last */
};

enum {
	TIMES_FIRST = 8, /* power of two that is the first time's end */
	TIMES_POWER = 4  /* times between one power of two and the next */
};

/* The last one that a time ends at: (1 + i / 4) * 2^n, which is exact enough and needs no tables.
 */
static uint64_t time_end(unsigned i)
{
	unsigned power = TIMES_FIRST + i / TIMES_POWER;

	return (1ull << power) + ((uint64_t)(i % TIMES_POWER) << (power - 2));
}

static unsigned time_index(uint64_t ns)
{
	unsigned power, i;

	if (ns <= 1ull << TIMES_FIRST)
		return 0;
	power = 63 - (unsigned)__builtin_clzll(ns - 1);
	i = (power - TIMES_FIRST) * TIMES_POWER + (unsigned)((ns - 1) >> (power - 2) & 3) + 1;
	return i < STATEMENTS_TIMES ? i : STATEMENTS_TIMES - 1;
}

uint64_t statements_p95(const struct statement *s)
{
	uint64_t calls = 0, end;

	for (unsigned i = 0; i < STATEMENTS_TIMES - 1; i++) {
		calls += s->by_time[i];
		end = time_end(i);
		if (100 * calls >= 95 * s->calls)
			return end < s->longest_ns ? end : s->longest_ns;
	}
	return s->longest_ns;
}

void statements_sum(struct statement *to, const struct statement *s)
{
	to->calls += s->calls;
	to->failed += s->failed;
	to->rows += s->rows;
	to->total_ns += s->total_ns;
	if (s->longest_ns > to->longest_ns)
		to->longest_ns = s->longest_ns;
	for (unsigned i = 0; i < STATEMENTS_TIMES; i++)
		to->by_time[i] += s->by_time[i];
}

static void statement_evict(void *entry, void *arg)
{
	statements_sum(arg, entry);
}

struct statements *statements_new(void)
{
	struct statements *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->lru = lru_new(STATEMENTS_MOST, sizeof(struct statement),
			 sizeof(((struct statement *)0)->text));
	if (!s->lru) {
		free(s);
		return NULL;
	}
	lru_on_evict(s->lru, statement_evict, &s->rest);
	return s;
}

void statements_free(struct statements *s)
{
	if (!s)
		return;
	lru_free(s->lru);
	free(s->sorted);
	free(s);
}

static bool query_counts(const struct event *ev)
{
	const struct event_query *q = &ev->query;

	if (ev->flags & EVENT_F_UNFINISHED || !q->fingerprint.n)
		return false; /* it comes again, or it is no statement */
	return q->failed || (strcmp(q->command, "prepare") != 0 && strcmp(q->command, "bind") != 0);
}

void statements_add(struct statements *s, const struct event *ev)
{
	const struct event_query *q = &ev->query;
	char text[sizeof(((struct statement *)0)->text)];
	struct statement *e;

	if (!query_counts(ev))
		return;
	summary_name(text, sizeof(text), q->fingerprint);
	e = lru_put(s->lru, text, NULL);
	e->calls++;
	e->failed += q->failed;
	e->rows += q->has_rows && q->rows ? q->rows : q->rows_sent;
	e->total_ns += q->duration_ns;
	if (q->duration_ns > e->longest_ns)
		e->longest_ns = q->duration_ns;
	e->by_time[time_index(q->duration_ns)]++;
}

static int statement_compare(const void *a, const void *b)
{
	const struct statement *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	if (x->calls != y->calls)
		return x->calls < y->calls ? 1 : -1;
	return strcmp(x->text, y->text);
}

const struct statement *statements_sorted(struct statements *s, unsigned *ret_n,
					  struct statement *ret_rest)
{
	uint32_t n = lru_count(s->lru), i = 0;

	*ret_n = 0;
	*ret_rest = s->rest;
	free(s->sorted);
	s->sorted = calloc((size_t)n + 1, sizeof(*s->sorted));
	if (!s->sorted)
		return NULL;
	for (const void *e = lru_oldest(s->lru); e; e = lru_newer(s->lru, e))
		s->sorted[i++] = *(const struct statement *)e;
	qsort(s->sorted, n, sizeof(*s->sorted), statement_compare);
	*ret_n = n;
	return s->sorted;
}
