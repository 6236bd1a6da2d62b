/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/write/values.h"

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

bool values_begin(struct query_params_reader *r, const struct event_query *q)
{
	return q->params.format && query_params_begin(r, &q->params, values_expected(q)) == 0;
}
