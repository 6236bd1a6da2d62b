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

static enum sql_run token_run(struct sql_tokens *t)
{
	enum sql_run run = SQL_RUN_SYMBOL;

	t->to = sql_lex_run(&t->lex, t->text.p, t->to, t->text.n, &run);
	return run;
}

/* Takes what is left of it. */
static enum sql_token_kind token_finish(struct sql_tokens *t, enum sql_token_kind kind)
{
	while (t->lex.state != SQL_LEX_CODE && t->to < t->text.n)
		token_run(t);
	return kind;
}

static enum sql_token_kind comment_finish(struct sql_tokens *t)
{
	bool block = t->lex.state == SQL_LEX_BLOCK_COMMENT;

	token_finish(t, SQL_TOKEN_BLANK);
	return block && t->lex.state == SQL_LEX_CODE && t->text.p[t->to - 1] == '!'
		       ? SQL_TOKEN_HINT
		       : SQL_TOKEN_BLANK;
}

/* The first byte of a comment is a symbol until the next ones show that it is none. */
static enum sql_token_kind symbol_finish(struct sql_tokens *t, char c)
{
	char next = sql_token_ahead(t, 0);

	if (c == '/' && next == '*') {
		token_run(t);
		return comment_finish(t);
	}
	if (c != '-' || next != '-')
		return SQL_TOKEN_SYMBOL;
	if (t->lex.mysql) {
		char third = sql_token_ahead(t, 1);

		if (third != ' ' && !(third >= '\t' && third <= '\r'))
			return SQL_TOKEN_SYMBOL;
		token_run(t);
	}
	token_run(t);
	return comment_finish(t);
}

/* $1 is two runs: the dollar might have begun a string. */
static enum sql_token_kind word_finish(struct sql_tokens *t)
{
	char next = sql_token_ahead(t, 0);

	if (t->text.p[t->to - 1] == '$' && next >= '0' && next <= '9')
		token_run(t);
	return SQL_TOKEN_WORD;
}

enum sql_token_kind sql_token_next(struct sql_tokens *t)
{
	t->from = t->to;
	if (t->to >= t->text.n)
		return SQL_TOKEN_END;
	switch (token_run(t)) {
	case SQL_RUN_SYMBOL:
		return symbol_finish(t, t->text.p[t->from]);
	case SQL_RUN_BLANK:
		return SQL_TOKEN_BLANK;
	case SQL_RUN_WORD:
		return word_finish(t);
	case SQL_RUN_NUMBER:
		return SQL_TOKEN_NUMBER;
	case SQL_RUN_QUOTE:
	case SQL_RUN_STRING:
		return token_finish(t, SQL_TOKEN_STRING);
	case SQL_RUN_NAME:
		return token_finish(t, SQL_TOKEN_NAME);
	case SQL_RUN_COMMENT:
		return comment_finish(t);
	}
	return SQL_TOKEN_END;
}
