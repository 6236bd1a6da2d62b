/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One direction of a WebSocket connection (RFC 6455): each message is shown when it is complete,
 * with its frames joined, and unpacked when it is compressed (RFC 7692). */
#include "encoders/view/body.h"
#include "encoders/view/unpack.h"

enum {
	WEBSOCKET_HEAD = 14,
	WEBSOCKET_CONTROL = 125,
};

struct websocket { /* zeroed = at the beginning of a frame */
	uint8_t head[WEBSOCKET_HEAD];
	uint8_t n, need; /* bytes of the head that are here, and that there will be */
	uint64_t left;   /* of the payload; meaningful once the head is complete */
	uint32_t at;     /* in the mask */
	bool open;       /* frames of the present message are still to come, or their rest */
	bool packed;     /* it is compressed */
	struct body message;
	struct unpack unpack;
	uint8_t control_n; /* payload of a control frame: they come between those of a message */
	char control[WEBSOCKET_CONTROL];
};

void websocket_feed(struct websocket *s, struct view *v, struct bytes data);
/* n bytes are missing; false when they hide where the next frame begins. */
bool websocket_skip(struct websocket *s, struct view *v, uint64_t n);
/* Shows what there is of a message that is not complete. */
void websocket_rest(struct websocket *s, struct view *v);
/* Gives the memory back: zeroed. */
void websocket_done(struct websocket *s, struct textbuf_pool *pool);
