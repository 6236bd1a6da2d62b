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

/* Frames, if that has become known. The side that sends the preface finds that out by itself. */
static void stream_learn(struct redact_stream *s, const struct event *ev)
{
	if (s->kind != REDACT_STREAM_LINES || ev->flow->protocol != PROTOCOL_HTTP2 ||
	    s->http1.state == REDACT_LINE_PREFACE)
		return;
	stream_frames(s, s->unsure || ev->data.begin || ev->data.missing);
}

/* ---- what comes ---------------------------------------------------------------------------- */

static void stream_gap(struct redact_stream *s, uint64_t missing, bool call_begins)
{
	if (s->kind == REDACT_STREAM_FRAMES)
		redact_http2_gap(&s->http2, missing);
	else
		redact_http1_gap(&s->http1, call_begins);
}

static void stream_bytes(struct redact_stream *s, struct redact_copy *c, size_t from,
			 bool call_begins)
{
	size_t to = c->in.n;

	if (s->kind == REDACT_STREAM_LINES) {
		if (call_begins)
			redact_http1_call(&s->http1);
		from = redact_http1_feed(&s->http1, c, from, to);
		if (!s->http1.http2)
			return;
		stream_frames(s, false);
		call_begins = false;
	}
	redact_http2_feed(&s->http2, c, from, to, call_begins);
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
