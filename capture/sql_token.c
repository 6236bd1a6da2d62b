/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/sql_token.h"

bool sql_token_is(struct bytes word, struct bytes lower)
{
	if (word.n != lower.n)
		return false;
	for (size_t i = 0; i < word.n; i++)
		if ((word.p[i] | 0x20) != lower.p[i] && word.p[i] != lower.p[i])
			return false;
	return true;
}

/* What was gone over without lex. */
static void token_catch_up(struct sql_tokens *t)
{
	const char *at = t->text.p + t->to;

	if (t->lexed == t->to)
		return;
	t->lex.before[1] = t->to - t->lexed > 1 ? at[-2] : t->lex.before[0];
	t->lex.before[0] = at[-1];
}

static enum sql_run token_run(struct sql_tokens *t)
{
	enum sql_run run = SQL_RUN_SYMBOL;

	t->to = sql_lex_run(&t->lex, t->text.p, t->to, t->text.n, &run);
	t->lexed = t->to;
	return run;
}

/* Takes what is left of it. */
static enum sql_token_kind token_finish(struct sql_tokens *t, enum sql_token_kind kind)
{
	while (t->lex.state != SQL_LEX_CODE && t->to < t->text.n)
		token_run(t);
	return kind;
}

/* False where it was a comment, and nothing but that. */
static bool comment_finish(struct sql_tokens *t, enum sql_token_kind *ret)
{
	bool block = t->lex.state == SQL_LEX_BLOCK_COMMENT;

	*ret = token_finish(t, SQL_TOKEN_HINT);
	return block && t->lex.state == SQL_LEX_CODE && t->text.p[t->to - 1] == '!';
}

/* The first byte of a comment is a symbol until the next ones show that it is none. */
static bool symbol_finish(struct sql_tokens *t, enum sql_token_kind *ret)
{
	char c = t->text.p[t->from], next = sql_token_ahead(t, 0);

	*ret = SQL_TOKEN_SYMBOL;
	if (c == '/' && next == '*') {
		token_run(t);
		return comment_finish(t, ret);
	}
	if (c != '-' || next != '-')
		return true;
	if (t->lex.mysql) {
		if (t->text.n - t->to < 2 || sql_lex_class(sql_token_ahead(t, 1)) != SQL_LEX_BLANK)
			return true;
		token_run(t);
	}
	token_run(t);
	return comment_finish(t, ret);
}

/* $1 is two runs: the dollar might have begun a string. */
static void word_finish(struct sql_tokens *t)
{
	if (t->text.p[t->to - 1] == '$' && sql_lex_class(sql_token_ahead(t, 0)) == SQL_LEX_DIGIT)
		token_run(t);
}

/* What needs lex to be told. False: a comment. */
static bool token_lexed(struct sql_tokens *t, enum sql_token_kind *ret)
{
	token_catch_up(t);
	switch (token_run(t)) {
	case SQL_RUN_SYMBOL:
		return symbol_finish(t, ret);
	case SQL_RUN_WORD:
		word_finish(t);
		*ret = SQL_TOKEN_WORD;
		return true;
	case SQL_RUN_NUMBER:
		*ret = SQL_TOKEN_NUMBER;
		return true;
	case SQL_RUN_QUOTE:
	case SQL_RUN_STRING:
		*ret = token_finish(t, SQL_TOKEN_STRING);
		return true;
	case SQL_RUN_NAME:
		*ret = token_finish(t, SQL_TOKEN_NAME);
		return true;
	case SQL_RUN_COMMENT:
		return comment_finish(t, ret);
	case SQL_RUN_BLANK:
		break;
	}
	return false;
}

/* ---- what most things are ------------------------------------------------------------------ */

/* Is it the beginning of nothing longer? What ends one is no symbol here: it was taken with it. */
static inline bool symbol_is_alone(const struct sql_tokens *t, size_t at)
{
	const char *p = t->text.p;
	char next = t->text.n - at > 1 ? p[at + 1] : '\0';

	switch (p[at]) {
	case '-':
		return next != '-' && !(at && p[at - 1] == '-');
	case '/':
		return next != '*';
	case '*':
		return !(at && p[at - 1] == '/' && t->lexed == at);
	case '#':
		return !t->lex.mysql;
	}
	return true;
}

/* Digits and nothing else; `at` where there is more to it. */
static inline size_t digits_end(const struct sql_tokens *t, size_t at)
{
	const char *p = t->text.p;
	size_t to = at;

	if (at && sql_lex_is_name(p[at - 1]))
		return at;
	do
		to++;
	while (to < t->text.n && sql_lex_class(p[to]) == SQL_LEX_DIGIT);
	return to < t->text.n && (sql_lex_is_name(p[to]) || p[to] == '.') ? at : to;
}

/* The same of what is in quotes and ends there; `at` where something is escaped, or may be. */
static inline size_t quoted_end(const struct sql_tokens *t, size_t at)
{
	const char *p = t->text.p;
	char quote = p[at], escape = t->lex.mysql && quote != '`' ? '\\' : quote;
	size_t to = at + 1;

	if (!t->lex.mysql && (quote == '`' || (at && (p[at - 1] | 0x20) == 'e')))
		return at;
	while (to < t->text.n && p[to] != quote && p[to] != escape)
		to++;
	return to < t->text.n && p[to] == quote ? to + 1 : at;
}

/* Sets `to` behind what begins at `from`; false where lex has to tell. */
static inline bool token_plain(struct sql_tokens *t, enum sql_token_kind *ret)
{
	size_t at = t->from;
	char c = t->text.p[at];

	switch (sql_lex_class(c)) {
	case SQL_LEX_SYMBOL:
		*ret = SQL_TOKEN_SYMBOL;
		t->to = symbol_is_alone(t, at) ? at + 1 : at;
		break;
	case SQL_LEX_DIGIT:
		*ret = SQL_TOKEN_NUMBER;
		t->to = digits_end(t, at);
		break;
	case SQL_LEX_QUOTE:
		*ret = c == '\'' || (c == '"' && t->lex.mysql) ? SQL_TOKEN_STRING : SQL_TOKEN_NAME;
		t->to = quoted_end(t, at);
		break;
	case SQL_LEX_BLANK:
	case SQL_LEX_LETTER:
		t->to = at;
		break;
	}
	return t->to > at;
}

enum sql_token_kind sql_token_other(struct sql_tokens *t)
{
	enum sql_token_kind kind;

	for (; t->to < t->text.n; t->blank = true) {
		enum sql_lex_class class = sql_lex_class(t->text.p[t->to]);

		if (class == SQL_LEX_BLANK) {
			t->to++;
			continue;
		}
		t->from = t->to;
		if (class == SQL_LEX_LETTER && sql_token_word(t))
			return SQL_TOKEN_WORD;
		if (token_plain(t, &kind) || token_lexed(t, &kind))
			return kind;
	}
	t->from = t->to;
	return SQL_TOKEN_END;
}

size_t sql_token_join(struct sql_tokens *t)
{
	const char *p = t->text.p;
	size_t part = t->from, end = t->text.n;

	while (end - t->to > 1 && p[t->to] == '.' && p[t->to + 1] != '$' &&
	       sql_lex_class(p[t->to + 1]) == SQL_LEX_LETTER) {
		size_t to = sql_token_word_end(p, t->to + 2, end);

		if (to < end && p[to] == '\'')
			break;
		part = t->to + 1;
		t->to = to;
	}
	return part;
}

/* clang-format off */
static const bool stops[256] = {
	['('] = true, [')'] = true, ['?'] = true, [';'] = true,
	['\''] = true, ['"'] = true, ['`'] = true,
	['$'] = true, ['-'] = true, ['/'] = true, ['#'] = true,
};
/* clang-format on */

void sql_token_skip(struct sql_tokens *t)
{
	const char *p = t->text.p;
	size_t at = t->to, end = t->text.n;

	while (at < end && !stops[(uint8_t)p[at]])
		at++;
	t->from = t->to = at;
}
