/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A field is NAME=value\n; a value that is not printable UTF-8 on one line is NAME\n, its length as
 * a little-endian u64, value\n. The value is written first and judged when the field is closed:
 * OPEN, write, journal_field_close(), with the start of the value kept in between. The caller has
 * made sure of the room.
 */
#include "encoders/write/put.h"

enum {
	JOURNAL_FIELD_BINARY = 8, /* a binary value has its length in front */
};

#define OPEN(p, name)              PUT_LITERAL(p, name "=")
#define NUMBER(p, name, v)         journal_field_end(put_u64(OPEN(p, name), v))
#define TEXT(p, name, text, limit) journal_field_text(p, name "=", sizeof(name), text, limit)

static inline uint8_t *journal_field_end(uint8_t *p)
{
	*p = '\n';
	return p + 1;
}

uint8_t *journal_field_close(uint8_t *value, uint8_t *p);
/* Nothing when there is no text. name has its '=', which name_n counts. */
uint8_t *journal_field_text(uint8_t *p, const char *name, size_t name_n, struct bytes text,
			    size_t limit);
/* Adds the room of a text to *room; true when it will be cut. */
bool journal_field_room(size_t *room, struct bytes text, size_t limit);
