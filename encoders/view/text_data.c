/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/text_data.h"

#include <errno.h>
#include <stdlib.h>

#include "capture/base/lru.h"
#include "encoders/view/http1.h"
#include "encoders/view/http2.h"

struct connection {
	uint64_t id;
	enum protocol protocol; /* that `http1` or `http2` is for */
	uint64_t shown[2];      /* up to where events came here, by whether we receive */
	bool joined;            /* its beginning was not seen */
	uint8_t head_n;
	char head[TEXT_DATA_HEAD]; /* how rows of its last event began */
	struct flow flow;          /* of that event */
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
	struct budget budget;
	char *scratch;   /* limit bytes */
	uint8_t *record; /* TEXT_DATA_RECORD bytes: what the present event shows */
	size_t n;
	struct view *view; /* that of the present event */
	bool waiting;      /* for room: it was made for the event with this number */
	uint64_t seq;
	/* text_data_rest(): whose turn is next, and what was written of the record. */
	bool resting;
	struct connection *next;
	size_t at;
};

static const char cut[] = "\n    [... more than one event can show]\n";

/* ---- connections --------------------------------------------------------------------------- */

/* Shows what waits for more, in rows that begin like those of the connection's last event. */
static void connection_show_rest(struct connection *c, const struct view *v, bool closed,
				 struct put *w)
{
	const struct event ev = {.kind = EVENT_DATA, .flow = &c->flow};
	struct view rest = *v;

	rest.w = *w;
	rest.head = (struct bytes){c->head, c->head_n};
	rest.ev = &ev;
	rest.open = NULL;
	if (c->protocol == PROTOCOL_HTTP1)
		http1_rest(&c->http1, &rest, closed);
	else if (c->protocol == PROTOCOL_HTTP2 && c->http2)
		http2_rest(c->http2, &rest);
	*w = rest.w;
}

static void connection_forget(struct text_data *t, struct connection *c)
{
	if (c->protocol == PROTOCOL_HTTP1)
		http1_done(&c->http1, t->pool);
	else if (c->protocol == PROTOCOL_HTTP2)
		http2_delete(c->http2, t->pool);
	c->protocol = PROTOCOL_UNKNOWN;
}

static void connection_evict(void *entry, void *arg)
{
	struct text_data *t = arg;

	if (t->view)
		connection_show_rest(entry, t->view, false, &t->view->w);
	connection_forget(t, entry);
}

/* The protocol may become known after the first bytes; it does not change after that. */
static void connection_learn(struct text_data *t, struct connection *c, struct view *v)
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

	c->flow = *v->ev->flow;
	c->head_n = v->head.n;
	memcpy(c->head, v->head.p, v->head.n);
	if (is_new) {
		c->joined = d->late || d->begin;
		c->shown[v->receives] = d->begin;
		c->shown[!v->receives] = d->peer_end;
	}
	if (is_new && d->late && !d->fin) {
		view_row(v, NULL);
		SHOW(&v->w, "connection that was open before the recording");
		view_end(v);
	}
	return c;
}

/* What is new in this event, and how many bytes are missing before it: what only this output has
 * lost is missing here, too. */
static struct bytes connection_take(struct connection *c, const struct view *v,
				    uint64_t *ret_missing)
{
	const struct event_data *d = &v->ev->data;
	struct bytes fresh = event_data_fresh(d);
	uint64_t *shown = &c->shown[v->receives];
	uint64_t lost = d->begin > *shown ? d->begin - *shown : 0;

	*ret_missing = lost + d->missing + d->unseen;
	*shown = d->begin + d->missing + fresh.n + d->unseen;
	return fresh;
}

/* ---- events -------------------------------------------------------------------------------- */

static void connection_show_bytes(struct connection *c, struct view *v, uint64_t missing,
				  struct bytes data)
{
	if (missing)
		view_missing(v, missing);
	if (data.n)
		view_dump(v, event_protocol_name(c->protocol), data);
}

static void connection_show(struct connection *c, struct view *v)
{
	uint64_t missing;
	struct bytes data = connection_take(c, v, &missing);

	if (c->protocol == PROTOCOL_HTTP1)
		http1_feed(&c->http1, v, missing, data);
	else if (c->protocol == PROTOCOL_HTTP2 && c->http2)
		http2_feed(c->http2, v, missing, data);
	else
		connection_show_bytes(c, v, missing, data);
}

/* Below what is shown of an event; where nothing is, the next one will say what is missing. */
static void connection_show_cut(struct view *v, const uint8_t *start)
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

static struct view view_of(struct text_data *t, const struct event *ev, struct bytes head)
{
	return (struct view){.w = {t->record, t->record + TEXT_DATA_RECORD - sizeof(cut), false},
			     .head = head,
			     .ev = ev,
			     .limit = t->limit,
			     .colour = t->colour,
			     .receives = ev && ev->data.direction == DIRECTION_RECEIVE,
			     .pool = t->pool,
			     .budget = &t->budget,
			     .scratch = t->scratch};
}

static void record_finish(struct text_data *t, struct put *w)
{
	if (w->full)
		w->p = PUT_LITERAL(w->p, cut);
	t->n = w->p - t->record;
}

static void record_render(struct text_data *t, const struct event *ev, struct bytes head)
{
	static const struct flow none;
	struct event with_flow = *ev;
	struct view v = view_of(t, &with_flow, head);
	struct connection *c;
	const uint8_t *start;

	if (!ev->flow)
		with_flow.flow = &none;
	t->view = &v;
	c = connection_of(t, &v);
	t->view = NULL;
	connection_learn(t, c, &v);
	start = v.w.p;
	connection_show(c, &v);
	connection_show_cut(&v, start);
	if (ev->data.fin) {
		connection_show_rest(c, &v, true, &v.w);
		connection_forget(t, c);
		lru_delete(t->connections, c);
	}
	record_finish(t, &v.w);
}

int text_data_encode(struct text_data *t, const struct event *ev, struct bytes head,
		     struct chunk *c)
{
	if (!t->waiting || t->seq != ev->seq)
		record_render(t, ev, head);
	t->waiting = t->n > chunk_room(c);
	t->seq = ev->seq;
	if (t->waiting)
		return -ENOBUFS;
	chunk_put(c, t->record, t->n);
	return 0;
}

/* ---- the end of a file --------------------------------------------------------------------- */

/* Bytes of the record's rest that go into room: whole lines where one fits. */
static size_t record_lines_for(const struct text_data *t, size_t room)
{
	const uint8_t *p = t->record + t->at, *end;

	if (t->n - t->at <= room)
		return t->n - t->at;
	end = room ? memrchr(p, '\n', room) : NULL;
	return end ? (size_t)(end + 1 - p) : room;
}

static void record_render_rest(struct text_data *t, struct connection *c)
{
	struct view v = view_of(t, NULL, (struct bytes){0});

	connection_show_rest(c, &v, false, &v.w);
	record_finish(t, &v.w);
	t->at = 0;
}

int text_data_rest(struct text_data *t, struct chunk *c)
{
	size_t n;

	if (!t->resting) {
		t->waiting = false; /* its record is overwritten */
		t->next = lru_oldest(t->connections);
		t->n = t->at = 0;
	}
	t->resting = true;
	for (;;) {
		n = record_lines_for(t, chunk_room(c));
		chunk_put(c, t->record + t->at, n);
		t->at += n;
		if (t->at < t->n)
			return -ENOBUFS;
		if (!t->next)
			break;
		record_render_rest(t, t->next);
		t->next = lru_newer(t->connections, t->next);
	}
	t->resting = false;
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
	t->budget.max = TEXT_DATA_BUDGET;
	t->connections =
		lru_new(TEXT_DATA_CONNECTIONS, sizeof(struct connection), sizeof(uint64_t));
	t->pool = textbuf_pool_new(TEXT_DATA_SMALL, TEXT_DATA_LARGE, TEXT_DATA_LARGE_SIZE);
	t->scratch = malloc(limit + 1);
	t->record = malloc(TEXT_DATA_RECORD);
	if (!t->connections || !t->pool || !t->scratch || !t->record) {
		text_data_free(t);
		errf(err, -ENOMEM, "text: out of memory");
		return NULL;
	}
	lru_on_evict(t->connections, connection_evict, t);
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
