/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "capture/archive/when.h"

#define S   1000000000ull
#define H   (3600 * S)
#define DAY (24 * H)

/* 2026-11-24T15:05:53.5Z */
static const uint64_t now_ns = 1795532753 * S + S / 2;
#define TODAY (1795478400 * S)

static const struct row {
	const char *text;
	uint64_t begin_ns, end_ns; /* 0 = the same */
} rows[] = {
	{"2026-11-24T15:05:53Z", 1795532753 * S, 0},
	{"2026-11-24t15:05:53z", 1795532753 * S, 0},
	{"2026-11-24 15:05:53", 1795532753 * S, 0},
	{"2026-11-24T15:05", 1795532700 * S, 0},
	{"2026-11-24T15:05:53.25", 1795532753 * S + S / 4, 0},
	{"2026-11-24T15:05:53,000000001Z", 1795532753 * S + 1, 0},
	{"2026-11-24T15:05:53.0000000019Z", 1795532753 * S + 1, 0},
	{"2026-11-24T16:05:53+01:00", 1795532753 * S, 0},
	{"2026-11-24T09:35:53-0530", 1795532753 * S, 0},
	{"2026-11-24T23:59:60", TODAY + DAY, 0},
	{"2026-11-24", TODAY, TODAY + DAY},
	{"1970-01-01", 1, DAY}, /* 1: stands for 0 */
	{"2024-02-29", 1709164800 * S, 1709164800 * S + DAY},
	{"2400-02-29", 13574563200 * S, 13574563200 * S + DAY},
	{"15:05", TODAY + 15 * H + 300 * S, 0},
	{"15:05:53.5", now_ns, 0},
	{"00:30+00:30", TODAY, 0},
	{"now", now_ns, 0},
	{"today", TODAY, TODAY + DAY},
	{"yesterday", TODAY - DAY, TODAY},
	{"-2h", now_ns - 2 * H, 0},
	{"-1d", now_ns - DAY, 0},
	{"@1795532753", 1795532753 * S, 0},
	{"@1795532753.5", now_ns, 0},
	{"1795532753.5", now_ns, 0},
	{"@7", 7 * S, 0},
	{"@9999999999", 9999999999 * S, 0},
};

static void test_times(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		uint64_t end_ns = row->end_ns ? row->end_ns : row->begin_ns, got = 0;
		struct err err = {""};

		if (when_parse(row->text, false, now_ns, "--from", &got, &err) < 0)
			fail_msg("%s", err.text);
		if (got != row->begin_ns && !(got == 0 && row->begin_ns == 1))
			fail_msg("%s: %llu", row->text, (unsigned long long)got);
		assert_int_equal(when_parse(row->text, true, now_ns, "--to", &got, &err), 0);
		if (got != end_ns)
			fail_msg("%s as an end: %llu", row->text, (unsigned long long)got);
	}
}

static void test_nonsense(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"noon",
		"-",
		"-x",
		"2026-11-24T",
		"2026-11-24 ",
		"2026-11-31",
		"2025-02-29",
		"2100-02-29",
		"2026-13-01",
		"2026-00-01",
		"2026-01-00",
		"1969-12-31",
		"2501-01-01",
		"26-11-24",
		"2026-11-24T1",
		"24:00",
		"23:60",
		"23:59:61",
		"15:05:",
		"15:05.5",
		"15:05:53.",
		"15:05:53Zx",
		"15:05+1",
		"15:05+24:00",
		"15:05+01:60",
		"15:05 Z",
		"@",
		"@x",
		"@12345678901",
		"12345678",
		"@1.",
		"@1.x",
		"@-1",
		"-999999999999999d",
		"1970-01-01T00:00+01:00",
		"2026-11-24T15:05:53Z ",
		":",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err = {""};
		uint64_t ns = 7;

		if (when_parse(texts[i], false, now_ns, "--from", &ns, &err) != -EINVAL)
			fail_msg("'%s' is a time: %llu", texts[i], (unsigned long long)ns);
		assert_int_equal(strncmp(err.text, "--from: '", 9), 0);
		assert_non_null(strstr(err.text, "it is like 2026-"));
		assert_int_equal(ns, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
