/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/query_params_inside.h"

void query_params_write(struct query_text *t, const char *format, ...)
{
	size_t room = t->room - t->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->p + t->n, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room) {
		n = room ? (int)room - 1 : 0;
		t->cut = true;
	}
	t->n += (size_t)n;
}

void query_params_write_hex(struct query_text *t, struct bytes raw)
{
	static const char digits[] = "0123456789abcdef";

	query_params_write(t, "\\x");
	for (size_t i = 0; i < raw.n; i++) {
		uint8_t byte = (uint8_t)raw.p[i];

		if (t->room - t->n < 3) {
			t->cut = true;
			return;
		}
		t->p[t->n++] = digits[byte >> 4];
		t->p[t->n++] = digits[byte & 15];
	}
}

/* ---- numbers ------------------------------------------------------------------------------- */

enum {
	SINGLE_DIGITS = 9, /* always enough */
	DOUBLE_DIGITS = 17,
	REAL_ROOM = 32
};

static bool real_reads_back(const struct query_params_real *real, const char *text)
{
	if (real->single)
		return strtof(text, NULL) == (float)real->value;
	return strtod(text, NULL) == real->value;
}

/* Returns the number of digits; text has the form of "1.25e+03". */
static int real_digits(const struct query_params_real *real, char text[REAL_ROOM])
{
	int most = real->single ? SINGLE_DIGITS : DOUBLE_DIGITS;

	for (int digits = 1;; digits++) {
		snprintf(text, REAL_ROOM, "%.*e", digits - 1, real->value);
		if (digits == most || real_reads_back(real, text))
			return digits;
	}
}

void query_params_write_real(struct query_text *t, const struct query_params_real *real)
{
	char text[REAL_ROOM];
	int digits, exponent;

	if (real->value != real->value || real->value - real->value != 0) {
		query_params_write(t, "%s",
				   real->value != real->value ? "NaN"
				   : real->value > 0          ? "Infinity"
							      : "-Infinity");
		return;
	}
	digits = real_digits(real, text);
	exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	if (exponent >= -4 && exponent < real->fixed)
		query_params_write(t, "%.*f", digits - 1 > exponent ? digits - 1 - exponent : 0,
				   real->value);
	else if (real->long_exponent)
		query_params_write(t, "%s", text);
	else
		query_params_write(t, "%.*se%d", (int)strcspn(text, "e"), text, exponent);
}

/* ---- times --------------------------------------------------------------------------------- */

enum {
	DAYS_ERA = 146097,  /* of 400 years */
	DAYS_EPOCH = 719468 /* from 0000-03-01 to 1970-01-01 */
};

/* Years that begin in March have their odd day at the end. */
struct query_params_date query_params_date_of(int64_t days)
{
	int64_t shifted = days + DAYS_EPOCH;
	int64_t era = (shifted >= 0 ? shifted : shifted - DAYS_ERA + 1) / DAYS_ERA;
	unsigned of_era = (unsigned)(shifted - era * DAYS_ERA);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_ERA - 1)) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153;
	unsigned day = of_year - (153 * month + 2) / 5 + 1;

	month = month < 10 ? month + 3 : month - 9;
	return (struct query_params_date){
		.year = era * 400 + year + (month <= 2), .month = month, .day = day};
}

void query_params_write_fraction(struct query_text *t, uint32_t micros)
{
	int digits = 6;

	if (!micros)
		return;
	while (micros % 10 == 0) {
		micros /= 10;
		digits--;
	}
	query_params_write(t, ".%0*u", digits, micros);
}
