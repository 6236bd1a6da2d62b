/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A connection that talks HTTP/1: a head is shown once it is complete, its body once that is (or as
 * it comes, where it may never end), then what follows an upgrade. What is lost within a body is
 * counted there; what is lost elsewhere ends the reading until a message begins with a call.
 */
#include "encoders/view/body.h"
#include "encoders/view/websocket.h"

enum {
	HTTP1_HEAD_MAX = 64 * 1024,
	HTTP1_LABEL = 64,
	HTTP1_WAITING = 32, /* requests whose response is still to come */
};

enum http1_phase {
	HTTP1_HEAD,
	HTTP1_BODY, /* `left` bytes of it */
	HTTP1_BODY_UNTIL_CLOSE,
	HTTP1_CHUNK_SIZE,
	HTTP1_CHUNK_EXTENSION,
	HTTP1_CHUNK,
	HTTP1_CHUNK_END,
	HTTP1_TRAILER,
	HTTP1_TUNNEL,
	HTTP1_WEBSOCKET,
	HTTP1_LOST,
};

struct http1_side {
	enum http1_phase phase;
	bool line_begun; /* TRAILER: this line is not an empty one */
	uint64_t left;
	struct view_lost lost;
	struct textbuf head; /* its beginning, when it came in parts */
	struct body body;
	struct websocket frames;
	char label[HTTP1_LABEL];
};

struct http1 {                      /* zeroed = a connection at its beginning */
	struct http1_side sides[2]; /* by whether we receive */
	/* What is known of requests that wait for their response: whether it has a body depends. */
	uint8_t waiting[HTTP1_WAITING];
	uint8_t first, n;
};

/* The connection was open before: reading begins with the next message. */
void http1_join(struct http1 *h, struct view *v);
/* data in the direction of v's event, behind n missing bytes. */
void http1_feed(struct http1 *h, struct view *v, uint64_t missing, struct bytes data);
/* Shows what waits for more; closed = there will be no more. */
void http1_rest(struct http1 *h, struct view *v, bool closed);
void http1_done(struct http1 *h, struct textbuf_pool *pool);
