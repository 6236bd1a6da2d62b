/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/sql_text.h"
#include "capture/sql_token.h"

unsigned sql_text_places(struct bytes text)
{
	struct sql_tokens t;
	enum sql_token_kind kind;
	unsigned n = 0;

	sql_token_begin(&t, text, SQL_MYSQL);
	do {
		sql_token_skip(&t);
		kind = sql_token_next(&t);
		n += kind == SQL_TOKEN_SYMBOL && text.p[t.from] == '?';
	} while (kind != SQL_TOKEN_END);
	return n;
}
