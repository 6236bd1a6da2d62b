/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/flows.h"

#include <stdlib.h>
#include <string.h>

#include "capture/base/lru.h"
#include "capture/guess.h"

enum {
	FLOWS_MAX = 65536,
	HEAD_MAX = 160,           /* a DNS query, padded to 128 bytes, and its length */
	GUESS_WITHIN = 64 * 1024, /* sooner or later anything looks like something */
};

struct flow_entry {
	uint64_t id;
	struct flow flow;
	uint64_t next[2]; /* offset of the byte that is expected, by direction */
	bool late;
	/* The beginning of each direction: a program may take a message in several pieces. */
	uint8_t head_n[2];
	char head[2][HEAD_MAX];
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

static enum protocol guess_from_head(struct flow_entry *e, const struct event_data *d)
{
	bool receives = d->direction == DIRECTION_RECEIVE;
	uint8_t *n = &e->head_n[receives];
	size_t take = HEAD_MAX - *n;

	if (d->stream_offset != *n || !take)
		return PROTOCOL_UNKNOWN;
	if (take > d->payload.n)
		take = d->payload.n;
	if (take)
		memcpy(e->head[receives] + *n, d->payload.p, take);
	*n += take;
	if (*n == take) /* all there is has been looked at */
		return PROTOCOL_UNKNOWN;
	return guess_protocol(&e->flow, d->direction, (struct bytes){e->head[receives], *n});
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
	if (!e->flow.protocol)
		e->flow.protocol = guess_from_head(e, d);
	ev->flow = &e->flow;
}
