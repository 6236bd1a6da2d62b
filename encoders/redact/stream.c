/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/stream.h"

#include <ctype.h>

static void stream_frames(struct redact_stream *s, bool late)
{
	s->kind = REDACT_STREAM_FRAMES;
	s->http2 = (struct redact_http2){0};
	if (late)
		redact_http2_late(&s->http2);
}

/* ---- what it talks ------------------------------------------------------------------------- */

/* "GET ", or "HTTP/". */
static bool message_begins(struct bytes text)
{
	size_t n = 0;

	while (n < text.n && isupper((unsigned char)text.p[n]))
		n++;
	return n > 1 && n < text.n && (text.p[n] == ' ' || text.p[n] == '/');
}

/* Its beginning was not seen: what does it look like? */
static void stream_guess(struct redact_stream *s, bool call_begins, struct bytes text)
{
	if (call_begins && message_begins(text)) {
		s->unsure = false;
		s->http1 = (struct redact_http1){0};
	} else if (call_begins && http2_frame_is_chain(text)) {
		s->unsure = false;
		stream_frames(s, true);
	}
}

static void stream_begin(struct redact_stream *s, const struct event_data *d)
{
	s->begun = true;
	s->unsure = d->late || d->begin || d->missing;
	if (!s->unsure)
		return;
	s->http1.in_head = true; /* it may be */
	redact_http1_gap(&s->http1, false);
}

static void stream_mysql(struct redact_stream *s, bool late)
{
	s->kind = REDACT_STREAM_MYSQL;
	s->mysql = (struct redact_mysql){0};
	if (late)
		redact_mysql_late(&s->mysql);
}

static void stream_postgres(struct redact_stream *s, bool late)
{
	s->kind = REDACT_STREAM_POSTGRES;
	s->postgres = (struct redact_postgres){0};
	if (late)
		redact_postgres_late(&s->postgres);
}

static bool is_from_client(const struct event *ev)
{
	bool server = ev->flow->role == FLOW_ROLE_SERVER;

	return (ev->data.direction == DIRECTION_RECEIVE) == server;
}

/* What it is, if that has become known. The side that sends HTTP/2's preface finds that out by
 * itself. */
static void stream_learn(struct redact_stream *s, const struct event *ev)
{
	bool late = s->unsure || ev->data.begin || ev->data.missing;

	if (s->kind != REDACT_STREAM_LINES || s->http1.state == REDACT_LINE_PREFACE)
		return;
	if (ev->flow->protocol == PROTOCOL_HTTP2)
		stream_frames(s, late);
	else if (ev->flow->protocol == PROTOCOL_MYSQL && is_from_client(ev))
		stream_mysql(s, late);
	else if (ev->flow->protocol == PROTOCOL_POSTGRES && is_from_client(ev))
		stream_postgres(s, late);
}

/* ---- what comes ---------------------------------------------------------------------------- */

static void stream_gap(struct redact_stream *s, uint64_t missing, bool call_begins)
{
	switch ((enum redact_stream_kind)s->kind) {
	case REDACT_STREAM_LINES:
		redact_http1_gap(&s->http1, call_begins);
		break;
	case REDACT_STREAM_FRAMES:
		redact_http2_gap(&s->http2, missing);
		break;
	case REDACT_STREAM_MYSQL:
		redact_mysql_gap(&s->mysql, missing);
		break;
	case REDACT_STREAM_POSTGRES:
		redact_postgres_gap(&s->postgres, missing);
		break;
	}
}

/* Lines, to the end or to where HTTP/2 begins. */
static size_t stream_lines(struct redact_stream *s, struct redact_copy *c, size_t from,
			   bool call_begins)
{
	if (call_begins)
		redact_http1_call(&s->http1);
	from = redact_http1_feed(&s->http1, c, from, c->in.n);
	if (s->http1.http2)
		stream_frames(s, false);
	return from;
}

static void stream_bytes(struct redact_stream *s, struct redact_copy *c, size_t from,
			 bool call_begins)
{
	if (s->kind == REDACT_STREAM_LINES)
		from = stream_lines(s, c, from, call_begins);
	switch ((enum redact_stream_kind)s->kind) {
	case REDACT_STREAM_LINES:
		break;
	case REDACT_STREAM_FRAMES:
		redact_http2_feed(&s->http2, c, from, c->in.n, call_begins);
		break;
	case REDACT_STREAM_MYSQL:
		redact_mysql_feed(&s->mysql, c, from, c->in.n, call_begins);
		break;
	case REDACT_STREAM_POSTGRES:
		redact_postgres_feed(&s->postgres, c, from, c->in.n, call_begins);
		break;
	}
}

void redact_stream_feed(struct redact_stream *s, const struct event *ev, struct redact_copy *c)
{
	const struct event_data *d = &ev->data;
	size_t from = d->repeated < c->in.n ? d->repeated : c->in.n;
	struct bytes fresh = {c->in.p + from, c->in.n - from};

	/* A damaged recording: what was said before is not looked at twice. */
	redact_copy_mask(c, 0, from, '*');
	if (!s->begun && (fresh.n || d->missing))
		stream_begin(s, d);
	else if (d->missing)
		stream_gap(s, d->missing, !d->call_offset);
	if (fresh.n) {
		if (s->unsure && s->kind == REDACT_STREAM_LINES)
			stream_guess(s, !d->call_offset, fresh);
		stream_learn(s, ev);
		stream_bytes(s, c, from, !d->call_offset);
	}
	if (d->unseen)
		stream_gap(s, d->unseen, true);
}
