/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A connection that talks HTTP/2 (RFC 9113): header blocks become request and response lines with
 * their fields, DATA becomes bodies, SETTINGS, PING, PRIORITY and WINDOW_UPDATE are not shown.
 * Where the header state of a direction is not known (the connection was open before, bytes are
 * missing, no memory), its frames are shown by type and length, and so they are said to be.
 */
#include "encoders/view/body.h"
#include "encoders/view/hpack.h"

struct http2; /* opaque; its memory and that of its header tables comes from the budget */

/* NULL when the budget is used up. joined = the connection was open before. */
struct http2 *http2_new(struct budget *budget, bool joined);
void http2_delete(struct http2 *h, struct textbuf_pool *pool); /* may be NULL */
/* data in the direction of v, behind n missing bytes. */
void http2_feed(struct http2 *h, struct view *v, uint64_t missing, struct bytes data);
/* Shows what waits for more. */
void http2_rest(struct http2 *h, struct view *v);
