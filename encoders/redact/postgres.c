/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/postgres.h"

enum {
	LENGTH_SIZE = 4,
	COUNT_SIZE = 2,
	MESSAGE_HEAD = 1 + LENGTH_SIZE
};

enum message_mode {
	MODE_TYPE, /* a message begins; as it is before the first byte */
	MODE_LENGTH,
	MODE_PLAIN,
	MODE_SECRET,
	MODE_SQL,
	MODE_PARSE_NAME,
	MODE_BIND_PORTAL,
	MODE_BIND_STATEMENT,
	MODE_BIND_FORMATS, /* their number, then they */
	MODE_BIND_FORMAT,
	MODE_BIND_COUNT,
	MODE_BIND_SIZE,
	MODE_BIND_VALUE,
	MODE_CALL /* the function that is called */
};

static const char client_types[] = "QPBDECSHFXdcfp";

static void message_go(struct redact_postgres *p, enum message_mode mode)
{
	p->mode = (uint8_t)mode;
	p->number = 0;
	p->number_n = 0;
}

/* Big-endian numbers, byte after byte. True when the last of `size` bytes has come. */
static bool number_byte(struct redact_postgres *p, uint8_t byte, unsigned size)
{
	p->number = p->number << 8 | byte;
	return ++p->number_n == size;
}

static enum message_mode message_mode(uint8_t type)
{
	switch (type) {
	case 'Q':
		return MODE_SQL;
	case 'P':
		return MODE_PARSE_NAME;
	case 'B':
		return MODE_BIND_PORTAL;
	case 'F':
		return MODE_CALL;
	case 'p':
	case 'd':
		return MODE_SECRET;
	default:
		return MODE_PLAIN;
	}
}

static void message_length(struct redact_postgres *p)
{
	uint32_t n = p->number;

	if (n < LENGTH_SIZE) {
		redact_postgres_late(p); /* that is no message */
		return;
	}
	p->left = n - LENGTH_SIZE;
	sql_lex_begin(&p->sql, SQL_POSTGRES);
	message_go(p, p->left ? message_mode(p->type) : MODE_TYPE);
}

/* ---- Bind ---------------------------------------------------------------------------------- */

static void bind_value_end(struct redact_postgres *p)
{
	message_go(p, p->count ? MODE_BIND_SIZE : MODE_PLAIN);
}

static void bind_size(struct redact_postgres *p)
{
	p->size = p->number == UINT32_MAX ? 0 : p->number; /* NULL */
	p->count--;
	if (p->size)
		message_go(p, MODE_BIND_VALUE);
	else
		bind_value_end(p);
}

static void bind_count(struct redact_postgres *p)
{
	p->count = p->number;
	if (p->mode == MODE_BIND_FORMATS)
		message_go(p, p->count ? MODE_BIND_FORMAT : MODE_BIND_COUNT);
	else
		bind_value_end(p);
}

static void bind_format(struct redact_postgres *p)
{
	message_go(p, --p->count ? MODE_BIND_FORMAT : MODE_BIND_COUNT);
}

/* ---- messages ------------------------------------------------------------------------------ */

/* Nothing of the first messages has a type: their length begins with a zero. */
static void type_byte(struct redact_postgres *p, uint8_t byte)
{
	p->type = byte;
	message_go(p, MODE_LENGTH);
	if (!byte)
		p->number_n = 1;
}

static void text_byte(struct redact_postgres *p, uint8_t byte)
{
	if (byte)
		return;
	message_go(p, p->mode == MODE_PARSE_NAME    ? MODE_SQL
		      : p->mode == MODE_BIND_PORTAL ? MODE_BIND_STATEMENT
						    : MODE_BIND_FORMATS);
}

static void message_byte(struct redact_postgres *p, uint8_t byte)
{
	switch ((enum message_mode)p->mode) {
	case MODE_PARSE_NAME:
	case MODE_BIND_PORTAL:
	case MODE_BIND_STATEMENT:
		text_byte(p, byte);
		break;
	case MODE_BIND_FORMATS:
	case MODE_BIND_COUNT:
		if (number_byte(p, byte, COUNT_SIZE))
			bind_count(p);
		break;
	case MODE_BIND_FORMAT:
		if (number_byte(p, byte, COUNT_SIZE))
			bind_format(p);
		break;
	case MODE_BIND_SIZE:
		if (number_byte(p, byte, LENGTH_SIZE))
			bind_size(p);
		break;
	case MODE_CALL:
		if (number_byte(p, byte, LENGTH_SIZE))
			message_go(p, MODE_SECRET);
		break;
	case MODE_TYPE:
	case MODE_LENGTH:
	case MODE_PLAIN:
	case MODE_SECRET:
	case MODE_SQL:
	case MODE_BIND_VALUE:
		break;
	}
}

/* The text of Parse ends with a NUL, and numbers follow. */
static size_t sql_feed(struct redact_postgres *p, struct redact_copy *c, size_t from, size_t n)
{
	const char *end = p->type == 'P' ? memchr(c->in.p + from, '\0', n) : NULL;

	if (end)
		n = (size_t)(end - c->in.p) + 1 - from;
	redact_sql_feed(&p->sql, c, from, from + n);
	if (end)
		message_go(p, MODE_PLAIN);
	return n;
}

static size_t payload_feed(struct redact_postgres *p, struct redact_copy *c, size_t from, size_t to)
{
	size_t n = to - from < p->left ? to - from : p->left;

	if (p->mode == MODE_SQL) {
		n = sql_feed(p, c, from, n);
	} else if (p->mode == MODE_SECRET) {
		redact_copy_mask(c, from, from + n, '*');
	} else if (p->mode == MODE_BIND_VALUE) {
		n = n < p->size ? n : p->size;
		redact_copy_mask(c, from, from + n, '*');
		p->size -= (uint32_t)n;
		if (!p->size)
			bind_value_end(p);
	} else if (p->mode != MODE_PLAIN) {
		n = 1;
		message_byte(p, (uint8_t)c->in.p[from]);
	}
	p->left -= (uint32_t)n;
	if (!p->left)
		message_go(p, MODE_TYPE);
	return from + n;
}

/* A call writes whole messages. */
static bool messages_found(struct bytes text)
{
	const uint8_t *at = (const uint8_t *)text.p;

	while (text.n >= MESSAGE_HEAD && *at && strchr(client_types, *at)) {
		uint32_t n = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 |
			     at[4];

		if (n < LENGTH_SIZE || n > text.n - 1)
			return false;
		at += 1 + n;
		text.n -= 1 + n;
		if (!text.n)
			return true;
	}
	return false;
}

static void head_byte(struct redact_postgres *p, uint8_t byte)
{
	if (p->mode == MODE_TYPE)
		type_byte(p, byte);
	else if (number_byte(p, byte, LENGTH_SIZE))
		message_length(p);
}

void redact_postgres_feed(struct redact_postgres *p, struct redact_copy *c, size_t from, size_t to,
			  bool call_begins)
{
	if (p->searching && call_begins &&
	    messages_found((struct bytes){c->in.p + from, to - from}))
		p->searching = false;
	while (from < to && !p->searching) {
		if (p->mode == MODE_TYPE || p->mode == MODE_LENGTH)
			head_byte(p, (uint8_t)c->in.p[from++]);
		else
			from = payload_feed(p, c, from, to);
	}
	if (p->searching)
		redact_copy_mask(c, from, to, '*');
}

void redact_postgres_late(struct redact_postgres *p)
{
	*p = (struct redact_postgres){.searching = true};
}

void redact_postgres_gap(struct redact_postgres *p, uint64_t missing)
{
	if (p->searching)
		return;
	if (p->mode == MODE_TYPE || p->mode == MODE_LENGTH || missing > p->left) {
		redact_postgres_late(p);
		return;
	}
	if (p->mode != MODE_PLAIN)
		message_go(p, MODE_SECRET);
	p->left -= (uint32_t)missing;
	if (!p->left)
		message_go(p, MODE_TYPE);
}
