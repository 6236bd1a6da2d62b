/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/flows.h"

#include <stdlib.h>

#include "capture/base/lru.h"
#include "capture/guess.h"

enum {
	FLOWS_MAX = 65536,
	GUESS_WITHIN = 64 * 1024, /* sooner or later anything looks like something */
};

struct flow_entry {
	uint64_t id;
	struct flow flow;
	uint64_t next[2]; /* offset of the byte that is expected, by direction */
	bool late;
};

struct flows {
	struct lru *table;
};

struct flows *flows_new(void)
{
	struct flows *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->table = lru_new(FLOWS_MAX, sizeof(struct flow_entry), sizeof(uint64_t));
	if (!f->table) {
		free(f);
		return NULL;
	}
	return f;
}

void flows_free(struct flows *f)
{
	if (!f)
		return;
	lru_free(f->table);
	free(f);
}

/* Addresses may become known after the first bytes; a role once known stays. */
static void learn(struct flow_entry *e, const struct flow *seen)
{
	enum protocol protocol = e->flow.protocol;
	enum flow_role role = e->flow.role;

	if (seen->family || !e->flow.family)
		e->flow = *seen;
	e->flow.protocol = protocol;
	if (role)
		e->flow.role = role;
}

static void count(struct flow_entry *e, struct event *ev)
{
	struct event_data *d = &ev->data;
	uint64_t *next = &e->next[d->direction == DIRECTION_RECEIVE];

	if (d->stream_offset > *next) {
		d->missing = d->stream_offset - *next;
		ev->flags |= EVENT_F_GAP;
	}
	if (d->stream_offset + d->payload.n > *next)
		*next = d->stream_offset + d->payload.n;
}

void flows_complete(struct flows *f, struct event *ev)
{
	struct event_data *d = &ev->data;
	struct flow_entry *e;
	bool is_new;

	e = lru_put(f->table, &ev->flow->id, &is_new);
	if (is_new) {
		e->flow = *ev->flow;
		e->late = d->late;
	} else {
		learn(e, ev->flow);
	}
	d->late = e->late;
	if (d->late)
		ev->flags |= EVENT_F_IN_PROGRESS;
	if (!d->fin)
		count(e, ev);
	if (!e->flow.protocol && !d->call_offset && d->stream_offset < GUESS_WITHIN)
		e->flow.protocol = guess_protocol(&e->flow, d->direction, d->payload);
	ev->flow = &e->flow;
}
