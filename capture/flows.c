/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/flows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/lru.h"
#include "capture/guess.h"
#include "capture/output.h"
#include "kern/events.h"

enum {
	FLOWS_MAX = 65536,
	HEAD_MAX = 160,           /* a DNS query, padded to 128 bytes, and its length */
	GUESS_WITHIN = 64 * 1024, /* bytes from the beginning: later on, something in a stream is
				   * bound to look like the beginning of another protocol */
};

struct flow_entry {
	uint64_t id;
	struct flow flow;
	uint32_t seen[OUTPUT_MAX];      /* by output: the generation that knows it */
	struct flows_stream streams[2]; /* sent, received */
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

/* ---- where a stream stands ----------------------------------------------------------------- */

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* How many bytes the event's record stands for, whether it has them or not. */
static uint64_t bytes_moved(const struct event *ev)
{
	const struct event_data *d = &ev->data;
	uint64_t rest = d->call_total > d->call_offset ? d->call_total - d->call_offset : 0;

	if (ev->flags & (EVENT_F_TRUNCATED | EVENT_F_UNSEEN)) /* the call has no record after it */
		return max_of(rest, d->payload.n);
	if (ev->flags & EVENT_F_FAULT) /* what could not be read has a record of the usual size */
		return max_of(min_of(rest, REC_PART), d->payload.n);
	return d->payload.n;
}

void flows_place(struct flows_stream streams[2], struct event *ev)
{
	struct event_data *d = &ev->data;
	bool receives = d->direction == DIRECTION_RECEIVE;
	struct flows_stream *s = &streams[receives];
	uint64_t moved = bytes_moved(ev), end = d->stream_offset + moved;

	assert(moved <= UINT64_MAX - d->stream_offset);
	assert(s->next <= s->end);
	d->begin = s->next;
	d->missing = d->stream_offset > s->next ? d->stream_offset - s->next : 0;
	d->repeated =
		s->next > d->stream_offset ? min_of(s->next - d->stream_offset, d->payload.n) : 0;
	s->next = max_of(s->next, d->stream_offset + d->payload.n);
	d->unseen = ev->flags & EVENT_F_UNSEEN && end > s->next ? end - s->next : 0;
	s->next += d->unseen;
	s->end = max_of(max_of(s->end, end), s->next);
	d->end = s->end;
	d->peer_end = streams[!receives].end;
	if (d->missing)
		ev->flags |= EVENT_F_GAP;
}

/* ---- connections --------------------------------------------------------------------------- */

/* Addresses may become known after the first bytes; a role once known stays. */
static void flow_learn(struct flow_entry *e, const struct flow *seen)
{
	enum protocol protocol = e->flow.protocol;
	enum flow_role role = e->flow.role;

	if (seen->family && !e->flow.family) /* it can be found by its addresses from now on */
		memset(e->seen, 0, sizeof(e->seen));
	if (seen->family || !e->flow.family)
		e->flow = *seen;
	e->flow.protocol = protocol;
	if (role)
		e->flow.role = role;
}

/* Guesses by the first bytes of a direction, which may have come in several events. */
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

static struct flow_entry *flow_find(struct flows *f, const struct event *ev)
{
	bool is_new;
	struct flow_entry *e = lru_put(f->table, &ev->flow->id, &is_new);

	if (is_new) {
		e->flow = *ev->flow;
		e->late = ev->kind == EVENT_DATA && ev->data.late;
	} else {
		flow_learn(e, ev->flow);
	}
	return e;
}

void flows_session(struct flows *f, struct event *ev)
{
	struct flow_entry *e = flow_find(f, ev);

	e->flow.protocol = strcmp(ev->query.system, "mysql") ? PROTOCOL_POSTGRES : PROTOCOL_MYSQL;
	e->flow.seen = e->seen;
	ev->flow = &e->flow;
}

void flows_complete(struct flows *f, struct event *ev)
{
	struct event_data *d = &ev->data;
	struct flow_entry *e = flow_find(f, ev);

	d->late = e->late;
	if (d->late)
		ev->flags |= EVENT_F_IN_PROGRESS;
	flows_place(e->streams, ev);
	if (!e->flow.protocol && !d->call_offset && d->stream_offset < GUESS_WITHIN)
		e->flow.protocol = guess_protocol(&e->flow, d->direction, d->payload);
	if (!e->flow.protocol)
		e->flow.protocol = guess_from_head(e, d);
	e->flow.seen = e->seen;
	ev->flow = &e->flow;
}

/* Where nothing is said to be missing, everything before the event was there once. */
static void stream_catch_up(struct flows_stream *s, const struct event_data *d)
{
	uint64_t told = d->stream_offset - min_of(d->missing, d->stream_offset);

	s->next = max_of(s->next, told);
	s->end = max_of(s->end, s->next);
}

void flows_recorded(struct flows *f, struct event *ev)
{
	struct flow_entry *e = flow_find(f, ev);
	uint32_t flags = ev->flags;

	e->flow.protocol = ev->flow->protocol;
	stream_catch_up(&e->streams[ev->data.direction == DIRECTION_RECEIVE], &ev->data);
	flows_place(e->streams, ev);
	ev->flags = flags;
	e->flow.seen = e->seen;
	ev->flow = &e->flow;
}
