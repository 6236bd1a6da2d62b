/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/base/parse.h"

static const uint64_t untouched = 4711;

static void numbers(void **state)
{
	uint64_t v = untouched;
	uint32_t w = 7;

	assert_int_equal(parse_u64("18446744073709551615", &v), 0);
	assert_true(v == UINT64_MAX);
	v = untouched;
	assert_int_equal(parse_u64("18446744073709551616", &v), -ERANGE);
	assert_int_equal(parse_u64("", &v), -EINVAL);
	assert_int_equal(parse_u64("-1", &v), -EINVAL);
	assert_int_equal(parse_u64("+1", &v), -EINVAL);
	assert_int_equal(parse_u64(" 1", &v), -EINVAL);
	assert_int_equal(parse_u64("1 ", &v), -EINVAL);
	assert_int_equal(parse_u64("0x10", &v), -EINVAL);
	assert_true(v == untouched);
	assert_int_equal(parse_u32("4294967295", &w), 0);
	assert_true(w == UINT32_MAX);
	assert_int_equal(parse_u32("4294967296", &w), -ERANGE);
	assert_true(w == UINT32_MAX);
}

static void sizes(void **state)
{
	uint64_t v = untouched;

	assert_int_equal(parse_size("K", &v), -EINVAL);
	assert_int_equal(parse_size("1.5M", &v), -EINVAL);
	assert_int_equal(parse_size("1MB", &v), -EINVAL);
	assert_int_equal(parse_size("16777216T", &v), -ERANGE);
	assert_true(v == untouched);
	assert_int_equal(parse_size("123", &v), 0);
	assert_int_equal(v, 123);
	assert_int_equal(parse_size("64K", &v), 0);
	assert_int_equal(v, 65536);
	assert_int_equal(parse_size("1G", &v), 0);
	assert_int_equal(v, 1 << 30);
}

static void durations(void **state)
{
	uint64_t v = untouched;

	assert_int_equal(parse_duration("1x", &v), -EINVAL);
	assert_int_equal(parse_duration("ms", &v), -EINVAL);
	assert_int_equal(parse_duration("1s500ms", &v), -EINVAL);
	assert_int_equal(parse_duration("213504d", &v), -ERANGE);
	assert_true(v == untouched);
	assert_int_equal(parse_duration("3", &v), 0);
	assert_true(v == 3000000000ull);
	assert_int_equal(parse_duration("500ms", &v), 0);
	assert_true(v == 500000000ull);
	assert_int_equal(parse_duration("2d", &v), 0);
	assert_true(v == 172800000000000ull);
}

/* What is shown is exact: parsed again it is the same. */
static void shown(void **state)
{
	static const uint64_t values[] = {
		0, 1, 1000, 1024, 1536, 16 << 20, 3600000000000ull, 1500000000, UINT64_MAX};
	char text[PARSE_SHOW];
	uint64_t v;

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_int_equal(parse_size(parse_show_size(values[i], text), &v), 0);
		assert_true(v == values[i]);
		assert_int_equal(parse_duration(parse_show_duration(values[i], text), &v), 0);
		assert_true(v == values[i]);
	}
	assert_string_equal(parse_show_size(16 << 20, text), "16M");
	assert_string_equal(parse_show_duration(1500000000, text), "1500ms");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(sizes),
		cmocka_unit_test(durations),
		cmocka_unit_test(shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
