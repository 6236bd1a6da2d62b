/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * DATA for people: what connections say, message by message where the protocol is known (HTTP/1,
 * HTTP/2), as lines or as hex where it is not. Only this view interprets: every other format keeps
 * the bytes as they are.
 *
 * What it remembers is bounded, whatever peers send: TEXT_DATA_CONNECTIONS connections (the least
 * recently used one goes first, and what waits there is shown) of 1.5 KiB, TEXT_DATA_SMALL +
 * TEXT_DATA_LARGE texts that wait for their end, TEXT_DATA_BUDGET bytes for what HTTP/2 and
 * WebSocket refer back to, one decoder of a body at a time. One event is shown with at most
 * TEXT_DATA_RECORD bytes. That is 1.5 + 16 + 4 + 64 + 20 + 4 = 110 MiB in the worst of cases; what
 * is not used is not there. One connection holds at most two heads of 64 KiB and two bodies
 * (HTTP/1), two messages and two windows of 32 KiB (WebSocket), or 64 streams with two bodies each
 * and two header tables of 64 KiB (HTTP/2).
 */
#include "capture/base/chunk.h"
#include "capture/base/err.h"
#include "capture/event.h"

enum {
	TEXT_DATA_CONNECTIONS = 1024,
	TEXT_DATA_SMALL = 1024, /* of 16 KiB */
	TEXT_DATA_LARGE = 16,
	TEXT_DATA_LARGE_SIZE = 4 * 1024 * 1024, /* of which 132 KiB or `limit` are used */
	TEXT_DATA_BUDGET = 64 * 1024 * 1024,
	TEXT_DATA_RECORD = 4 * 1024 * 1024,
	TEXT_DATA_LIMIT_MAX = 256 * 1024,
	TEXT_DATA_HEAD = 128, /* most that rows begin with */
};

struct text_data; /* opaque */

/* limit: bytes of content that are shown of one message. NULL, with text, when there is no memory.
 */
struct text_data *text_data_new(uint64_t limit, bool colour, struct err *err);
void text_data_free(struct text_data *t); /* may be NULL */
/* Appends what is to be seen of ev, which may be nothing, or leaves c as it was and returns
 * -ENOBUFS: the next call with the same ev appends what this one has made. head: how its rows
 * begin, borrowed. */
int text_data_encode(struct text_data *t, const struct event *ev, struct bytes head,
		     struct chunk *c);
/* Shows what waits for more on all connections, for a file that ends here; if more comes, it is
 * shown, too. -ENOBUFS: c is full, and the next call goes on in another chunk. */
int text_data_rest(struct text_data *t, struct chunk *c);
