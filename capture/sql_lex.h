/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The text of SQL statements as runs of bytes that are the same kind of thing: words, numbers, what
 * is in quotes, comments. It knows no grammar. The state is what one byte after another made of it,
 * so that it does not matter where a text is cut; any bytes will do.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum sql_dialect {
	SQL_MYSQL,   /* "…" is a string, \ escapes, # begins a comment */
	SQL_POSTGRES /* $tag$…$tag$ and E'…' are strings, comments nest */
};

/* Does \ escape in strings? Modes of servers change it, and where it is the last byte of a
 * character, as in GBK and Shift-JIS, it does not. */
enum sql_lex_backslash {
	SQL_LEX_BY_DIALECT,
	SQL_LEX_NEVER,
	SQL_LEX_ALWAYS,
	SQL_LEX_WAYS
};

enum sql_lex_state {
	SQL_LEX_CODE, /* as it is before the first byte */
	SQL_LEX_NUMBER,
	SQL_LEX_STRING,
	SQL_LEX_ESCAPED,
	SQL_LEX_NAME, /* in quotes */
	SQL_LEX_LINE_COMMENT,
	SQL_LEX_BLOCK_COMMENT,
	SQL_LEX_DOLLAR_TAG,
	SQL_LEX_DOLLAR_BODY,
};

/* What the bytes of a run are. */
enum sql_run {
	SQL_RUN_SYMBOL, /* one byte that is nothing else */
	SQL_RUN_BLANK,
	SQL_RUN_WORD,   /* a name or keyword, or a piece of one; $1 */
	SQL_RUN_NUMBER, /* without its sign */
	SQL_RUN_QUOTE,  /* what begins and ends a string */
	SQL_RUN_STRING, /* what lies between */
	SQL_RUN_NAME,   /* in quotes, with them */
	SQL_RUN_COMMENT,
};

struct sql_lex {
	uint8_t state;     /* enum sql_lex_state */
	bool mysql;        /* enum sql_dialect */
	uint8_t backslash; /* enum sql_lex_backslash: callers may set it behind sql_lex_begin() */
	bool escapes;      /* \ does, in this string */
	bool decimal;      /* the number is none of digits and letters, so far */
	bool exponent;     /* the next byte of the number may be a sign */
	char quote;        /* that ends the string or name */
	char before[2];    /* the bytes before this one, the nearer first */
	uint8_t depth;     /* of comments in comments */
	uint8_t tag_n, tag_at; /* length of the tag between dollars; how much of it was met again */
	char tag[62];          /* a longer one is none: names have 63 bytes at most */
};

void sql_lex_begin(struct sql_lex *s, enum sql_dialect dialect);
/* The run that begins at text[from]; from < to. Returns its end. */
size_t sql_lex_run(struct sql_lex *s, const char *text, size_t from, size_t to, enum sql_run *ret);
