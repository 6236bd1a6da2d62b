/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kern/events.h"
#include "tests/support/encoding.h"
#include "tests/support/events.h"

extern const struct encoder_ops encoder_text;

#define HEAD  "13:08:00.123    1234 bash            "
#define BELOW "                                     > "

static void assert_row(const struct event *ev, const char *options, bool colour, const char *want)
{
	const struct encoder_env env = {.colour = colour};
	struct encoding e;

	encoding_open(&e, &encoder_text, options, &env);
	assert_int_equal(encoding_add(&e, ev), 0);
	encoding_end(&e);
	assert_string_equal((char *)e.p, want);
	encoding_close(&e);
}

static struct event statement(const char *text)
{
	struct event ev = events_of(EVENT_QUERY);

	ev.query = (struct event_query){.system = "postgresql",
					.side = "server",
					.command = "query",
					.text = bytes_of(text),
					.text_total = strlen(text),
					.user = BYTES("alice"),
					.database = BYTES("shop"),
					.duration_ns = 842000};
	return ev;
}

static void outcomes(void **state)
{
	struct event ev = statement("select 1");
	struct event_query *q = &ev.query;

	q->has_rows = q->has_rows_sent = true;
	q->rows_sent = 1;
	assert_row(&ev, NULL, false, HEAD "alice@shop: select 1  [1 row, 842 us]\n");
	q->rows = 2;
	q->rows_sent = 3;
	q->results = 2;
	q->warnings = 1;
	assert_row(&ev, NULL, false,
		   HEAD "alice@shop: select 1  [2 rows, 3 sent, 2 results, 1 warning, 842 us]\n");
	q->rows = q->rows_sent = q->results = q->warnings = 0;
	assert_row(&ev, NULL, false, HEAD "alice@shop: select 1  [0 rows, 842 us]\n");
	q->failed = true;
	q->sqlstate = BYTES("42P01");
	q->message = BYTES("relation \"x\" does\nnot exist");
	assert_row(&ev, NULL, false,
		   HEAD "alice@shop: select 1  [ERROR 42P01: relation \"x\" does\\nnot exist, "
			"842 us]\n");
	q->error = 1146;
	q->database.n = 0;
	assert_row(&ev, NULL, false,
		   HEAD "alice: select 1  [ERROR 1146 (42P01): relation \"x\" does\\nnot exist, "
			"842 us]\n");
	ev = statement("select sleep(9)");
	ev.query.duration_ns = 0;
	ev.query.user.n = 0;
	ev.flags = EVENT_F_UNFINISHED;
	assert_row(&ev, NULL, false, HEAD "@shop: select sleep(9)  [unfinished]\n");
}

/* What stands in a program is indented by what surrounds it, and has ends of lines of any sort. */
static void lines(void **state)
{
	struct event ev = statement("\n\t\tselect a,\r\n\t\t       b\n\n\t\tfrom t\n\t");

	assert_row(&ev, NULL, false,
		   HEAD "alice@shop: select a,\n" BELOW "       b\n" BELOW "\n" BELOW
			"from t  [842 us]\n");
	ev = statement("a\n\x1b[31mb\nc");
	assert_row(&ev, NULL, false,
		   HEAD "alice@shop: a\n" BELOW "\\e[31mb\n" BELOW "c  [842 us]\n");
	ev = statement("");
	assert_row(&ev, NULL, false, HEAD "alice@shop:   [842 us]\n");
	ev = statement("0123456789\n");
	ev.query.text_total = 100;
	assert_row(&ev, "body=4", false, HEAD "alice@shop: 0123 [... 95 bytes more]  [842 us]\n");
	assert_row(&ev, NULL, false, HEAD "alice@shop: 0123456789 [... 89 bytes more]  [842 us]\n");
}

static void commands(void **state)
{
	static const char *const rows[][2] = {
		{"query", HEAD "alice@shop: x  [842 us]\n"},
		{"execute", HEAD "alice@shop: x  [842 us]\n"},
		{"prepare", HEAD "alice@shop: prepare s: x  [842 us]\n"},
		{"bind", HEAD "alice@shop: bind x  [842 us]\n"},
		{"call", HEAD "alice@shop: call x  [842 us]\n"},
		{"database", HEAD "alice@shop: use x  [842 us]\n"},
		{"change_user", HEAD "alice@shop: change user x  [842 us]\n"},
	};
	struct event ev = statement("x");

	ev.query.statement_name = BYTES("s");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ev.query.command = rows[i][0];
		assert_row(&ev, NULL, false, rows[i][1]);
	}
	ev = statement("inner");
	ev.query.outer = 5;
	assert_row(&ev, NULL, false, HEAD "  alice@shop: + inner  [842 us]\n");
}

static void values(void **state)
{
	struct event ev = statement("select $1");
	char many[30 * 5];

	ev.query.params.format = QUERY_PARAMS_LIST;
	ev.query.params.raw = BYTES("\3\0\0\0-.5\377\377\377\377\4\0\0\0it's\1\0\0\0-\0\0\0\0"
				    "\4\0\0\0NULL");
	assert_row(&ev, NULL, false,
		   HEAD "alice@shop: select $1  ($1=-.5, $2=NULL, $3='it''s', $4='-', $5='', "
			"$6='NULL')  [842 us]\n");
	ev.query.params.raw = BYTES("\5\0\0\0"
				    "1\n2\xff'");
	ev.query.params.cut = true;
	assert_row(&ev, NULL, false,
		   HEAD "alice@shop: select $1  ($1='1\\n2\\xff''', ...)  [842 us]\n");
	ev.query.params.raw = BYTES("\104\0\0\0"
				    "0123456789012345678901234567890123456789"
				    "0123456789012345678901234567");
	ev.query.params.cut = false;
	assert_row(&ev, NULL, false,
		   HEAD "alice@shop: select $1  ($1='01234567890123456789012345678901234567890123"
			"45678901234567890123'...)  [842 us]\n");
	for (unsigned i = 0; i < 30; i++)
		memcpy(many + 5 * i,
		       "\1\0\0\0"
		       "7",
		       5);
	ev.query.params.raw = (struct bytes){many, sizeof(many)};
	assert_row(&ev, NULL, false,
		   HEAD "alice@shop: select $1  ($1=7, $2=7, $3=7, $4=7, $5=7, $6=7, $7=7, $8=7, "
			"$9=7, $10=7, $11=7, $12=7, $13=7, $14=7, $15=7, $16=7, $17=7, $18=7, "
			"$19=7, $20=7, ...)  [842 us]\n");
	ev.query.params.raw.n = 0;
	assert_row(&ev, NULL, false, HEAD "alice@shop: select $1  [842 us]\n");
}

static void colours(void **state)
{
	struct event ev = statement("x");

	ev.query.failed = true;
	assert_row(&ev, NULL, true,
		   "\033[2m13:08:00.123\033[0m    1234 \033[1mbash\033[0m            "
		   "\033[2malice@shop: \033[0mx\033[31m  [ERROR, 842 us]\033[0m\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes), cmocka_unit_test(lines),   cmocka_unit_test(commands),
		cmocka_unit_test(values),   cmocka_unit_test(colours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
