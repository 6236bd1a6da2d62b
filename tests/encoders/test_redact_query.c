/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What outputs show of statements: no passwords unless they are asked to; with redact=on, no values
 * at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/query_params.h"
#include "capture/redact.h"
#include "kern/events.h"
#include "tests/support/events.h"

static const struct redact_config by_default = {.passwords = true,
						.payload_max = REDACT_PAYLOAD_FULL};
static const struct redact_config redacted = {
	.secrets = true, .passwords = true, .payload_max = REDACT_PAYLOAD_FULL};

static struct event statement(const char *system, const char *text, const char *message)
{
	struct event ev = events_of(EVENT_QUERY);

	ev.flags = 0;
	ev.query.system = system;
	ev.query.text = bytes_of(text);
	ev.query.text_total = ev.query.text.n;
	ev.query.message = bytes_of(message);
	ev.query.params = (struct query_params){0};
	return ev;
}

static struct redact *view(const struct redact_config *cfg, struct event *ev)
{
	struct redact *r;

	assert_int_equal(redact_new(cfg, &r, NULL), 0);
	assert_true(redact_view(ev, r));
	return r;
}

static void expect_text(struct bytes text, const char *want)
{
	assert_int_equal(text.n, strlen(want));
	assert_memory_equal(text.p, want, text.n);
}

struct row {
	const char *system, *text, *message, *want, *want_message;
};

static void expect_rows(const struct redact_config *cfg, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct event ev = statement(rows[i].system, rows[i].text, rows[i].message);
		struct redact *r = view(cfg, &ev);
		bool same = ev.query.text.p == rows[i].text;

		expect_text(ev.query.text, rows[i].want ? rows[i].want : rows[i].text);
		expect_text(ev.query.message,
			    rows[i].want_message ? rows[i].want_message : rows[i].message);
		assert_int_equal(same, !rows[i].want); /* no copy without a reason */
		assert_int_equal(!!(ev.flags & EVENT_F_REDACTED),
				 rows[i].want || rows[i].want_message);
		redact_free(r);
	}
}

static void passwords_are_masked(void **state)
{
	static const struct row rows[] = {
		{"mysql", "create user u identified by 'pw'", "",
		 "create user u identified by '**'", NULL},
		{"postgresql", "alter role r password 'pw' foo", "syntax error at or near \"foo\"",
		 "alter role r password '**' foo", "syntax error at or near \"***\""},
		{"mysql", "create user u identified by 'pw' 'x",
		 "You have an error near 'by 'pw' 'x' at line 1",
		 "create user u identified by '**' '*",
		 "You have an error near '**********' at line 1"},
		{"mysql", "select 'pw', 5 from password", "Table 'd.password' doesn't exist", NULL,
		 NULL},
		{"postgresql", "select \"identified by 'x'\"", "", NULL, NULL},
	};

	expect_rows(&by_default, rows, sizeof(rows) / sizeof(rows[0]));
}

static void values_are_masked(void **state)
{
	static const struct row rows[] = {
		{"mysql", "select 'pw', 5 from t5 -- 'x'", "", "select '**', * from t5 -- 'x'",
		 NULL},
		{"mysql", "insert into t values(\"a\", 1e-5)",
		 "Duplicate entry 'a-1' for key 'PRIMARY'", "insert into t values(\"*\", ****)",
		 "Duplicate entry '*********************'"},
		{"mysql", "select a from t", "Table 'd.t' doesn't exist at line 1", NULL,
		 "Table '***' doesn't exist at line *"},
		{"postgresql", "select 'a'::int", "invalid input syntax for type integer: \"a\"",
		 "select '*'::int", "invalid input syntax for type integer: \"*\""},
		{"postgresql", "select a", "it's \"not closed", NULL, "it's \"**********"},
	};

	expect_rows(&redacted, rows, sizeof(rows) / sizeof(rows[0]));
}

static void asked_for_they_are_shown(void **state)
{
	const struct redact_config cfg = {.payload_max = 3};
	struct event ev = statement("mysql", "create user u identified by 'pw'", "near 'pw'");
	struct redact *r = view(&cfg, &ev);

	expect_text(ev.query.text, "create user u identified by 'pw'"); /* nor is it cut */
	expect_text(ev.query.message, "near 'pw'");
	assert_int_equal(ev.flags & (EVENT_F_REDACTED | EVENT_F_TRUNCATED), 0);
	redact_free(r);
}

static void names_stay(void **state)
{
	struct event ev = statement("mysql", "2020_db", "");
	struct redact *r;

	ev.query.command = "database";
	r = view(&redacted, &ev);
	expect_text(ev.query.text, "2020_db");
	redact_free(r);
}

/* ---- values -------------------------------------------------------------------------------- */

static void expect_values(const struct event *ev, unsigned places, const char *const *want)
{
	struct query_params_reader reader;
	struct query_value value;

	assert_int_equal(query_params_begin(&reader, &ev->query.params, places), 0);
	for (; *want; want++) {
		assert_int_equal(query_params_next(&reader, &value), 1);
		if (value.null)
			assert_string_equal(*want, "NULL");
		else
			expect_text(value.text, *want);
	}
	assert_int_equal(query_params_next(&reader, &value), 0);
}

static const struct query_params mysql_params = {
	.raw = BYTES("\4\1\3\0\xfd\0\xfd\0\377\377\377\377\20password=abc x=1"),
	.format = QUERY_PARAMS_MYSQL};
static const struct query_params postgres_params = {
	.raw = BYTES("p\0s\0\0\1\0\1\0\3\0\0\0\4\0\0\0\5\377\377\377\377\0\0\0\2ab\0\0"),
	.format = QUERY_PARAMS_POSTGRES};

static void values_of_statements_are_masked(void **state)
{
	static const char *const mysql_want[] = {"**", "****************", "NULL", NULL};
	static const char *const postgres_want[] = {"**********", "NULL", "******", NULL};
	struct event ev = statement("mysql", "select ?, ?, ?", "");
	struct redact *r;

	ev.query.params = mysql_params;
	r = view(&redacted, &ev);
	expect_values(&ev, 3, mysql_want);
	assert_true(ev.flags & EVENT_F_REDACTED);
	redact_free(r);
	ev = statement("postgresql", "select $1, $2, $3", "");
	ev.query.params = postgres_params;
	r = view(&redacted, &ev);
	expect_values(&ev, 0, postgres_want);
	redact_free(r);
}

static void what_cannot_be_read_is_not_told(void **state)
{
	struct event ev = statement("mysql", "select ?, ?, ?", "");
	struct redact *r;

	ev.query.params = mysql_params;
	ev.query.params.raw.n = 5;
	r = view(&redacted, &ev);
	assert_int_equal(ev.query.params.raw.n, 0);
	assert_true(ev.query.params.cut);
	redact_free(r);
}

static void passwords_in_values_are_masked(void **state)
{
	static const char *const want[] = {"-1", "password=*** x=1", "NULL", NULL};
	struct event ev = statement("mysql", "select ?, ?, ?", "");
	struct redact *r;

	ev.query.params = mysql_params;
	r = view(&by_default, &ev);
	assert_true(ev.flags & EVENT_F_REDACTED);
	expect_values(&ev, 3, want);
	redact_free(r);
}

/* What is bound to the place of a password is one, whatever it looks like; the others stay. */
static void values_that_are_passwords_are_masked(void **state)
{
	static const char *const mysql_want[] = {"-1", "****************", "NULL", NULL};
	static const char *const postgres_want[] = {"\\x00000005", "NULL", "******", NULL};
	struct event ev = statement("mysql", "insert into u(id, password, x) values (?, ?, ?)",
				    "Duplicate entry 'abc' for key 'PRIMARY'");
	struct redact *r;

	ev.query.params = mysql_params;
	r = view(&by_default, &ev);
	expect_values(&ev, 3, mysql_want);
	expect_text(ev.query.text, "insert into u(id, password, x) values (?, ?, ?)");
	expect_text(ev.query.message, "Duplicate entry '*********************'");
	assert_true(ev.flags & EVENT_F_REDACTED);
	redact_free(r);
	ev = statement("postgresql", "update u set password = crypt($3, $2) where id = $1", "");
	ev.query.params = postgres_params;
	r = view(&by_default, &ev);
	expect_values(&ev, 0, postgres_want);
	assert_true(ev.flags & EVENT_F_REDACTED);
	redact_free(r);
}

/* Of a statement that was cut it is not known what is bound to places behind the cut. */
static void values_of_what_is_cut_are_masked(void **state)
{
	static const char *const want[] = {"**********", "NULL", "******", NULL};
	struct event ev = statement("postgresql", "insert into u(id, password) values ($1, ", "");
	struct redact *r;

	ev.query.text_total = ev.query.text.n + 10;
	ev.query.params = postgres_params;
	r = view(&by_default, &ev);
	expect_values(&ev, 0, want);
	redact_free(r);
}

/* In GBK, the last byte of a character may be a backslash: it is not known that it escapes. */
static void what_may_be_a_constant_is_masked(void **state)
{
	struct event ev = statement("mysql", "select '\xbf\\', 'pw', \"\xbf\\\"", "");
	struct redact *r;

	ev.query.fingerprint = BYTES("select ?pw?");
	r = view(&redacted, &ev);
	expect_text(ev.query.fingerprint, "select ?**?");

	assert_null(memmem(ev.query.text.p, ev.query.text.n, "pw", 2));
	assert_int_equal(memcmp(ev.query.text.p, "select '**", 10), 0);
	redact_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords_are_masked),
		cmocka_unit_test(values_are_masked),
		cmocka_unit_test(asked_for_they_are_shown),
		cmocka_unit_test(names_stay),
		cmocka_unit_test(values_of_statements_are_masked),
		cmocka_unit_test(what_cannot_be_read_is_not_told),
		cmocka_unit_test(passwords_in_values_are_masked),
		cmocka_unit_test(values_that_are_passwords_are_masked),
		cmocka_unit_test(values_of_what_is_cut_are_masked),
		cmocka_unit_test(what_may_be_a_constant_is_masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
