/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What several encoders say of a statement of a database in the same way. */
#include <stdbool.h>

#include "capture/query_params.h"

/* Begins with the values of a prepared statement: query_params_next() then gives one after the
 * other. False: there are none, or none that can be read. */
bool statement_values(struct query_params_reader *r, const struct event_query *q);
/* Our word, with a blank behind it, before the text of what is no statement that is simply run:
 * "use " before the name of a database. None for most. */
struct bytes statement_word(const struct event_query *q);
