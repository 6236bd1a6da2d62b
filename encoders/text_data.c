/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/text_data.h"

#include <errno.h>
#include <stdlib.h>

#include "capture/base/lru.h"
#include "encoders/http1.h"
#include "encoders/http2.h"

struct connection {
	uint64_t id;
	enum protocol protocol; /* that `http1` or `http2` is for */
	bool known[2];          /* next is */
	uint64_t next[2];       /* offset of the byte that is expected, by whether we receive */
	bool joined;            /* its beginning was not seen */
	union {
		struct http1 http1;
		struct http2 *http2; /* NULL: there was no memory for it */
	};
};

struct text_data {
	uint64_t limit;
	bool colour;
	struct lru *connections;
	struct textbuf_pool *pool;
	struct hpack_budget budget;
	char *scratch;   /* limit bytes */
	uint8_t *record; /* TEXT_DATA_RECORD bytes: what the present event shows */
	size_t n;
	bool waiting; /* for room: it was made for the event with this number */
	uint64_t seq;
};

static const char cut[] = "\n    [... more than one event can show]\n";

/* ---- connections --------------------------------------------------------------------------- */

static void forget(void *entry, void *arg)
{
	struct connection *c = entry;
	struct text_data *t = arg;

	if (c->protocol == PROTOCOL_HTTP1)
		http1_done(&c->http1, t->pool);
	else if (c->protocol == PROTOCOL_HTTP2)
		http2_delete(c->http2, t->pool);
	c->protocol = PROTOCOL_UNKNOWN;
}

/* The protocol may become known after the first bytes; it does not change after that. */
static void learn(struct text_data *t, struct connection *c, struct view *v)
{
	if (c->protocol)
		return;
	c->protocol = v->ev->flow->protocol;
	if (c->protocol == PROTOCOL_HTTP2)
		c->http2 = http2_new(&t->budget, c->joined);
	else if (c->protocol == PROTOCOL_HTTP1 && c->joined)
		http1_join(&c->http1, v);
}

static struct connection *connection_of(struct text_data *t, struct view *v)
{
	const struct event_data *d = &v->ev->data;
	bool is_new;
	struct connection *c = lru_put(t->connections, &v->ev->flow->id, &is_new);

	if (is_new)
		c->joined = d->late || d->stream_offset > d->missing;
	if (is_new && d->late && !d->fin) {
		view_row(v, NULL);
		SHOW(&v->w, "connection that was open before the recording");
		view_end(v);
	}
	return c;
}

/* What is new in this event: bytes lost on the way to this view count as missing, too. */
static struct bytes take(struct connection *c, struct view *v, uint64_t *ret_missing)
{
	const struct event_data *d = &v->ev->data;
	uint64_t *next = &c->next[v->receives], again;

	*ret_missing = 0;
	if (d->fin)
		return (struct bytes){0};
	if (!c->known[v->receives])
		*next = d->stream_offset > d->missing ? d->stream_offset - d->missing : 0;
	c->known[v->receives] = true;
	if (d->stream_offset > *next) {
		*ret_missing = d->stream_offset - *next;
		*next = d->stream_offset;
	}
	again = *next - d->stream_offset;
	if (v->ev->flags & EVENT_F_UNSEEN && !again) {
		*ret_missing += d->call_total;
		*next += d->call_total;
	}
	if (again >= d->payload.n)
		return (struct bytes){0};
	*next = d->stream_offset + d->payload.n;
	return (struct bytes){d->payload.p + again, d->payload.n - again};
}

/* ---- events -------------------------------------------------------------------------------- */

static void show_bare(struct connection *c, struct view *v, uint64_t missing, struct bytes data)
{
	if (missing)
		view_missing(v, missing);
	if (data.n)
		view_dump(v, event_protocol_name(c->protocol), data);
}

static void show(struct connection *c, struct view *v)
{
	uint64_t missing;
	struct bytes data = take(c, v, &missing);

	if (c->protocol == PROTOCOL_HTTP1)
		http1_feed(&c->http1, v, missing, data);
	else if (c->protocol == PROTOCOL_HTTP2 && c->http2)
		http2_feed(c->http2, v, missing, data);
	else
		show_bare(c, v, missing, data);
}

static void end(struct text_data *t, struct connection *c, struct view *v)
{
	if (c->protocol == PROTOCOL_HTTP1)
		http1_end(&c->http1, v);
	else if (c->protocol == PROTOCOL_HTTP2 && c->http2)
		http2_end(c->http2, v);
	forget(c, t);
	lru_delete(t->connections, c);
}

/* Below what is shown of an event; where nothing is, the next one will say what is missing. */
static void say_cut(struct view *v, const uint8_t *start)
{
	const struct event_data *d = &v->ev->data;

	if (!(v->ev->flags & (EVENT_F_TRUNCATED | EVENT_F_UNSEEN)) || v->w.p == start)
		return;
	view_note(v);
	if (v->ev->flags & EVENT_F_UNSEEN) {
		SHOW(&v->w, "from a file, by the kernel: counted, not seen");
	} else {
		SHOW(&v->w, "recorded up to byte ");
		show_number(&v->w, d->call_offset + d->payload.n);
		SHOW(&v->w, " of ");
		show_number(&v->w, d->call_total);
	}
	view_note_end(v);
}

static void render(struct text_data *t, const struct event *ev, struct bytes head)
{
	static const struct flow none;
	struct event with_flow;
	struct view v = {.w = {t->record, t->record + TEXT_DATA_RECORD - sizeof(cut), false},
			 .head = head,
			 .ev = ev,
			 .limit = t->limit,
			 .colour = t->colour,
			 .receives = ev->data.direction == DIRECTION_RECEIVE,
			 .pool = t->pool,
			 .scratch = t->scratch};
	struct connection *c;

	if (!ev->flow) {
		with_flow = *ev;
		with_flow.flow = &none;
		v.ev = &with_flow;
	}
	c = connection_of(t, &v);
	learn(t, c, &v);
	show(c, &v);
	say_cut(&v, t->record);
	if (ev->data.fin)
		end(t, c, &v);
	if (v.w.full)
		v.w.p = PUT_LITERAL(v.w.p, cut);
	t->n = v.w.p - t->record;
}

int text_data_encode(struct text_data *t, const struct event *ev, struct bytes head,
		     struct chunk *c)
{
	if (!t->waiting || t->seq != ev->seq)
		render(t, ev, head);
	t->waiting = t->n > chunk_room(c);
	t->seq = ev->seq;
	if (t->waiting)
		return -ENOBUFS;
	chunk_put(c, t->record, t->n);
	return 0;
}

struct text_data *text_data_new(uint64_t limit, bool colour, struct err *err)
{
	struct text_data *t = calloc(1, sizeof(*t));

	if (!t) {
		errf(err, -ENOMEM, "text: out of memory");
		return NULL;
	}
	t->limit = limit;
	t->colour = colour;
	t->budget.max = TEXT_DATA_HEAP;
	t->connections =
		lru_new(TEXT_DATA_CONNECTIONS, sizeof(struct connection), sizeof(uint64_t));
	t->pool = textbuf_pool_new(TEXT_DATA_SMALL, TEXT_DATA_LARGE);
	t->scratch = malloc(limit + 1);
	t->record = malloc(TEXT_DATA_RECORD);
	if (!t->connections || !t->pool || !t->scratch || !t->record) {
		text_data_free(t);
		errf(err, -ENOMEM, "text: out of memory");
		return NULL;
	}
	lru_on_evict(t->connections, forget, t);
	return t;
}

void text_data_free(struct text_data *t)
{
	if (!t)
		return;
	if (t->connections && t->pool)
		lru_clear(t->connections);
	lru_free(t->connections);
	textbuf_pool_free(t->pool);
	free(t->scratch);
	free(t->record);
	free(t);
}
