/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/otlp_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/encoding.h"

/* Fields that the schema does not have stand there by their number. */
static void record_assert_known(const char *text)
{
	for (const char *c = text; *c; c++) {
		size_t digits = c == text || c[-1] == ' ' ? strspn(c, "0123456789") : 0;

		if (digits && (c[digits] == ':' || !strncmp(c + digits, " {", 2)))
			fail_msg("an unknown field in: %s", c);
	}
}

char *otlp_record_decoded(const char *message, const void *p, size_t n)
{
	int status;
	char *text = encoding_run(&status,
				  "protoc -Itests/support --decode=otlp.%s tests/support/otlp.proto"
				  " <%s 2>&1",
				  message, encoding_file(p, n));
	char *to = text;

	assert_int_equal(status, 0);
	for (const char *from = text; *from; from++)
		if ((*from != ' ' && *from != '\n') || (to > text && to[-1] != ' '))
			*to++ = *from == '\n' ? ' ' : *from;
	*to = '\0';
	assert_null(strstr(text, "UTF-8"));
	record_assert_known(text);
	return text;
}

char *otlp_record_of(const struct event *ev)
{
	const struct encoder_ops *ops = encoder_by_name("otlp");
	struct encoding e;
	char *text;

	encoding_open(&e, ops, NULL, NULL);
	assert_int_equal(encoding_add(&e, ev), 0);
	encoding_ship(&e);
	text = otlp_record_decoded("ScopeLogs", e.p, e.n);
	encoding_close(&e);
	return text;
}

void otlp_record_says(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("no '%s' in: %s", what, text);
}

void otlp_record_silent(const char *text, const char *what)
{
	if (strstr(text, what))
		fail_msg("'%s' in: %s", what, text);
}
