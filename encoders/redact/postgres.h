/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a client of PostgreSQL sends, as messages: constants in statements, parameters, rows of COPY
 * and passwords are masked.
 */
#include "encoders/redact/sql.h"

struct redact_postgres {
	uint8_t mode;     /* what comes next in the message: see postgres.c */
	uint8_t type;     /* of the message; 0 = one without a type: the first ones */
	bool searching;   /* it is not known where a message begins */
	uint8_t number_n; /* bytes of a number that is being read */
	uint32_t number;
	uint32_t left;        /* of the message */
	uint32_t count, size; /* of what Bind lists; of one parameter */
	struct sql_lex sql;
};

void redact_postgres_feed(struct redact_postgres *p, struct redact_copy *c, size_t from, size_t to,
			  bool call_begins);
void redact_postgres_gap(struct redact_postgres *p, uint64_t missing);
/* The connection's beginning was not seen. */
void redact_postgres_late(struct redact_postgres *p);
