/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Heads of HTTP/1 messages (RFC 9112), read as leniently as programs write them. Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/bytes.h"

/* Does a message begin here? A word and a blank are enough for a request; the rest of the line is
 * looked at as far as it is there. */
bool http1_head_starts(struct bytes data);
/* Length of the head at the beginning of data with its empty line; 0 = its end is not there. Looks
 * from byte `from` on: what was looked at before needs no second look. */
size_t http1_head_length(struct bytes data, size_t from);

enum http1_framing {
	HTTP1_NO_BODY,
	HTTP1_LENGTH,
	HTTP1_CHUNKED,
	HTTP1_UNTIL_CLOSE
};

struct http1_head {
	struct bytes line;          /* the first one, without its end */
	struct bytes fields;        /* for http1_head_field() */
	struct bytes method;        /* none in a response */
	unsigned status;            /* 0 in a request */
	enum http1_framing framing; /* by the fields alone: the request may forbid a body */
	uint64_t length;
	bool websocket;
};

/* false when this is no head; ret is untouched then. */
bool http1_head_parse(struct bytes head, struct http1_head *ret);
/* Takes the next field off fields, blanks around its value removed; false at the end. A line
 * without a colon is a name with no value. */
bool http1_head_field(struct bytes *fields, struct bytes *ret_name, struct bytes *ret_value);
