/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a statement: fingerprints fit and are the same for the same, passwords lie in the
 * text, and each byte is the same thing wherever the text is cut. The first byte says
 * which dialect, and where. */
#include <stdlib.h>

#include "capture/base/utf8.h"
#include "capture/sql_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool good)
{
	if (!good)
		abort();
}

static void password_found(size_t from, size_t to, void *arg)
{
	must(from < to && to <= *(size_t *)arg);
}

static void place_found(unsigned place, void *arg)
{
	must(place <= *(size_t *)arg || place <= UINT16_MAX * 10 + 9);
}

/* What is masked, as redact=on would: strings and numbers. */
static void lex_all(struct bytes text, enum sql_dialect dialect, size_t cut, char *masked)
{
	struct sql_lex s;
	size_t at = 0;

	sql_lex_begin(&s, dialect);
	while (at < text.n) {
		enum sql_run run;
		size_t end = sql_lex_run(&s, text.p, at, at < cut ? cut : text.n, &run);

		must(end > at && end <= text.n);
		memset(masked + at, run == SQL_RUN_STRING || run == SQL_RUN_NUMBER, end - at);
		at = end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	enum sql_dialect dialect = n && data[0] & 1 ? SQL_POSTGRES : SQL_MYSQL;
	size_t cut = n > 1 ? (data[0] >> 1) % n : 0;
	char *text, *masks, print[2][SQL_FINGERPRINT_MAX];
	size_t prints;

	if (n < 2)
		return 0;
	data++;
	n--;
	text = malloc(n); /* a sanitizer sees each byte too many */
	masks = malloc(2 * n);
	must(text && masks);
	memcpy(text, data, n);
	prints = sql_text_fingerprint((struct bytes){text, n}, dialect, print[0]);
	must(prints <= SQL_FINGERPRINT_MAX);
	must(sql_text_fingerprint((struct bytes){text, n}, dialect, print[1]) == prints);
	must(!memcmp(print[0], print[1], prints));
	must(!utf8_valid((struct bytes){text, n}) || utf8_valid((struct bytes){print[0], prints}));
	must(sql_text_places((struct bytes){text, n}) <= n);
	sql_text_passwords((struct bytes){text, n}, dialect, password_found, &n);
	sql_text_value_passwords((struct bytes){text, n}, dialect, password_found, &n);
	sql_text_password_places((struct bytes){text, n}, dialect, place_found, &n);
	lex_all((struct bytes){text, n}, dialect, n, masks);
	lex_all((struct bytes){text, n}, dialect, cut, masks + n);
	must(!memcmp(masks, masks + n, n));
	free(masks);
	free(text);
	return 0;
}
