/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/http1.h"

#include "capture/base/utf8.h"
#include "encoders/view/field.h"
#include "encoders/view/http1_head.h"

enum waiting {
	WAITING_OTHER,
	WAITING_HEAD,
	WAITING_CONNECT
};

enum {
	CHUNK_SIZE_MAX = 1 << 30, /* no program sends larger ones; far from overflowing */
};

static struct http1_side *side_of(struct http1 *h, const struct view *v)
{
	return &h->sides[v->receives];
}

static void side_enter(struct http1_side *s, struct view *v, enum http1_phase phase)
{
	bool body =
		phase == HTTP1_BODY || phase == HTTP1_BODY_UNTIL_CLOSE || phase == HTTP1_CHUNK_SIZE;

	textbuf_done(v->pool, &s->head);
	websocket_done(&s->frames, v->pool);
	if (!body)
		body_done(&s->body, v->pool);
	s->left = 0;
	s->phase = phase;
}

/* ---- heads --------------------------------------------------------------------------------- */

static void waiting_push(struct http1 *h, struct bytes method)
{
	enum waiting w = WAITING_OTHER;

	if (bytes_eq(method, BYTES("HEAD")))
		w = WAITING_HEAD;
	else if (bytes_eq(method, BYTES("CONNECT")))
		w = WAITING_CONNECT;
	if (h->n == HTTP1_WAITING)
		return;
	h->waiting[(h->first + h->n++) % HTTP1_WAITING] = w;
}

static enum waiting waiting_pop(struct http1 *h)
{
	enum waiting w = WAITING_OTHER;

	if (!h->n)
		return w;
	w = h->waiting[h->first];
	h->first = (h->first + 1) % HTTP1_WAITING;
	h->n--;
	return w;
}

static void switch_both(struct http1 *h, struct view *v, enum http1_phase phase)
{
	for (unsigned i = 0; i < 2; i++)
		side_enter(&h->sides[i], v, phase);
}

/* v is the server's direction. */
static void websocket_begins(struct http1 *h, struct view *v, struct bytes fields)
{
	struct bytes name, value;

	switch_both(h, v, HTTP1_WEBSOCKET);
	while (http1_head_field(&fields, &name, &value))
		for (unsigned i = 0; i < 2 && field_is(name, "sec-websocket-extensions"); i++)
			unpack_agree(&h->sides[i].frames.unpack, i != v->receives, value);
}

/* What the bytes after this head are. */
static void after_head(struct http1 *h, struct http1_side *s, struct view *v,
		       const struct http1_head *head)
{
	static const enum http1_phase phases[] = {
		[HTTP1_NO_BODY] = HTTP1_HEAD,
		[HTTP1_LENGTH] = HTTP1_BODY,
		[HTTP1_CHUNKED] = HTTP1_CHUNK_SIZE,
		[HTTP1_UNTIL_CLOSE] = HTTP1_BODY_UNTIL_CLOSE,
	};
	enum http1_framing framing = head->framing;
	enum waiting request = WAITING_OTHER;

	if (!head->status)
		waiting_push(h, head->method);
	else if (head->status >= 200)
		request = waiting_pop(h);
	if (head->status == 101 && head->websocket) {
		websocket_begins(h, v, head->fields);
		return;
	}
	if (head->status == 101) {
		switch_both(h, v, HTTP1_TUNNEL);
		return;
	}
	if (request == WAITING_CONNECT && head->status < 300) {
		switch_both(h, v, HTTP1_TUNNEL);
		return;
	}
	if (head->status && (head->status < 200 || head->status == 204 || head->status == 304 ||
			     request == WAITING_HEAD))
		framing = HTTP1_NO_BODY;
	side_enter(s, v, phases[framing]);
	if (framing == HTTP1_LENGTH)
		s->left = head->length;
	s->body.live |= framing == HTTP1_UNTIL_CLOSE;
}

static void show_head(struct http1_side *s, struct view *v, const struct http1_head *head)
{
	struct bytes fields = head->fields, name, value,
		     label = utf8_cut(head->line, HTTP1_LABEL - 1);

	memcpy(s->label, label.p, label.n);
	s->label[label.n] = 0;
	s->body.what = "body of ";
	s->body.label = s->label;
	view_row(v, &s->body);
	view_paint(v, SHOW_BOLD);
	show_bytes(&v->w, head->line);
	view_paint(v, SHOW_PLAIN);
	view_end(v);
	while (http1_head_field(&fields, &name, &value)) {
		body_header(&s->body, name, value);
		view_field(v, name, value);
	}
}

static void side_lose(struct http1 *h, struct http1_side *s, struct view *v)
{
	h->n = 0; /* which response belongs to which request is not known any more */
	side_enter(s, v, HTTP1_LOST);
	view_lost_begin(v, &s->lost);
}

/* text is a head, or as much of it as could be kept: then where it ends is not known. */
static void take_head(struct http1 *h, struct http1_side *s, struct view *v, struct bytes text,
		      bool whole)
{
	struct http1_head head;

	if (!http1_head_parse(text, &head)) {
		view_dump(v, "no HTTP message", text);
		side_lose(h, s, v);
		return;
	}
	show_head(s, v, &head);
	if (whole) {
		after_head(h, s, v, &head);
		return;
	}
	view_note(v);
	SHOW(&v->w, "a head too long to be followed");
	view_note_end(v);
	side_lose(h, s, v);
}

/* Empty lines before a message are ignored. */
static size_t head_step(struct http1 *h, struct http1_side *s, struct view *v, struct bytes data)
{
	size_t had = s->head.n, n;

	if (!had && (data.p[0] == '\r' || data.p[0] == '\n'))
		return 1;
	if (!had) {
		n = http1_head_length(data, 0);
		if (n) {
			take_head(h, s, v, (struct bytes){data.p, n}, true);
			return n;
		}
	}
	n = HTTP1_HEAD_MAX - had < data.n ? HTTP1_HEAD_MAX - had : data.n;
	textbuf_append(v->pool, &s->head, (struct bytes){data.p, n});
	data = (struct bytes){s->head.p, s->head.n};
	n = http1_head_length(data, had < 2 ? 0 : had - 2);
	if (n || data.n == HTTP1_HEAD_MAX || s->head.cut) {
		struct textbuf whole = s->head;

		s->head = (struct textbuf){
			0}; /* side_enter() must not give back what is being read */
		take_head(h, s, v, (struct bytes){data.p, n ? n : data.n}, n);
		textbuf_done(v->pool, &whole);
	}
	return (n ? n : data.n) - had;
}

/* ---- bodies -------------------------------------------------------------------------------- */

static void message_finish(struct http1_side *s, struct view *v)
{
	body_show(&s->body, v, BODY_COMPLETE);
	side_enter(s, v, HTTP1_HEAD);
}

static size_t body_step(struct http1_side *s, struct view *v, struct bytes data)
{
	size_t n = data.n < s->left ? data.n : s->left;

	body_add(&s->body, v, (struct bytes){data.p, n});
	s->left -= n;
	if (s->left)
		return n;
	if (s->phase == HTTP1_CHUNK)
		s->phase = HTTP1_CHUNK_END;
	else
		message_finish(s, v);
	return n;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void size_known(struct http1_side *s)
{
	s->phase = s->left ? HTTP1_CHUNK : HTTP1_TRAILER;
	s->line_begun = false;
}

static size_t size_step(struct http1 *h, struct http1_side *s, struct view *v, struct bytes data)
{
	int digit = hex_digit(data.p[0]);

	if (digit >= 0 && s->left < CHUNK_SIZE_MAX) {
		s->left = s->left * 16 + digit;
		return 1;
	}
	if (digit >= 0 || !data.p[0] || !strchr(";\r\n \t", data.p[0])) {
		body_show(&s->body, v, BODY_UNFINISHED);
		side_lose(h, s, v);
		return 0;
	}
	s->phase = HTTP1_CHUNK_EXTENSION;
	return 0;
}

/* The rest of a line. */
static size_t line_rest(struct bytes data, bool *ret_end)
{
	const char *end = memchr(data.p, '\n', data.n);

	*ret_end = end;
	return end ? (size_t)(end - data.p) + 1 : data.n;
}

static size_t trailer_step(struct http1_side *s, struct view *v, struct bytes data)
{
	bool end;
	size_t n = line_rest(data, &end);

	s->line_begun |= data.p[0] != '\r' && data.p[0] != '\n';
	if (!end)
		return n;
	if (s->line_begun)
		s->line_begun = false;
	else
		message_finish(s, v);
	return n;
}

static size_t chunk_line_step(struct http1_side *s, struct bytes data)
{
	bool end;
	size_t n = line_rest(data, &end);

	if (end && s->phase == HTTP1_CHUNK_END)
		s->phase = HTTP1_CHUNK_SIZE;
	else if (end)
		size_known(s);
	return n;
}

/* ---- the connection ------------------------------------------------------------------------ */

/* Looks for a message where a call begins, as nearly all do; within a call a body could look like
 * one.
 */
static size_t lost_step(struct http1_side *s, struct view *v, struct bytes data, bool first)
{
	if (first && v->ev->data.call_offset == 0 && http1_head_starts(data)) {
		view_lost_end(v, &s->lost);
		side_enter(s, v, HTTP1_HEAD);
		return 0;
	}
	view_lost_data(v, &s->lost, data);
	return data.n;
}

static size_t side_step(struct http1 *h, struct http1_side *s, struct view *v, struct bytes data,
			bool first)
{
	switch (s->phase) {
	case HTTP1_HEAD:
		return head_step(h, s, v, data);
	case HTTP1_BODY:
	case HTTP1_CHUNK:
		return body_step(s, v, data);
	case HTTP1_BODY_UNTIL_CLOSE:
		body_add(&s->body, v, data);
		return data.n;
	case HTTP1_CHUNK_SIZE:
		return size_step(h, s, v, data);
	case HTTP1_CHUNK_EXTENSION:
	case HTTP1_CHUNK_END:
		return chunk_line_step(s, data);
	case HTTP1_TRAILER:
		return trailer_step(s, v, data);
	case HTTP1_TUNNEL:
		view_dump(v, "tunnel", data);
		return data.n;
	case HTTP1_WEBSOCKET:
		websocket_feed(&s->frames, v, data);
		return data.n;
	case HTTP1_LOST:
		break;
	}
	return lost_step(s, v, data, first);
}

static bool side_skip(struct http1_side *s, struct view *v, uint64_t n)
{
	switch (s->phase) {
	case HTTP1_BODY:
	case HTTP1_CHUNK:
		if (n > s->left)
			return false;
		s->left -= n;
		s->body.missing += n;
		if (!s->left && s->phase == HTTP1_BODY)
			message_finish(s, v);
		else if (!s->left)
			s->phase = HTTP1_CHUNK_END;
		return true;
	case HTTP1_BODY_UNTIL_CLOSE:
		s->body.missing += n;
		return true;
	case HTTP1_WEBSOCKET:
		return websocket_skip(&s->frames, v, n);
	case HTTP1_TUNNEL:
		view_missing(v, n);
		return true;
	case HTTP1_HEAD:
	case HTTP1_CHUNK_SIZE:
	case HTTP1_CHUNK_EXTENSION:
	case HTTP1_CHUNK_END:
	case HTTP1_TRAILER:
	case HTTP1_LOST:
		break;
	}
	return false;
}

static void side_gap(struct http1 *h, struct http1_side *s, struct view *v, uint64_t missing)
{
	if (side_skip(s, v, missing))
		return;
	body_show(&s->body, v, BODY_UNFINISHED);
	websocket_rest(&s->frames, v);
	view_missing(v, missing);
	if (s->phase != HTTP1_LOST)
		side_lose(h, s, v);
}

void http1_join(struct http1 *h, struct view *v)
{
	for (unsigned i = 0; i < 2; i++)
		side_lose(h, &h->sides[i], v);
}

void http1_feed(struct http1 *h, struct view *v, uint64_t missing, struct bytes data)
{
	struct http1_side *s = side_of(h, v);
	bool first = true;

	if (missing)
		side_gap(h, s, v, missing);
	while (data.n) {
		size_t n = side_step(h, s, v, data, first);

		data = (struct bytes){data.p + n, data.n - n};
		first &= n == 0;
	}
	body_show(&s->body, v, BODY_GOES_ON);
}

void http1_rest(struct http1 *h, struct view *v, bool closed)
{
	for (unsigned i = 0; i < 2; i++) {
		struct http1_side *s = &h->sides[i];
		bool complete = closed && s->phase == HTTP1_BODY_UNTIL_CLOSE;

		v->receives = i;
		if (s->head.n)
			view_unfinished(v, "head", (struct bytes){s->head.p, s->head.n});
		body_show(&s->body, v, complete ? BODY_COMPLETE : BODY_UNFINISHED);
		websocket_rest(&s->frames, v);
		view_lost_end(v, &s->lost);
	}
}

void http1_done(struct http1 *h, struct textbuf_pool *pool)
{
	for (unsigned i = 0; i < 2; i++) {
		textbuf_done(pool, &h->sides[i].head);
		body_done(&h->sides[i].body, pool);
		websocket_done(&h->sides[i].frames, pool);
	}
	*h = (struct http1){0};
}
