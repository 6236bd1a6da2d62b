/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A statement of a database for people: who asked which database, what, with which values, and what
 * came of it.
 *
 *   13:08:00.123    1234 mariadbd        alice@shop: select * from t  [2 rows, 842 us]
 *   13:08:00.124    1234 mariadbd        alice@shop: select nothing
 *                                        > from t where i = $1  ($1=5)  [ERROR 1054 (42S22): …
 *
 * What another statement ran (in a procedure, a trigger) stands further to the right, after a `+`.
 */
#include "capture/event.h"
#include "encoders/write/show.h"

/* Appends all behind the columns of a row. column: where that begins; limit: bytes of the statement
 * that are shown. */
void text_query_put(struct put *w, const struct event_query *q, unsigned column, uint64_t limit,
		    bool colour);
