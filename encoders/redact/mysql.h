/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a client of MySQL or MariaDB sends, as packets: constants in statements, parameters of
 * prepared ones, and all that it logs in with but the name of the user are masked.
 */
#include "encoders/redact/sql.h"

struct redact_mysql {
	uint8_t mode;    /* what the payload is: see mysql.c */
	bool begun;      /* the login was seen, or missed */
	bool continues;  /* the last packet was of the largest size: this one goes on with it */
	bool compressed; /* after the login, nothing can be read */
	bool searching;  /* it is not known where a packet begins */
	uint8_t head_n;
	uint8_t head[4];
	uint8_t auth;  /* bytes of the login's answer to come */
	uint32_t left; /* of the payload */
	uint32_t at;   /* in it */
	struct sql_lex sql;
};

void redact_mysql_feed(struct redact_mysql *m, struct redact_copy *c, size_t from, size_t to,
		       bool call_begins);
void redact_mysql_gap(struct redact_mysql *m, uint64_t missing);
/* The connection's beginning was not seen. */
void redact_mysql_late(struct redact_mysql *m);
