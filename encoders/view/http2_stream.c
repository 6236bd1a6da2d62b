/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/http2_stream.h"

#include "capture/base/utf8.h"
#include "encoders/view/hpack.h"

/* What a header block says of its message before the fields. */
struct pseudo {
	struct bytes method, path, authority, status;
};

static struct pseudo pseudo_of(struct bytes list)
{
	struct pseudo p = {0};
	struct bytes name, value;

	while (hpack_field(&list, &name, &value)) {
		if (bytes_eq(name, BYTES(":method")))
			p.method = value;
		else if (bytes_eq(name, BYTES(":path")))
			p.path = value;
		else if (bytes_eq(name, BYTES(":authority")))
			p.authority = value;
		else if (bytes_eq(name, BYTES(":status")))
			p.status = value;
	}
	if (!p.path.n) /* of CONNECT */
		p.path = p.authority;
	return p;
}

struct http2_stream *http2_stream_find(struct http2_streams *s, uint32_t id)
{
	for (unsigned i = 0; i < HTTP2_STREAMS; i++) {
		if (s->v[i].id != id)
			continue;
		s->v[i].used = ++s->clock;
		return &s->v[i];
	}
	return NULL;
}

static struct http2_stream *stream_take(struct http2_streams *s, struct view *v, uint32_t id)
{
	struct http2_stream *st = http2_stream_find(s, id), *oldest = &s->v[0];

	if (st)
		return st;
	for (unsigned i = 0; i < HTTP2_STREAMS && oldest->id; i++)
		if (!s->v[i].id || s->v[i].used < oldest->used)
			oldest = &s->v[i];
	if (oldest->id)
		http2_stream_free(oldest, v, v->pool);
	oldest->id = id;
	oldest->used = ++s->clock;
	return oldest;
}

void http2_stream_name(const struct http2_stream *st, struct view *v, uint32_t id)
{
	view_paint(v, SHOW_DIM);
	SHOW(&v->w, "  (stream ");
	show_number(&v->w, id);
	if (st && st->label[0]) {
		SHOW(&v->w, ": ");
		show_bytes(&v->w, bytes_of(st->label));
	}
	SHOW(&v->w, ")");
	view_paint(v, SHOW_PLAIN);
	view_end(v);
}

static void set_label(struct http2_stream *st, const struct pseudo *p)
{
	struct bytes method = utf8_cut(p->method, HTTP2_LABEL / 4);
	struct bytes path = utf8_cut(p->path, HTTP2_LABEL - 2 - method.n);
	uint8_t *to = (uint8_t *)st->label;

	to = put_bytes(to, method);
	*to++ = ' ';
	*put_bytes(to, path) = 0;
}

static void show_fields(struct body *b, struct view *v, struct bytes list)
{
	struct bytes name, value;

	while (hpack_field(&list, &name, &value)) {
		if (bytes_eq(name, BYTES(":method")) || bytes_eq(name, BYTES(":path")) ||
		    bytes_eq(name, BYTES(":status")))
			continue;
		if (b)
			body_header(b, name, value);
		view_field(v, name, value);
	}
}

static void request_line(struct view *v, const struct pseudo *p)
{
	view_paint(v, SHOW_BOLD);
	show_bytes(&v->w, p->method);
	SHOW(&v->w, " ");
	show_bytes(&v->w, p->path);
	SHOW(&v->w, " HTTP/2");
	view_paint(v, SHOW_PLAIN);
}

static void response_line(struct view *v, const struct pseudo *p)
{
	view_paint(v, SHOW_BOLD);
	SHOW(&v->w, "HTTP/2 ");
	show_bytes(&v->w, p->status);
	view_paint(v, SHOW_PLAIN);
}

static void finish_body(struct http2_stream *st, struct view *v, enum body_end end)
{
	body_show(&st->bodies[v->receives], v, end);
	body_done(&st->bodies[v->receives], v->pool);
	st->headed[v->receives] = false;
}

/* Trailers come after the body: it is shown before them. */
static void stream_trailers(struct http2_stream *st, struct view *v, uint32_t id, struct bytes list)
{
	if (st)
		finish_body(st, v, BODY_COMPLETE);
	view_row(v, NULL);
	SHOW(&v->w, "trailers");
	http2_stream_name(st, v, id);
	show_fields(NULL, v, list);
}

void http2_stream_head(struct http2_streams *s, struct view *v, uint32_t id, struct bytes list)
{
	struct pseudo p = pseudo_of(list);
	bool interim = p.status.n == 3 && p.status.p[0] == '1';
	struct http2_stream *st;
	struct body *b;

	if (!p.method.n && !p.status.n) {
		stream_trailers(http2_stream_find(s, id), v, id, list);
		return;
	}
	st = stream_take(s, v, id);
	b = &st->bodies[v->receives];
	body_done(b, v->pool);
	view_row(v, b);
	if (p.method.n) {
		st->label[0] = 0; /* the line says it already */
		request_line(v, &p);
	} else {
		response_line(v, &p);
	}
	http2_stream_name(st, v, id);
	if (p.method.n)
		set_label(st, &p);
	show_fields(interim ? NULL : b, v, list);
	b->what = st->label[0] ? "body of " : "body of a response";
	b->label = st->label;
	st->headed[v->receives] |= !interim;
}

void http2_stream_promise(struct http2_streams *s, struct view *v, uint32_t id, struct bytes list)
{
	struct pseudo p = pseudo_of(list);
	struct http2_stream *st = stream_take(s, v, id);

	view_row(v, NULL);
	SHOW(&v->w, "promised: ");
	request_line(v, &p);
	st->label[0] = 0;
	http2_stream_name(st, v, id);
	set_label(st, &p);
	st->ended[!v->receives] = true;
	show_fields(NULL, v, list);
}

void http2_stream_end(struct http2_stream *st, struct view *v)
{
	finish_body(st, v, BODY_COMPLETE);
	st->ended[v->receives] = true;
	if (st->ended[!v->receives])
		http2_stream_free(st, v, v->pool);
}

void http2_stream_leave(struct http2_streams *s, struct view *v)
{
	for (unsigned i = 0; i < HTTP2_STREAMS; i++)
		finish_body(&s->v[i], v, BODY_UNFINISHED);
}

void http2_stream_live(struct http2_streams *s, struct view *v)
{
	for (unsigned i = 0; i < HTTP2_STREAMS; i++)
		body_show(&s->v[i].bodies[v->receives], v, BODY_GOES_ON);
}

void http2_stream_rest(struct http2_streams *s, struct view *v)
{
	for (unsigned i = 0; i < HTTP2_STREAMS; i++)
		body_show(&s->v[i].bodies[v->receives], v, BODY_UNFINISHED);
}

void http2_stream_free(struct http2_stream *st, struct view *v, struct textbuf_pool *pool)
{
	for (unsigned i = 0; i < 2; i++) {
		if (v) {
			bool receives = v->receives;

			v->receives = i;
			body_show(&st->bodies[i], v, BODY_UNFINISHED);
			v->receives = receives;
		}
		body_done(&st->bodies[i], pool);
	}
	*st = (struct http2_stream){0};
}
