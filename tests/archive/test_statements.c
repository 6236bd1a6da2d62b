/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/archive/statements.h"
#include "tests/support/events.h"

static struct statements *s;

static int setup(void **state)
{
	s = statements_new();
	return s ? 0 : -1;
}

static int teardown(void **state)
{
	statements_free(s);
	return 0;
}

static void add(const char *fingerprint, uint64_t duration_ns, uint64_t rows, bool failed)
{
	struct event ev = events_of(EVENT_QUERY);

	ev.query.fingerprint = bytes_of(fingerprint);
	ev.query.duration_ns = duration_ns;
	ev.query.rows_sent = rows;
	ev.query.failed = failed;
	statements_add(s, &ev);
}

static void by_their_time(void **state)
{
	const struct statement *v;
	struct statement rest;
	unsigned n;

	add("short", 10, 1, false);
	add("long", 1000, 5, false);
	add("short", 30, 2, true);
	add("also short", 40, 0, false);
	v = statements_sorted(s, &n, &rest);
	assert_int_equal(n, 3);
	assert_string_equal(v[0].text, "long");
	assert_string_equal(v[1].text, "short");
	assert_int_equal(v[1].calls, 2);
	assert_int_equal(v[1].failed, 1);
	assert_int_equal(v[1].rows, 3);
	assert_int_equal(v[1].total_ns, 40);
	assert_int_equal(v[1].longest_ns, 30);
	assert_string_equal(v[2].text, "also short");
	assert_int_equal(rest.calls, 0);
}

/* 95 of 100 calls, told a quarter too long at most, and never longer than the longest. */
static void ninety_five_percent(void **state)
{
	static const uint64_t times[] = {1, 255, 256, 257, 1000, 1024, 999999, 3600000000000};
	const struct statement *v;
	struct statement rest;
	char text[8];
	unsigned n;

	for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		snprintf(text, sizeof(text), "s%u", i);
		for (unsigned k = 0; k < 95; k++)
			add(text, times[i], 0, false);
		for (unsigned k = 0; k < 5; k++)
			add(text, 2 * times[i], 0, false);
	}
	v = statements_sorted(s, &n, &rest);
	assert_int_equal(n, sizeof(times) / sizeof(times[0]));
	for (unsigned i = 0; i < n; i++) {
		uint64_t time = times[n - 1 - i], p95 = statements_p95(&v[i]);

		assert_in_range(p95, time, time < 256 || time >> 40 ? 2 * time : time + time / 4);
	}
	add("s7", 4 * times[7], 0, false); /* now there are 6 of 101 */
	v = statements_sorted(s, &n, &rest);
	assert_non_null(v);
	assert_int_equal(statements_p95(&v[0]), 4 * times[7]);
}

/* Once each, when it has ended. */
static void what_counts(void **state)
{
	struct event ev = events_of(EVENT_QUERY);
	const struct statement *v;
	struct statement rest;
	unsigned n;

	ev.query.fingerprint = BYTES("a\x1b[31m\nb");
	ev.query.has_rows = true;
	ev.query.rows = 7;
	statements_add(s, &ev);
	ev.flags = EVENT_F_UNFINISHED;
	statements_add(s, &ev);
	ev.flags = 0;
	ev.query.failed = false;
	ev.query.command = "prepare";
	statements_add(s, &ev);
	ev.query.command = "bind";
	statements_add(s, &ev);
	v = statements_sorted(s, &n, &rest);
	assert_int_equal(n, 1);
	assert_int_equal(v[0].calls, 1);
	assert_int_equal(v[0].rows, 7);
	assert_string_equal(v[0].text, "a?[31m?b"); /* it is shown on a terminal */
	ev.query.failed = true;
	statements_add(s, &ev);
	ev.query.fingerprint.n = 0; /* the name of a database has none */
	statements_add(s, &ev);
	v = statements_sorted(s, &n, &rest);
	assert_int_equal(n, 1);
	assert_int_equal(v[0].calls, 2);
}

static void bounded(void **state)
{
	const struct statement *v;
	struct statement rest;
	uint64_t calls = 0;
	char text[32];
	unsigned n;

	for (unsigned i = 0; i < STATEMENTS_MOST + 100; i++) {
		snprintf(text, sizeof(text), "select %u", i);
		add(text, 1, 1, false);
	}
	v = statements_sorted(s, &n, &rest);
	assert_int_equal(n, STATEMENTS_MOST);
	assert_int_equal(rest.calls, 100);
	for (unsigned i = 0; i < n; i++)
		calls += v[i].calls;
	assert_int_equal(calls, STATEMENTS_MOST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(by_their_time), TEST(ninety_five_percent),
					   TEST(what_counts), TEST(bounded)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
