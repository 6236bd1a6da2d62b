/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entries of one list: see capture/index_inside.h. */
#include <stdlib.h>

#include "capture/index_inside.h"

enum {
	MERGE_FRAMES = 2 /* most that a value may seem to be in although it is nowhere */
};

struct entry {
	uint64_t first, last;
	bool same; /* its list is that of the entry before */
};

struct entries {
	struct index_buffer *out;
	struct index_buffer list, list_before; /* of `open`, and of the value looked at */
	struct entry open;
	bool any;        /* there is an open one */
	uint64_t behind; /* last value of the entry before it */
};

/* How many of the pairs at v are in frames without a gap. */
static size_t pairs_run(const struct index_pair *v, size_t n)
{
	size_t i = 1;

	while (i < n && v[i].frame == v[0].frame + i)
		i++;
	return i;
}

/* The frames of n pairs of one value. */
static void list_put(struct index_buffer *list, const struct index_pair *v, size_t n)
{
	size_t runs = 0, run;
	uint32_t behind = 0;

	list->n = 0;
	for (size_t i = 0; i < n; i += pairs_run(v + i, n - i))
		runs++;
	index_put_varint(list, runs);
	for (size_t i = 0; i < n; i += run) {
		run = pairs_run(v + i, n - i);
		index_put_varint(list, (uint64_t)(v[i].frame - behind) << 1 | (run > 1));
		if (run > 1)
			index_put_varint(list, run - 2);
		behind = v[i].frame + (uint32_t)run;
	}
}

static void entries_close(struct entries *e)
{
	const struct entry *open = &e->open;
	uint64_t more = open->last - open->first;

	if (!e->any)
		return;
	index_put_varint(e->out, (open->first - e->behind) << 2 | (more ? ENTRY_MORE : 0) |
					 (open->same ? ENTRY_SAME : 0));
	if (more)
		index_put_varint(e->out, more);
	if (!open->same)
		index_put(e->out, e->list.p, e->list.n);
	e->behind = open->last;
}

static void entries_add(struct entries *e, uint64_t value, size_t frames, bool merges)
{
	struct index_buffer list = e->list_before;
	bool same = e->any && list.n == e->list.n && !memcmp(list.p, e->list.p, list.n);

	if (same && (value == e->open.last + 1 || (merges && frames <= MERGE_FRAMES))) {
		e->open.last = value;
		return;
	}
	entries_close(e);
	e->open = (struct entry){value, value, same};
	e->any = true;
	e->list_before = e->list;
	e->list = list;
}

void index_entries(struct index_values *s)
{
	struct entries e = {.out = &s->bytes};
	size_t n;

	s->bytes.n = 0;
	for (size_t i = 0; i < s->n; i += n) {
		for (n = 1; i + n < s->n && s->v[i + n].value == s->v[i].value; n++)
			;
		list_put(&e.list_before, &s->v[i], n);
		entries_add(&e, s->v[i].value, n, s->merges);
		s->bytes.failed |= e.list_before.failed | e.list.failed;
	}
	entries_close(&e);
	free(e.list.p);
	free(e.list_before.p);
}
