/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * permessage-deflate (RFC 7692) in one direction of a WebSocket connection: compressed messages are
 * unpacked as they come in. Each may refer to the ones before, so the last 32 KiB (or as much as
 * was agreed on) are kept between them; with one message the ones after it are lost, unless it was
 * agreed that each stands alone. A message that unpacks to more than UNPACK_MAX is given up: a bomb
 * costs that much time, and no memory.
 */
#include <stdint.h>

#include "capture/base/bytes.h"
#include "encoders/view/budget.h"

enum {
	UNPACK_MAX = 16 * 1024 * 1024,
};

struct unpacker; /* opaque */

struct unpack {                 /* zeroed = no compression was agreed on */
	uint8_t bits;           /* log2 of the window; 0 = none agreed on */
	bool forgets;           /* each message stands alone */
	bool lost;              /* what the next messages refer to */
	uint32_t left;          /* bytes the present message may still unpack to */
	const char *trouble;    /* why it cannot be unpacked any further; NULL = it can */
	struct unpacker *state; /* NULL until it is needed */
};

/* What the answer to the handshake agreed on for messages of the client, or of the server: the
 * value of its Sec-WebSocket-Extensions. */
void unpack_agree(struct unpack *u, bool client, struct bytes extensions);
/* A compressed message begins. */
void unpack_begin(struct unpack *u, struct budget *budget);
/* Unpacks as much of in as fits and takes it off; returns how much that made. What made `room`
 * bytes may make more. */
size_t unpack_data(struct unpack *u, struct bytes *in, char *out, size_t room);
/* It is complete: there is trouble if it was not. */
void unpack_end(struct unpack *u);
/* It has a gap. */
void unpack_gap(struct unpack *u);
/* Gives the memory back; as if nothing was agreed on. */
void unpack_done(struct unpack *u);
