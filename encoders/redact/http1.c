/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/http1.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "encoders/redact/url.h"

enum name_kind {
	NAME_OTHER,
	NAME_SECRET,
	NAME_URL,
	NAME_UPGRADE
};

static const char preface_rest[] = "* HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* behind "PRI " */
static const char status_rest[] = "1.1 101 ";                      /* behind "HTTP/" */
static const char upgrade_value[] = "h2c";

static enum name_kind name_kind(struct bytes name)
{
	static const struct {
		struct bytes name;
		enum name_kind kind;
	} names[] = {
		{BYTES("authorization"), NAME_SECRET}, {BYTES("proxy-authorization"), NAME_SECRET},
		{BYTES("cookie"), NAME_SECRET},        {BYTES("set-cookie"), NAME_SECRET},
		{BYTES("referer"), NAME_URL},          {BYTES("location"), NAME_URL},
		{BYTES("content-location"), NAME_URL}, {BYTES("upgrade"), NAME_UPGRADE},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name.n == names[i].name.n && !strncasecmp(name.p, names[i].name.p, name.n))
			return names[i].kind;
	return NAME_OTHER;
}

bool redact_http1_is_secret(struct bytes name)
{
	return name_kind(name) == NAME_SECRET;
}

static enum redact_http1_state value_state(const struct redact_http1 *h)
{
	switch (name_kind((struct bytes){h->name, h->n})) {
	case NAME_SECRET:
		return REDACT_VALUE_LEAD;
	case NAME_URL:
		return REDACT_URL_SCHEME;
	case NAME_UPGRADE:
		return REDACT_LINE_UPGRADE;
	case NAME_OTHER:
		break;
	}
	return REDACT_LINE_REST;
}

static void line_go(struct redact_http1 *h, enum redact_http1_state state)
{
	h->state = state;
	h->n = 0;
}

/* ---- the beginning of a line --------------------------------------------------------------- */

static void line_start(struct redact_http1 *h, char c)
{
	if (c == '\n') {
		h->http2 = h->upgraded && h->switching;
		h->in_head = h->upgraded = h->switching = false;
	} else if (c == '\r' && h->state == REDACT_LINE_START) {
		h->state = REDACT_LINE_CR;
		return;
	}
	if (c == '\n' || !isalpha((unsigned char)c)) {
		line_go(h, c == '\n' ? REDACT_LINE_START : REDACT_LINE_REST);
		return;
	}
	line_go(h, REDACT_LINE_NAME);
	h->name[h->n++] = c;
}

static bool is_method(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!isupper((unsigned char)name.p[i]))
			return false;
	return true;
}

/* Behind a word and a blank: the word is a method, or the name of a header that somebody wrote
 * carelessly. */
static void name_blank(struct redact_http1 *h)
{
	struct bytes name = {h->name, h->n};

	if (name_kind(name) == NAME_SECRET) {
		h->state = REDACT_LINE_BLANK;
		return;
	}
	if (!is_method(name)) {
		line_go(h, REDACT_LINE_REST);
		return;
	}
	h->in_head = true;
	line_go(h, bytes_eq(name, BYTES("PRI")) ? REDACT_LINE_PREFACE : REDACT_URL_SCHEME);
}

static void line_name(struct redact_http1 *h, char c)
{
	if (c == ':') {
		line_go(h, value_state(h));
	} else if (c == ' ' || c == '\t') {
		name_blank(h);
	} else if (c == '/' && bytes_eq((struct bytes){h->name, h->n}, BYTES("HTTP"))) {
		h->in_head = true;
		line_go(h, REDACT_LINE_STATUS);
	} else if (h->n == sizeof(h->name) || !(isalpha((unsigned char)c) || c == '-')) {
		line_go(h, c == '\n' ? REDACT_LINE_START : REDACT_LINE_REST);
	} else {
		h->name[h->n++] = c;
	}
}

/* ---- what is compared with one text -------------------------------------------------------- */

/* Goes on comparing; true when all of `rest` was read. What differs ends the comparison. */
static bool line_compare(struct redact_http1 *h, const char *rest, char c)
{
	if (c != rest[h->n]) {
		line_go(h, c == '\n' ? REDACT_LINE_START : REDACT_LINE_REST);
		return false;
	}
	return !rest[++h->n];
}

static void line_upgrade(struct redact_http1 *h, char c)
{
	if (!h->n && (c == ' ' || c == '\t'))
		return;
	if (line_compare(h, upgrade_value, c)) {
		h->upgraded = true;
		line_go(h, REDACT_LINE_REST);
	}
}

static void line_status(struct redact_http1 *h, char c)
{
	if (line_compare(h, status_rest, c)) {
		h->switching = true;
		line_go(h, REDACT_LINE_REST);
	}
}

/* ---- values -------------------------------------------------------------------------------- */

/* Carriage returns stay: at the end of an event nobody knows whether they end the line. */
static void value_mask(struct redact_copy *c, size_t from, size_t to)
{
	while (from < to) {
		const char *cr = memchr(c->in.p + from, '\r', to - from);
		size_t end = cr ? (size_t)(cr - c->in.p) : to;

		redact_copy_mask(c, from, end, '*');
		from = end + 1;
	}
}

static size_t value_feed(struct redact_http1 *h, struct redact_copy *c, size_t from, size_t to)
{
	const char *line = memchr(c->in.p + from, '\n', to - from);
	size_t end = line ? (size_t)(line - c->in.p) : to;

	value_mask(c, from, end);
	if (!line)
		return to;
	h->state = REDACT_VALUE_FOLD;
	return end + 1;
}

static size_t rest_feed(struct redact_http1 *h, const struct redact_copy *c, size_t from, size_t to)
{
	const char *line = memchr(c->in.p + from, '\n', to - from);

	if (!line)
		return to;
	h->state = REDACT_LINE_START;
	return (size_t)(line - c->in.p) + 1;
}

static void value_lead(struct redact_http1 *h, struct redact_copy *c, size_t at)
{
	char b = c->in.p[at];

	if (b == ' ' || b == '\t')
		return;
	h->state = b == '\n' ? REDACT_VALUE_FOLD : REDACT_VALUE;
	if (b != '\n')
		value_mask(c, at, at + 1);
}

/* ---- URLs ---------------------------------------------------------------------------------- */

static size_t scheme_feed(struct redact_http1 *h, const struct redact_copy *c, size_t from,
			  size_t to)
{
	static const char sign[] = "://";

	for (; from < to; from++) {
		char b = c->in.p[from];

		if (b == '\n') {
			line_go(h, REDACT_LINE_START);
			return from + 1;
		}
		if (b == '/' && !h->n) { /* a path: no authority comes in front of it */
			line_go(h, REDACT_LINE_REST);
			return from + 1;
		}
		if (b != sign[h->n]) {
			h->n = b == sign[0];
		} else if (!sign[++h->n]) {
			line_go(h, REDACT_URL_USER);
			return from + 1;
		}
	}
	return to;
}

/* Where the authority is not whole, what follows its colon may be a port or half a password: it is
 * taken for the latter. */
static size_t authority_feed(struct redact_http1 *h, struct redact_copy *c, size_t from, size_t to)
{
	struct bytes rest = {c->in.p + from, to - from};
	struct redact_url url;

	redact_url_authority(rest, h->state == REDACT_URL_PASSWORD, &url);
	redact_copy_mask(c, from + url.from, from + url.to, '*');
	if (url.whole)
		line_go(h, REDACT_LINE_REST);
	else if (url.in_password)
		h->state = REDACT_URL_PASSWORD;
	return from + url.end;
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* States that are left by one byte. */
static void line_byte(struct redact_http1 *h, struct redact_copy *c, size_t at)
{
	char b = c->in.p[at];

	switch ((enum redact_http1_state)h->state) {
	case REDACT_LINE_NAME:
		line_name(h, b);
		break;
	case REDACT_LINE_BLANK:
		if (b != ' ' && b != '\t')
			line_go(h, b == ':'    ? REDACT_VALUE_LEAD
				   : b == '\n' ? REDACT_LINE_START
					       : REDACT_LINE_REST);
		break;
	case REDACT_LINE_UPGRADE:
		line_upgrade(h, b);
		break;
	case REDACT_LINE_STATUS:
		line_status(h, b);
		break;
	case REDACT_LINE_PREFACE:
		h->http2 = line_compare(h, preface_rest, b);
		break;
	case REDACT_VALUE_LEAD:
		value_lead(h, c, at);
		break;
	default:
		line_start(h, b);
	}
}

size_t redact_http1_feed(struct redact_http1 *h, struct redact_copy *c, size_t from, size_t to)
{
	while (from < to && !h->http2) {
		switch ((enum redact_http1_state)h->state) {
		case REDACT_LINE_REST:
			from = rest_feed(h, c, from, to);
			break;
		case REDACT_VALUE:
			from = value_feed(h, c, from, to);
			break;
		case REDACT_URL_SCHEME:
			from = scheme_feed(h, c, from, to);
			break;
		case REDACT_URL_USER:
		case REDACT_URL_PASSWORD:
			from = authority_feed(h, c, from, to);
			break;
		case REDACT_VALUE_FOLD:
			h->state = c->in.p[from] == ' ' || c->in.p[from] == '\t'
					   ? REDACT_VALUE_LEAD
					   : REDACT_LINE_START;
			break;
		default:
			line_byte(h, c, from++);
		}
	}
	return from;
}

void redact_http1_call(struct redact_http1 *h)
{
	if (h->state == REDACT_LINE_REST)
		line_go(h, REDACT_LINE_START);
}

/* In a head, what is missing may have ended within the value of a header; in a body, it may have
 * ended in a head when a call was begun within it. */
void redact_http1_gap(struct redact_http1 *h, bool call_begins)
{
	bool unknown = h->in_head || !call_begins || h->state >= REDACT_VALUE_LEAD;

	line_go(h, unknown ? REDACT_VALUE : REDACT_LINE_START);
}
