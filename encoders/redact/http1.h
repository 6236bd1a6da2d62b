/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One direction of HTTP/1, or of whatever else is not known to be something special, as lines: what
 * follows "Authorization:", "Proxy-Authorization:", "Cookie:" and "Set-Cookie:" at the beginning of
 * a line is masked, its continuation lines too, and the password of a URL in a request line and in
 * Referer, Location and Content-Location.
 *
 * Where a message ends is not followed: what looks like such a line in a body is masked as well.
 * So no length that is wrong, no coding and no pipelining can make it miss a header. The state is
 * what one byte after another made of it: it does not matter into which events a line was cut.
 */
#include <stdbool.h>
#include <stdint.h>

#include "encoders/redact/copy.h"

enum redact_http1_state {
	REDACT_LINE_START, /* as it is before the first byte */
	REDACT_LINE_CR,
	REDACT_LINE_NAME,
	REDACT_LINE_BLANK, /* between the name and its colon */
	REDACT_LINE_REST,
	REDACT_LINE_PREFACE, /* "PRI " was read */
	REDACT_LINE_UPGRADE, /* the value of that header */
	REDACT_LINE_STATUS,
	REDACT_VALUE_LEAD,
	REDACT_VALUE,
	REDACT_VALUE_FOLD, /* a line has ended that the next one may continue */
	REDACT_URL_SCHEME,
	REDACT_URL_USER,
	REDACT_URL_PASSWORD,
};

struct redact_http1 {
	uint8_t state;            /* enum redact_http1_state */
	uint8_t n;                /* of name, or of what else is compared */
	bool in_head;             /* a message has begun, and no empty line has come */
	bool upgraded, switching; /* "Upgrade: h2c" and status 101, in this head */
	bool http2;               /* what follows is HTTP/2 */
	char name[20];
};

/* Is it one of the four headers? Upper or lower case. */
bool redact_http1_is_secret(struct bytes name);
/* text[from, to) comes next. Returns `to`; or where HTTP/2 begins, when that is what comes next
 * (http2 is set then). */
size_t redact_http1_feed(struct redact_http1 *h, struct redact_copy *c, size_t from, size_t to);
/* What comes next begins with a call of the program: it may begin a message although the body of
 * the last one did not end with a line. */
void redact_http1_call(struct redact_http1 *h);
/* Something is missing before what comes next. */
void redact_http1_gap(struct redact_http1 *h, bool call_begins);
