/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The values of a prepared statement, for encoders, which know no protocol of a database. */
#include <stdbool.h>

#include "capture/query_params.h"

/* Then query_params_next() gives one after the other. False: there are none, or none that can be
 * read. */
bool values_begin(struct query_params_reader *r, const struct event_query *q);
