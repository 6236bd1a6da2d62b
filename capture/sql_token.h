/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A whole statement as tokens: what sql_lex.h finds in its bytes, with one token for each thing. */
#include "capture/sql_lex_inside.h"

enum sql_token_kind {
	SQL_TOKEN_END,
	SQL_TOKEN_WORD, /* a name or keyword; $1 */
	SQL_TOKEN_NUMBER,
	SQL_TOKEN_STRING, /* with its quotes, the last of which may be missing at the end */
	SQL_TOKEN_NAME,   /* in quotes, with them */
	SQL_TOKEN_SYMBOL, /* one byte */
	SQL_TOKEN_HINT    /* the beginning of a comment that MySQL executes */
};

struct sql_tokens {
	struct sql_lex lex;
	struct bytes text;
	size_t from, to; /* the present token, with the next one behind it */
	size_t lexed;    /* lex has come this far */
	bool blank;      /* there are blanks or comments before the present token */
};

/* Call sql_token_next() for the first. */
static inline void sql_token_begin(struct sql_tokens *t, struct bytes text,
				   enum sql_dialect dialect)
{
	sql_lex_begin(&t->lex, dialect);
	t->text = text;
	t->from = t->to = t->lexed = 0;
}

/* Four bytes a turn: the end of the text is asked for once in them. */
static inline size_t sql_token_word_end(const char *p, size_t from, size_t to)
{
	for (; to - from >= 4; from += 4) {
		if (!sql_lex_is_name(p[from]))
			return from;
		if (!sql_lex_is_name(p[from + 1]))
			return from + 1;
		if (!sql_lex_is_name(p[from + 2]))
			return from + 2;
		if (!sql_lex_is_name(p[from + 3]))
			return from + 3;
	}
	while (from < to && sql_lex_is_name(p[from]))
		from++;
	return from;
}

/* The word at `to`; false where it may begin a string ($tag$). */
static inline bool sql_token_word(struct sql_tokens *t)
{
	if (t->text.p[t->to] == '$')
		return false;
	t->from = t->to;
	t->to = sql_token_word_end(t->text.p, t->to + 1, t->text.n);
	return true;
}

/* Goes on to what is no word, or behind more than one blank. */
enum sql_token_kind sql_token_other(struct sql_tokens *t);

/* Most tokens are words, with a blank before them or none: they take no call. */
static inline enum sql_token_kind sql_token_next(struct sql_tokens *t)
{
	t->blank = t->to < t->text.n && sql_lex_class(t->text.p[t->to]) == SQL_LEX_BLANK;
	t->to += t->blank;
	if (t->to < t->text.n && sql_lex_class(t->text.p[t->to]) == SQL_LEX_LETTER &&
	    sql_token_word(t))
		return SQL_TOKEN_WORD;
	return sql_token_other(t);
}

/* Takes ".name" with the present word, as often as it follows without blanks. Returns where the
 * last name begins. What stands right before a string (x'…') is left: it may belong to that. */
size_t sql_token_join(struct sql_tokens *t);
/* Goes over code up to the next bracket, question mark or semicolon, what is in quotes, or the end,
 * without telling what there is. */
void sql_token_skip(struct sql_tokens *t);

static inline struct bytes sql_token_text(const struct sql_tokens *t)
{
	return (struct bytes){t->text.p + t->from, t->to - t->from};
}

/* The byte so far behind the present token; NUL behind the end. */
static inline char sql_token_ahead(const struct sql_tokens *t, size_t i)
{
	return t->text.n - t->to > i ? t->text.p[t->to + i] : '\0';
}

/* The word is this one, which is given in lower case. */
bool sql_token_is(struct bytes word, struct bytes lower);
