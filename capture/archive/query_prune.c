/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which frames of an archive can hold what is sought, by its index. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/archive/query_inside.h"

static void mark_number(struct index *x, enum key_type type, uint64_t number, size_t size,
			uint8_t *frames)
{
	char le[8];

	bytes_put_le(le, number, size);
	index_mark(x, type, (struct bytes){le, size}, frames);
}

static bool comm_fits(struct bytes text, void *arg)
{
	return text.n == KEY_VALUE || query_fits_comm(arg, text);
}

static bool exe_fits(struct bytes text, void *arg)
{
	return text.n == KEY_VALUE || query_fits_exe(arg, text);
}

static bool container_fits(struct bytes text, void *arg)
{
	return text.n == KEY_VALUE || query_fits_container(arg, text);
}

/* Where a value may be. False: the index knows nothing of that name. */
static bool mark_value(struct index *x, enum query_name name, struct query_value *v,
		       uint8_t *frames)
{
	struct bytes address = {(const char *)v->address, v->address_n};

	switch (name) {
	case QUERY_PROCESS:
		if (v->match == query_matches_tree)
			return false;
		mark_number(x, KEY_PID, v->number, 4, frames);
		return true;
	case QUERY_UID:
		mark_number(x, KEY_UID, v->number, 4, frames);
		return true;
	case QUERY_PORT:
		mark_number(x, KEY_PORT, v->number, 2, frames);
		return true;
	case QUERY_CONN:
		mark_number(x, KEY_CONN, v->number, 8, frames);
		return true;
	case QUERY_ADDR:
		index_mark_network(x, address, v->bits, frames);
		return true;
	case QUERY_COMM:
		index_mark_texts(x, KEY_COMM, comm_fits, v, frames);
		return true;
	case QUERY_EXE:
		index_mark_texts(x, KEY_EXE, exe_fits, v, frames);
		return true;
	case QUERY_CONTAINER:
		index_mark_texts(x, KEY_CONTAINER, container_fits, v, frames);
		return true;
	default:
		return false;
	}
}

/* Clears the frames where none of a list's values is. one: room for a byte for each frame. */
static void prune_by_list(const struct query_list *l, enum query_name name, struct index *x,
			  uint8_t *one, uint8_t *frames)
{
	const struct index_frame *unused;
	size_t n = index_frames(x, &unused);

	memset(one, 0, n);
	for (unsigned i = 0; i < l->n; i++)
		if (!l->v[i].excludes && !mark_value(x, name, &l->v[i], one))
			return;
	for (size_t i = 0; i < n; i++)
		frames[i] &= one[i];
}

static bool frame_in_span(const struct index_frame *f, const struct query *q)
{
	return query_slack_after(f->last_ns) >= q->from_ns &&
	       query_slack_before(f->first_ns) < q->to_ns;
}

static uint32_t kinds_wanted(const struct query *q)
{
	const struct query_list *l = &q->lists[QUERY_KIND];
	uint32_t kinds = l->includes ? 0 : UINT32_MAX;

	for (unsigned i = 0; i < l->n; i++)
		if (!l->v[i].excludes)
			kinds |= (uint32_t)l->v[i].number;
	for (unsigned i = 0; i < l->n; i++)
		if (l->v[i].excludes)
			kinds &= ~(uint32_t)l->v[i].number;
	return kinds;
}

int query_prune(const struct query *q, struct index *x, uint8_t *frames)
{
	const struct index_frame *f;
	size_t n = index_frames(x, &f);
	uint32_t kinds = kinds_wanted(q);
	uint8_t *one;

	if (q->tree)
		return 0;
	one = malloc(n + 1);
	if (!one)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		frames[i] &= (f[i].kinds & kinds) && frame_in_span(&f[i], q);
	for (unsigned i = 0; i < QUERY_NAMES; i++)
		if (q->lists[i].includes)
			prune_by_list(&q->lists[i], i, x, one, frames);
	free(one);
	return 0;
}
