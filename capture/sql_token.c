/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/sql_token.h"

#include "capture/sql_lex_inside.h"

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

/* Is it the beginning of nothing longer? */
static bool symbol_is_alone(char c)
{
	return c != '-' && c != '/' && c != '#';
}

static size_t word_end(const char *p, size_t from, size_t to)
{
	while (from < to && sql_lex_is_name(p[from]))
		from++;
	return from;
}

enum sql_token_kind sql_token_next(struct sql_tokens *t)
{
	const char *p = t->text.p;
	size_t at = t->to, end = t->text.n;
	enum sql_token_kind kind;

	for (t->blank = false; at < end; t->blank = true) {
		t->from = at;
		switch (sql_lex_class(p[at])) {
		case SQL_LEX_BLANK:
			at++;
			continue;
		case SQL_LEX_LETTER:
			if (p[at] == '$')
				break;
			t->to = word_end(p, at + 1, end);
			return SQL_TOKEN_WORD;
		case SQL_LEX_SYMBOL:
			if (!symbol_is_alone(p[at]))
				break;
			t->to = at + 1;
			return SQL_TOKEN_SYMBOL;
		case SQL_LEX_DIGIT:
		case SQL_LEX_QUOTE:
			break;
		}
		t->to = at;
		if (token_lexed(t, &kind))
			return kind;
		at = t->to;
	}
	t->from = t->to = at;
	return SQL_TOKEN_END;
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
