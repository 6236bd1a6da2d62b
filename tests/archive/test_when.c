/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture/archive/when.h"

#define S   1000000000ull
#define DAY (86400 * S)
/* 2026-11-24T15:05:53Z */
#define NOW (1795532753 * S)
/* and the midnight before */
#define MIDNIGHT (1795478400 * S)

static void moments(void **state)
{
	static const struct {
		const char *text;
		uint64_t from, to;
	} rows[] = {
		{"2026-11-24T15:05:53Z", NOW, NOW},
		{"2026-11-24t15:05:53z", NOW, NOW},
		{"2026-11-24 15:05:53", NOW, NOW},
		{"2026-11-24T16:05:53+01:00", NOW, NOW},
		{"2026-11-24T09:35:53-0530", NOW, NOW},
		{"2026-11-24T15:05:53.336085011Z", NOW + 336085011, NOW + 336085011},
		{"2026-11-24T15:05:53,5", NOW + S / 2, NOW + S / 2},
		{"2026-11-24T15:05", NOW - 53 * S, NOW - 53 * S},
		{"15:05", NOW - 53 * S, NOW - 53 * S},
		{"2026-11-24", MIDNIGHT, MIDNIGHT + DAY},
		{"today", MIDNIGHT, MIDNIGHT + DAY},
		{"yesterday", MIDNIGHT - DAY, MIDNIGHT},
		{"now", NOW, NOW},
		{"-2h", NOW - 7200 * S, NOW - 7200 * S},
		{"-30m", NOW - 1800 * S, NOW - 1800 * S},
		{"-1d", NOW - DAY, NOW - DAY},
		{"1795532753", NOW, NOW},
		{"@1795532753.5", NOW + S / 2, NOW + S / 2},
		{"@0", 0, 0},
		{"1970-01-01", 0, DAY},
		{"2024-02-29", 1709164800 * S, 1709251200 * S},
		{"2100-03-01", 4107542400 * S, 4107628800 * S}, /* no leap year */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {""};
		uint64_t ns = 1;

		assert_int_equal(when_parse(rows[i].text, false, NOW, "--from", &ns, &err), 0);
		assert_int_equal(ns, rows[i].from);
		assert_int_equal(when_parse(rows[i].text, true, NOW, "--to", &ns, &err), 0);
		assert_int_equal(ns, rows[i].to);
	}
}

static void no_moments(void **state)
{
	static const char *const texts[] = {
		"",
		"x",
		"2",
		"tomorrow",
		"2026",
		"2026-11",
		"2026-13-01",
		"2026-11-31",
		"2025-02-29",
		"1969-12-31",
		"9999-01-01",
		"2026-11-24T",
		"2026-11-24T24:00",
		"2026-11-24T15:60",
		"2026-11-24T15:05:53+1",
		"2026-11-24T15:05:53Zx",
		"2026-11-24T15:05:53.Z",
		"-",
		"2h",
		"--2h",
		"-2y",
		"-99999999999d",
		"@",
		"@-1",
		"@1.",
		"@99999999999",
		"12345",
		"15:5",
		"15:05x",
		"15:05:",
		"15:05.5",
		"15:05:53 Z",
		"23:59:61",
		"2100-02-29",
		"1970-01-01T00:30:00+01:00",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err = {""};
		uint64_t ns = 77;

		if (when_parse(texts[i], false, NOW, "--from", &ns, &err) != -EINVAL)
			fail_msg("'%s' was taken as %llu", texts[i], (unsigned long long)ns);
		assert_int_equal(ns, 77);
		assert_int_equal(strncmp(err.text, "--from: ", 8), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments),
		cmocka_unit_test(no_moments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
