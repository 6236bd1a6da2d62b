/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Heads of HTTP/2 frames. */
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum {
	HTTP2_PREFACE = 24, /* PRI * HTTP/2.0 … */
	HTTP2_FRAME_HEAD = 9,
	HTTP2_FRAME_LIKELY = 256 * 1024, /* larger ones are legal, and nobody sends them */
	HTTP2_PRIORITY_UPDATE = 16,
};

struct http2_frame {
	uint32_t length, stream;
	uint8_t type, flags;
};

static inline uint32_t http2_frame_uint(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static inline struct http2_frame http2_frame_of(const uint8_t *p)
{
	return (struct http2_frame){.length = http2_frame_uint(p, 3),
				    .type = p[3],
				    .flags = p[4],
				    .stream = http2_frame_uint(p + 5, 4) & 0x7fffffff};
}

static inline bool http2_frame_is_likely(const struct http2_frame *f)
{
	switch (f->type) {
	case NGHTTP2_DATA:
	case NGHTTP2_HEADERS:
	case NGHTTP2_CONTINUATION:
	case NGHTTP2_PUSH_PROMISE:
		return f->stream && f->length <= HTTP2_FRAME_LIKELY;
	case NGHTTP2_PRIORITY:
		return f->stream && f->length == 5;
	case NGHTTP2_RST_STREAM:
		return f->stream && f->length == 4;
	case NGHTTP2_SETTINGS:
		return !f->stream && f->length % 6 == 0 && f->length <= HTTP2_FRAME_LIKELY;
	case NGHTTP2_PING:
		return !f->stream && f->length == 8;
	case NGHTTP2_GOAWAY:
		return !f->stream && f->length >= 8 && f->length <= HTTP2_FRAME_LIKELY;
	case NGHTTP2_WINDOW_UPDATE:
		return f->length == 4;
	case HTTP2_PRIORITY_UPDATE:
		return !f->stream && f->length >= 4 && f->length <= HTTP2_FRAME_LIKELY;
	}
	return false;
}

/* Does this look like a chain of frames? They begin with a call more often than not. */
static inline bool http2_frame_is_chain(struct bytes data)
{
	if (data.n < HTTP2_FRAME_HEAD)
		return false;
	for (size_t at = 0; at + HTTP2_FRAME_HEAD <= data.n;) {
		struct http2_frame f = http2_frame_of((const uint8_t *)data.p + at);

		if (!http2_frame_is_likely(&f))
			return false;
		at += HTTP2_FRAME_HEAD + f.length;
	}
	return true;
}
