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

void statements_sum(struct statement *to, const struct statement *s)
{
	to->calls += s->calls;
	to->failed += s->failed;
	to->rows += s->rows;
	to->total_ns += s->total_ns;
	if (s->longest_ns > to->longest_ns)
		to->longest_ns = s->longest_ns;
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
	struct statement one = {.calls = 1,
				.failed = q->failed,
				.rows = q->has_rows && q->rows ? q->rows : q->rows_sent,
				.total_ns = q->duration_ns,
				.longest_ns = q->duration_ns};

	if (!query_counts(ev))
		return;
	summary_name(one.text, sizeof(one.text), q->fingerprint);
	statements_sum(lru_put(s->lru, one.text, NULL), &one);
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
