/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/write/statement.h"

#include <string.h>

#include "capture/sql_text.h"

/* MySQL does not say how many values it sends: there is one for each place in the text, if that is
 * whole. */
static unsigned values_expected(const struct event_query *q)
{
	if (strcmp(q->system, "mysql") != 0 || q->text_total > q->text.n)
		return 0;
	return sql_text_places(q->text);
}

bool statement_values(struct query_params_reader *r, const struct event_query *q)
{
	if (!q->params.format || query_params_begin(r, &q->params, values_expected(q)))
		return false;
	return r->n || r->rest.n;
}

struct bytes statement_word(const struct event_query *q)
{
	static const struct {
		const char *command;
		struct bytes word;
	} rows[] = {
		{"prepare", {"prepare ", 8}},
		{"bind", {"bind ", 5}},
		{"call", {"call ", 5}},
		{"database", {"use ", 4}},
		{"change_user", {"change user ", 12}},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(q->command, rows[i].command))
			return rows[i].word;
	return (struct bytes){0};
}
