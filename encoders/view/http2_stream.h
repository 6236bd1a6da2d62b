/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The streams of one HTTP/2 connection, and how their messages are shown. */
#include "encoders/view/body.h"

enum {
	HTTP2_STREAMS = 64, /* at once; the least recently used one is no longer followed */
	HTTP2_LABEL = 64,
};

struct http2_stream {
	uint32_t id; /* 0 = free */
	uint32_t used;
	bool headed[2]; /* the final head of that side was seen: DATA is its body */
	bool ended[2];
	struct body bodies[2];
	char label[HTTP2_LABEL]; /* "GET /" */
};

struct http2_streams {
	uint32_t clock;
	struct http2_stream v[HTTP2_STREAMS];
};

/* NULL if there is none. */
struct http2_stream *http2_stream_find(struct http2_streams *s, uint32_t id);
/* A whole header block in v's direction: a request, a response or trailers. */
void http2_stream_head(struct http2_streams *s, struct view *v, uint32_t id, struct bytes list);
/* What a server promises to send without being asked. */
void http2_stream_promise(struct http2_streams *s, struct view *v, uint32_t id, struct bytes list);
/* Shows what there is to show of bodies that come in v's direction and do not end. */
void http2_stream_live(struct http2_streams *s, struct view *v);
/* Shows what there is of all bodies in v's direction. */
void http2_stream_rest(struct http2_streams *s, struct view *v);
/* Bodies in v's direction can no longer be told apart. */
void http2_stream_leave(struct http2_streams *s, struct view *v);
/* Nothing more comes in v's direction. */
void http2_stream_end(struct http2_stream *st, struct view *v);
/* Nothing more comes at all: what is there of the bodies is shown (v NULL: is not). */
void http2_stream_free(struct http2_stream *st, struct view *v, struct textbuf_pool *pool);
/* "(stream 1: GET /)", and the end of the line. */
void http2_stream_name(const struct http2_stream *st, struct view *v, uint32_t id);
