/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The values of a prepared statement, read where they lie, whichever protocol brought them (struct
 * query_params). What is text stays text, and what is binary is written as the database would write
 * it: numbers in decimal, times as 2024-02-29 12:34:56.789, bytes and what is not known as \x and
 * hexadecimal digits. Pure; every byte may be hostile.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/event.h"

enum {
	QUERY_PARAMS_SCRATCH = 512, /* what has to be written out and is longer is cut */
	QUERY_PARAMS_VALUES = 4096, /* those behind are not read */
};

struct query_params_reader {
	const struct query_params *params;
	struct bytes rest; /* what has not been read yet */
	unsigned n, at;    /* values there are, and have been read; with LIST n is not known: 0 */
	unsigned binary_at;
	struct bytes formats, nulls, types; /* POSTGRES; MYSQL */
	char scratch[QUERY_PARAMS_SCRATCH];
};

struct query_value {
	struct bytes text; /* into the event or the reader: valid until the next call */
	bool null;
	bool text_cut; /* it was longer */
};

/* expected: values that the statement has place for (sql_text_places()), which MYSQL cannot do
 * without; others ignore it. 0, or -EBADMSG: they cannot be read (cut off before the first, no
 * types known). */
int query_params_begin(struct query_params_reader *r, const struct query_params *params,
		       unsigned expected);
/* 1 with the next value, 0 at the end. Where the bytes were cut, the last one is what there is of
 * it. */
int query_params_next(struct query_params_reader *r, struct query_value *ret);

/* Values as others have them: of each its length (4 bytes in host order, ~0 = NULL), then its text.
 */
struct query_params query_params_list(struct bytes raw, bool cut);

/* The types that a body of COM_STMT_EXECUTE has (2 bytes each, and a name behind each where there
 * are names), for later ones that leave them out; none when it has none. `expected` as above. */
struct bytes query_params_mysql_types(const struct query_params *params, unsigned expected);
/* The name of the prepared statement in the body of PostgreSQL's Bind; none when that is cut, or
 * has none. */
struct bytes query_params_postgres_statement(struct bytes bind);
