/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One direction of a WebSocket connection (RFC 6455): each frame is shown when it is complete. */
#include "encoders/body.h"

enum {
	WEBSOCKET_HEAD = 14
};

struct websocket { /* zeroed = at the beginning of a frame */
	uint8_t head[WEBSOCKET_HEAD];
	uint8_t n, need; /* bytes of the head that are here, and that there will be */
	uint64_t left;   /* of the payload; meaningful once the head is complete */
	uint32_t at;     /* in the mask */
	struct body body;
};

void websocket_feed(struct websocket *s, struct view *v, struct bytes data);
/* n bytes are missing; false when they hide where the next frame begins. */
bool websocket_skip(struct websocket *s, struct view *v, uint64_t n);
/* The connection was closed. */
void websocket_end(struct websocket *s, struct view *v);
