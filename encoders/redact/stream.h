/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One direction of a connection: finds out what it talks, and masks what is secret in it. The state
 * lives as long as the connection; zeroed, nothing of it has been seen.
 */
#include "capture/event.h"
#include "encoders/redact/http1.h"
#include "encoders/redact/http2.h"
#include "encoders/redact/mysql.h"
#include "encoders/redact/postgres.h"

enum redact_stream_kind {
	REDACT_STREAM_LINES,  /* HTTP/1, and all that is not known to be something else */
	REDACT_STREAM_FRAMES, /* HTTP/2 */
	REDACT_STREAM_MYSQL,  /* what a client says */
	REDACT_STREAM_POSTGRES,
};

struct redact_stream {
	uint8_t kind; /* enum redact_stream_kind */
	bool begun;
	bool unsure; /* its beginning was not seen, nor a message's since */
	union {
		struct redact_http1 http1;
		struct redact_http2 http2;
		struct redact_mysql mysql;
		struct redact_postgres postgres;
	};
};

/* ev is a DATA event, c its payload. */
void redact_stream_feed(struct redact_stream *s, const struct event *ev, struct redact_copy *c);
