/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The text of SQL statements: what is constant in it is masked, strings and numbers alike. Quotes
 * stay, names and comments too. Byte after byte, so that it does not matter where a text is cut.
 */
#include <stdbool.h>
#include <stdint.h>

#include "encoders/redact/copy.h"

enum redact_sql_state {
	REDACT_SQL_CODE, /* as it is before the first byte */
	REDACT_SQL_NUMBER,
	REDACT_SQL_STRING,
	REDACT_SQL_ESCAPED,
	REDACT_SQL_NAME, /* in quotes */
	REDACT_SQL_LINE_COMMENT,
	REDACT_SQL_BLOCK_COMMENT,
	REDACT_SQL_DOLLAR_TAG,
	REDACT_SQL_DOLLAR_BODY,
};

struct redact_sql {
	uint8_t state;         /* enum redact_sql_state */
	bool mysql;            /* "…" is a string, and a backslash escapes */
	bool escapes;          /* in this string */
	char quote;            /* that ends the string or name */
	char before[2];        /* the bytes before this one, the nearer first */
	uint8_t depth;         /* of comments in comments */
	uint8_t tag_n, tag_at; /* length of the tag between dollars; how much of it was met again */
	char tag[16];
};

void redact_sql_begin(struct redact_sql *s, bool mysql);
void redact_sql_feed(struct redact_sql *s, struct redact_copy *c, size_t from, size_t to);
