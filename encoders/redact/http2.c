/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/http2.h"

enum {
	PRIORITY_SIZE = 5,
	PROMISE_SIZE = 4,
};

static uint64_t min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void side_search(struct redact_http2 *h)
{
	redact_hpack_forget(&h->hpack);
	h->searching = true;
	h->block_open = h->block_unknown = false;
	h->head_n = h->preface = h->before = 0;
	h->left = h->fragment = 0;
}

/* What of the block was read may have been wrong: nothing is known of what it leaves behind. */
static void block_lose(struct redact_http2 *h)
{
	redact_hpack_forget(&h->hpack);
	h->block_unknown = true;
}

/* ---- frames -------------------------------------------------------------------------------- */

static void headers_begin(struct redact_http2 *h, const struct http2_frame *f)
{
	unsigned fixed = 0;

	if (f->type == NGHTTP2_CONTINUATION) {
		if (!h->block_open)
			block_lose(h);
	} else {
		if (h->block_open) /* it must not be left open */
			redact_hpack_forget(&h->hpack);
		h->block_unknown = false;
		h->padded = f->flags & NGHTTP2_FLAG_PADDED;
		fixed += h->padded;
		if (f->type == NGHTTP2_PUSH_PROMISE)
			fixed += PROMISE_SIZE;
		else if (f->flags & NGHTTP2_FLAG_PRIORITY)
			fixed += PRIORITY_SIZE;
	}
	h->block_open = true;
	h->before = (uint8_t)fixed;
	h->fragment = f->length > fixed ? f->length - fixed : 0;
}

static void frame_end(struct redact_http2 *h)
{
	h->head_n = 0;
	if (!h->block_open || !(h->flags & NGHTTP2_FLAG_END_HEADERS))
		return;
	if (!redact_hpack_end(&h->hpack))
		redact_hpack_forget(&h->hpack);
	h->block_open = h->block_unknown = false;
}

static void frame_begin(struct redact_http2 *h)
{
	struct http2_frame f = http2_frame_of(h->head);

	h->left = f.length;
	h->before = 0;
	h->fragment = 0;
	h->padded = false;
	h->flags = 0;
	if (f.type == NGHTTP2_HEADERS || f.type == NGHTTP2_PUSH_PROMISE ||
	    f.type == NGHTTP2_CONTINUATION) {
		h->flags = f.flags;
		headers_begin(h, &f);
	}
	if (!h->left)
		frame_end(h);
}

static size_t head_feed(struct redact_http2 *h, const struct redact_copy *c, size_t from, size_t to)
{
	size_t n = min_of(HTTP2_FRAME_HEAD - h->head_n, to - from);

	memcpy(h->head + h->head_n, c->in.p + from, n);
	h->head_n += n;
	if (h->head_n == HTTP2_FRAME_HEAD)
		frame_begin(h);
	return from + n;
}

/* One byte of the length of the padding, priority or promised stream. */
static void before_byte(struct redact_http2 *h, uint8_t byte)
{
	h->before--;
	if (h->padded)
		h->fragment = h->fragment > byte ? h->fragment - byte : 0;
	h->padded = false;
}

static void fragment_feed(struct redact_http2 *h, struct redact_copy *c, size_t from, size_t to)
{
	if (!h->block_unknown && !redact_hpack_feed(&h->hpack, c, from, to))
		block_lose(h);
	if (h->block_unknown)
		redact_copy_mask(c, from, to, '*');
}

static size_t payload_feed(struct redact_http2 *h, struct redact_copy *c, size_t from, size_t to)
{
	size_t n = 1;

	if (h->before) {
		before_byte(h, (uint8_t)c->in.p[from]);
	} else if (h->fragment) {
		n = min_of(h->fragment, to - from);
		fragment_feed(h, c, from, from + n);
		h->fragment -= (uint32_t)n;
	} else {
		n = min_of(h->left, to - from);
	}
	h->left -= (uint32_t)n;
	if (!h->left)
		frame_end(h);
	return from + n;
}

/* ---- the direction ------------------------------------------------------------------------- */

void redact_http2_feed(struct redact_http2 *h, struct redact_copy *c, size_t from, size_t to,
		       bool call_begins)
{
	struct bytes text = {c->in.p + from, to - from};

	if (from < to && !h->begun) {
		h->begun = true;
		if (text.p[0] == 'P') /* no frame is so long that its length begins with that */
			h->preface = HTTP2_PREFACE;
	}
	if (h->searching && call_begins && http2_frame_is_chain(text))
		h->searching = false;
	if (h->searching)
		redact_copy_mask(c, from, to, '*');
	while (from < to && !h->searching) {
		if (h->preface) {
			h->preface--;
			from++;
		} else if (h->head_n < HTTP2_FRAME_HEAD) {
			from = head_feed(h, c, from, to);
		} else {
			from = payload_feed(h, c, from, to);
		}
	}
}

void redact_http2_gap(struct redact_http2 *h, uint64_t missing)
{
	uint64_t skipped;

	if (h->searching)
		return;
	if (h->head_n < HTTP2_FRAME_HEAD || missing > h->left || h->preface) {
		side_search(h);
		return;
	}
	if (h->before || h->fragment) {
		block_lose(h);
		h->fragment += h->before;
		h->before = 0;
		skipped = min_of(missing, h->fragment);
		h->fragment -= (uint32_t)skipped;
	}
	h->left -= (uint32_t)missing;
	if (!h->left)
		frame_end(h);
}

void redact_http2_late(struct redact_http2 *h)
{
	h->begun = true;
	side_search(h);
}
