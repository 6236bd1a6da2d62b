/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/http2.h"

#include "encoders/view/http2_frame.h"
#include "encoders/view/http2_stream.h"

enum {
	FRAME_KEPT = 64 * 1024, /* a frame of headers that comes in parts is kept up to here */
};

struct http2_side {
	struct hpack *hpack; /* made with the first header block */
	bool begun;
	bool lost;       /* the header state is not known */
	bool searching;  /* nor is where a frame begins */
	uint8_t preface; /* bytes of it that are still to come */
	uint8_t head_n;  /* bytes of the present frame's head; HTTP2_FRAME_HEAD = in its payload */
	uint8_t head[HTTP2_FRAME_HEAD];
	uint8_t pad;
	uint32_t left; /* of the payload */
	struct http2_frame frame;
	struct textbuf parts;     /* payload that came in parts */
	struct http2_frame block; /* whose header block is open; type DATA = none */
	struct textbuf list;      /* fields of it */
	struct view_lost unread;
};

struct http2 {
	struct budget *budget;
	struct http2_side sides[2]; /* by whether we receive */
	struct http2_streams streams;
};

static const char *frame_name(uint8_t type)
{
	static const char *const names[] = {
		"DATA",         "HEADERS", "PRIORITY", "RST_STREAM",    "SETTINGS",
		"PUSH_PROMISE", "PING",    "GOAWAY",   "WINDOW_UPDATE", "CONTINUATION"};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : "unknown frame";
}

/* ---- what cannot be read ------------------------------------------------------------------- */

static void close_block(struct http2_side *s, struct view *v)
{
	textbuf_done(v->pool, &s->list);
	s->block = (struct http2_frame){0};
}

static void lose_headers(struct http2_side *s, struct view *v)
{
	hpack_delete(s->hpack);
	s->hpack = NULL;
	close_block(s, v);
	if (s->lost)
		return;
	s->lost = true;
	view_row(v, NULL);
	SHOW(&v->w, "HTTP/2 whose header state is not known: "
		    "from here on frames by type and length");
	view_end(v);
}

static void show_frame(struct http2 *h, struct view *v, const struct http2_frame *f)
{
	view_row(v, NULL);
	show_mem(&v->w, frame_name(f->type), strlen(frame_name(f->type)));
	SHOW(&v->w, ", ");
	view_size(v, f->length);
	http2_stream_name(http2_stream_find(&h->streams, f->stream), v, f->stream);
}

static void side_search(struct http2 *h, struct http2_side *s, struct view *v)
{
	if (!s->searching) {
		http2_stream_leave(&h->streams, v);
		view_lost_begin(v, &s->unread);
	}
	textbuf_done(v->pool, &s->parts);
	s->head_n = 0;
	s->preface = 0;
	s->searching = true;
}

static bool frames_found(const struct view *v, struct bytes data)
{
	return !v->ev->data.call_offset && http2_frame_is_chain(data);
}

/* ---- header blocks ------------------------------------------------------------------------- */

static void stream_ended(struct http2 *h, struct view *v, const struct http2_frame *f)
{
	struct http2_stream *st = http2_stream_find(&h->streams, f->stream);

	if (st && f->flags & NGHTTP2_FLAG_END_STREAM)
		http2_stream_end(st, v);
}

static void show_block(struct http2 *h, struct http2_side *s, struct view *v)
{
	struct bytes list = {s->list.p, s->list.n};

	if (s->block.type == NGHTTP2_PUSH_PROMISE) {
		http2_stream_promise(&h->streams, v, s->block.stream, list);
	} else {
		http2_stream_head(&h->streams, v, s->block.stream, list);
		stream_ended(h, v, &s->block);
	}
	if (s->list.cut) {
		view_note(v);
		SHOW(&v->w, "... more fields");
		view_note_end(v);
	}
	close_block(s, v);
}

/* Padding, priority and promised stream come before the fragment, padding after it too. */
static bool open_block(struct http2_side *s, struct bytes *fragment)
{
	const uint8_t *p = (const uint8_t *)fragment->p;
	bool promise = s->frame.type == NGHTTP2_PUSH_PROMISE;
	size_t n = fragment->n, before = 0, after = 0;

	if (s->block.type || !s->frame.stream)
		return false;
	s->block = s->frame;
	if (s->frame.flags & NGHTTP2_FLAG_PADDED) {
		after = n ? p[0] : 0;
		before = 1;
	}
	if (promise && n >= before + 4) {
		s->block.stream = http2_frame_uint(p + before, 4) & 0x7fffffff;
		s->block.flags &= ~NGHTTP2_FLAG_END_STREAM;
	}
	if (promise)
		before += 4;
	else if (s->frame.flags & NGHTTP2_FLAG_PRIORITY)
		before += 5;
	if (before + after > n || !s->block.stream)
		return false;
	*fragment = (struct bytes){fragment->p + before, n - before - after};
	return true;
}

static void headers_frame(struct http2 *h, struct http2_side *s, struct view *v,
			  struct bytes fragment)
{
	bool last = s->frame.flags & NGHTTP2_FLAG_END_HEADERS, good;

	if (s->lost)
		return;
	if (s->frame.type == NGHTTP2_CONTINUATION)
		good = s->block.type && s->block.stream == s->frame.stream;
	else
		good = open_block(s, &fragment);
	if (good && !s->hpack)
		s->hpack = hpack_new(h->budget);
	if (!good || !s->hpack || hpack_block(s->hpack, fragment, last, v->pool, &s->list))
		lose_headers(s, v);
	else if (last)
		show_block(h, s, v);
}

/* ---- frames -------------------------------------------------------------------------------- */

static void show_error(struct view *v, uint32_t code)
{
	const char *name = nghttp2_http2_strerror(code);

	show_mem(&v->w, name, strlen(name));
}

static void reset_frame(struct http2 *h, struct view *v, const struct http2_frame *f,
			struct bytes payload)
{
	struct http2_stream *st = http2_stream_find(&h->streams, f->stream);
	uint32_t code = payload.n < 4 ? 0 : http2_frame_uint((const uint8_t *)payload.p, 4);

	if (!st && !code)
		return; /* both sides had ended: nothing is reset */
	view_row(v, NULL);
	SHOW(&v->w, "RST_STREAM ");
	show_error(v, code);
	http2_stream_name(st, v, f->stream);
	if (st)
		http2_stream_free(st, v, v->pool);
}

static void goaway_frame(struct view *v, struct bytes payload)
{
	uint32_t code = payload.n < 8 ? 0 : http2_frame_uint((const uint8_t *)payload.p + 4, 4);

	if (!code)
		return;
	view_row(v, NULL);
	SHOW(&v->w, "GOAWAY ");
	show_error(v, code);
	SHOW(&v->w, " ");
	show_bytes(&v->w, (struct bytes){payload.p + 8, payload.n - 8});
	view_end(v);
}

static bool is_headers(uint8_t type)
{
	return type == NGHTTP2_HEADERS || type == NGHTTP2_PUSH_PROMISE ||
	       type == NGHTTP2_CONTINUATION;
}

static bool is_kept(const struct http2_frame *f)
{
	return is_headers(f->type) || f->type == NGHTTP2_RST_STREAM || f->type == NGHTTP2_GOAWAY;
}

static void whole_frame(struct http2 *h, struct http2_side *s, struct view *v, struct bytes payload)
{
	if (is_headers(s->frame.type))
		headers_frame(h, s, v, payload);
	else if (s->frame.type == NGHTTP2_RST_STREAM)
		reset_frame(h, v, &s->frame, payload);
	else
		goaway_frame(v, payload);
}

/* Collects a frame that comes in parts. If memory was short and one of them is not there, its
 * header fields cannot be read. */
static void kept_payload(struct http2 *h, struct http2_side *s, struct view *v, struct bytes piece)
{
	if (piece.n == s->frame.length) {
		whole_frame(h, s, v, piece);
		return;
	}
	if (piece.n > FRAME_KEPT - s->parts.n)
		s->parts.cut = true;
	else
		textbuf_append(v->pool, &s->parts, piece);
	if (piece.n < s->left)
		return;
	if (!s->parts.cut)
		whole_frame(h, s, v, (struct bytes){s->parts.p, s->parts.n});
	else if (is_headers(s->frame.type))
		lose_headers(s, v);
	textbuf_done(v->pool, &s->parts);
}

static void data_payload(struct http2 *h, struct http2_side *s, struct view *v, struct bytes piece)
{
	struct http2_stream *st = http2_stream_find(&h->streams, s->frame.stream);
	size_t after = s->left - piece.n; /* bytes of the frame behind this piece */

	if (s->frame.flags & NGHTTP2_FLAG_PADDED && s->left == s->frame.length && piece.n) {
		s->pad = piece.p[0];
		piece = (struct bytes){piece.p + 1, piece.n - 1};
	}
	if (after < s->pad)
		piece.n -= s->pad - after < piece.n ? s->pad - after : piece.n;
	if (st && st->headed[v->receives])
		body_add(&st->bodies[v->receives], v, piece);
}

static void frame_ends(struct http2 *h, struct http2_side *s, struct view *v)
{
	if (s->frame.type == NGHTTP2_DATA)
		stream_ended(h, v, &s->frame);
	s->head_n = 0;
}

static void frame_begins(struct http2 *h, struct http2_side *s, struct view *v)
{
	const struct http2_stream *st;
	bool readable = !s->lost;

	s->frame = http2_frame_of(s->head);
	s->left = s->frame.length;
	s->pad = 0;
	if (s->block.type && s->frame.type != NGHTTP2_CONTINUATION)
		lose_headers(s, v);
	if (s->frame.type == NGHTTP2_DATA) {
		st = http2_stream_find(&h->streams, s->frame.stream);
		readable = st && st->headed[v->receives];
	}
	if (!readable && (s->frame.type == NGHTTP2_DATA || is_headers(s->frame.type)))
		show_frame(h, v, &s->frame);
	if (s->left)
		return;
	if (is_kept(&s->frame))
		whole_frame(h, s, v, (struct bytes){"", 0});
	frame_ends(h, s, v);
}

static size_t head_step(struct http2 *h, struct http2_side *s, struct view *v, struct bytes data)
{
	size_t room = HTTP2_FRAME_HEAD - s->head_n, n = data.n < room ? data.n : room;

	memcpy(s->head + s->head_n, data.p, n);
	s->head_n += n;
	if (s->head_n == HTTP2_FRAME_HEAD)
		frame_begins(h, s, v);
	return n;
}

static size_t payload_step(struct http2 *h, struct http2_side *s, struct view *v, struct bytes data)
{
	struct bytes piece = {data.p, data.n < s->left ? data.n : s->left};

	if (s->frame.type == NGHTTP2_DATA)
		data_payload(h, s, v, piece);
	else if (is_kept(&s->frame))
		kept_payload(h, s, v, piece);
	s->left -= piece.n;
	if (!s->left)
		frame_ends(h, s, v);
	return piece.n;
}

static size_t side_step(struct http2 *h, struct http2_side *s, struct view *v, struct bytes data)
{
	size_t n = data.n < s->preface ? data.n : s->preface;

	if (n) {
		s->preface -= n;
		return n;
	}
	if (s->searching) {
		view_lost_data(v, &s->unread, data);
		return data.n;
	}
	return s->head_n == HTTP2_FRAME_HEAD ? payload_step(h, s, v, data)
					     : head_step(h, s, v, data);
}

/* ---- the connection ------------------------------------------------------------------------ */

static void side_gap(struct http2 *h, struct http2_side *s, struct view *v, uint64_t missing)
{
	struct http2_stream *st;

	if (s->head_n == HTTP2_FRAME_HEAD && s->frame.type == NGHTTP2_DATA && missing <= s->left) {
		st = http2_stream_find(&h->streams, s->frame.stream);
		if (st && st->headed[v->receives])
			st->bodies[v->receives].missing += missing;
		s->left -= missing;
		if (!s->left)
			frame_ends(h, s, v);
		return;
	}
	view_missing(v, missing);
	if (v->ev->data.fin) /* nothing comes after it that could not be read */
		return;
	side_search(h, s, v);
	lose_headers(s, v);
}

struct http2 *http2_new(struct budget *budget, bool joined)
{
	struct http2 *h = budget_alloc(budget, sizeof(*h));

	if (!h)
		return NULL;
	h->budget = budget;
	for (unsigned i = 0; i < 2; i++)
		h->sides[i].searching = joined;
	return h;
}

void http2_delete(struct http2 *h, struct textbuf_pool *pool)
{
	if (!h)
		return;
	for (unsigned i = 0; i < 2; i++) {
		hpack_delete(h->sides[i].hpack);
		textbuf_done(pool, &h->sides[i].parts);
		textbuf_done(pool, &h->sides[i].list);
	}
	for (unsigned i = 0; i < HTTP2_STREAMS; i++)
		http2_stream_free(&h->streams.v[i], NULL, pool);
	budget_free(h->budget, h);
}

static void side_begin(struct http2_side *s, struct view *v, struct bytes data)
{
	s->begun = true;
	if (s->searching) {
		view_lost_begin(v, &s->unread);
		lose_headers(s, v);
	} else if (data.p[0] == 'P') { /* no frame is so long that its length begins with that */
		s->preface = HTTP2_PREFACE;
	}
}

void http2_feed(struct http2 *h, struct view *v, uint64_t missing, struct bytes data)
{
	struct http2_side *s = &h->sides[v->receives];

	if (missing)
		side_gap(h, s, v, missing);
	if (data.n && !s->begun)
		side_begin(s, v, data);
	if (s->searching && frames_found(v, data)) {
		view_lost_end(v, &s->unread);
		s->searching = false;
	}
	while (data.n) {
		size_t n = side_step(h, s, v, data);

		data = (struct bytes){data.p + n, data.n - n};
	}
	http2_stream_live(&h->streams, v);
}

/* What is there of a header block cannot be read before its end. */
static void rest_of_frame(struct http2 *h, struct http2_side *s, struct view *v)
{
	if (s->head_n < HTTP2_FRAME_HEAD || s->lost || !is_headers(s->frame.type))
		return;
	show_frame(h, v, &s->frame);
	view_note(v);
	SHOW(&v->w, "unfinished");
	view_note_end(v);
}

void http2_rest(struct http2 *h, struct view *v)
{
	for (unsigned i = 0; i < 2; i++) {
		v->receives = i;
		http2_stream_rest(&h->streams, v);
		rest_of_frame(h, &h->sides[i], v);
		view_lost_end(v, &h->sides[i].unread);
	}
}
