/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/redact/sql.h"

/* What ends a text in a message stays, though a string in it is not closed. */
static void string_mask(struct redact_copy *c, size_t from, size_t to)
{
	while (from < to) {
		const char *nul = memchr(c->in.p + from, '\0', to - from);
		size_t end = nul ? (size_t)(nul - c->in.p) : to;

		redact_copy_mask(c, from, end, '*');
		from = nul ? end + 1 : to;
	}
}

void redact_sql_feed(struct sql_lex *s, struct redact_copy *c, size_t from, size_t to)
{
	while (from < to) {
		enum sql_run run;
		size_t end = sql_lex_run(s, c->in.p, from, to, &run);

		if (run == SQL_RUN_STRING || run == SQL_RUN_NUMBER)
			string_mask(c, from, end);
		from = end;
	}
}
