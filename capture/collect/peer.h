/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a sender says, as frames: Frame Streams with its handshake, or plain messages with their
 * length in front, which the first four bytes tell apart. Pure: bytes in, items out. Bytes are
 * foreign.
 */
#include <stdbool.h>

#include "capture/base/err.h"
#include "capture/net/fstrm.h"

enum peer_state {
	PEER_NEW,   /* nothing is known of it */
	PEER_HELLO, /* Frame Streams: READY has come, START is to follow */
	PEER_DATA,
	PEER_OVER, /* STOP has come */
};

struct peer {
	enum peer_state state;
	bool framed;  /* Frame Streams */
	bool one_way; /* it does not listen: START came without READY */
	bool batches; /* acknowledged batches; else each frame is an event */
};

enum peer_what {
	PEER_NOTHING, /* a frame that means nothing to us */
	PEER_REPLY,   /* bytes are to be sent */
	PEER_FRAME,   /* a frame of data: an event, or a batch */
	PEER_STOP,    /* nothing will follow; peer_finish() when all is safe */
};

struct peer_item {
	enum peer_what what;
	struct bytes data; /* of the frame; lies in what was read */
	uint8_t reply[FSTRM_CONTROL_MAX];
	size_t reply_n;
};

/* Takes the first frame of `in`. 0: *ret_n bytes of it are done with; -EAGAIN: it needs at least
 * *ret_n bytes. -EBADMSG, -EMSGSIZE, -EPROTO with text: nothing sensible can follow. */
int peer_next(struct peer *p, struct bytes in, struct peer_item *ret, size_t *ret_n,
	      struct err *err);
/* What answers STOP; how many bytes, 0 = there is no answer. */
size_t peer_finish(const struct peer *p, uint8_t ret[FSTRM_CONTROL_MAX]);
/* Is it still to say what it wants? */
bool peer_shakes_hands(const struct peer *p);
