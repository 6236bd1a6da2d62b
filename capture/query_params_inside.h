/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The inside of capture/query_params.h: query_params.c finds the values, query_params_mysql.c and
 * query_params_postgres.c write out binary ones, query_params_write.c what both have in common. */
#include "capture/query_params.h"

/* Text that is written into the reader's scratch; what does not fit is left out. */
struct query_text {
	char *p;
	size_t n, room;
	bool cut;
};

void query_params_write(struct query_text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* \x and two digits for each byte. */
void query_params_write_hex(struct query_text *t, struct bytes raw);
/* As many digits as it takes to read the same number again (at most `most`); in the notation with
 * an exponent from 10^fixed on, and below 0.0001. The exponent has a sign and two digits, as
 * PostgreSQL writes it, or is as short as MySQL has it. */
struct query_params_real {
	double value;
	bool single;
	int fixed;
	bool long_exponent;
};
void query_params_write_real(struct query_text *t, const struct query_params_real *real);
/* Year, month and day, days after 1970-01-01 (Gregorian, also before there was that). */
struct query_params_date {
	int64_t year;
	unsigned month, day;
};
struct query_params_date query_params_date_of(int64_t days);
/* ".000123" without the zeroes at its end; nothing when it is 0. */
void query_params_write_fraction(struct query_text *t, uint32_t micros);

/* Takes a length as MySQL writes it, in 1 to 9 bytes, off rest. False: it is cut, or none. */
bool query_params_mysql_length(struct bytes *rest, uint64_t *ret);
/* Takes the value of that type (as in COM_STMT_EXECUTE) off rest. False: it is cut. What is text
 * goes to ret_text as it lies there. */
bool query_params_mysql_value(struct query_text *t, uint16_t type, struct bytes *rest,
			      struct query_value *ret);
/* False when raw is text as it is. */
bool query_params_postgres_value(struct query_text *t, uint32_t oid, struct bytes raw,
				 struct bytes *ret_text);
