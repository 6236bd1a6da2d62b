/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/base/near.h"

static const char *best(const char *typed, const char *const *names)
{
	struct near near = NEAR(typed);

	for (; *names; names++)
		near_try(&near, *names);
	return near.best;
}

static void slips(void **state)
{
	static const char *const names[] = {"record", "replay",      "exec",
					    "bash",   "max-payload", NULL};

	assert_string_equal(best("recrod", names), "record");
	assert_string_equal(best("repaly", names), "replay");
	assert_string_equal(best("bsah", names), "bash");
	assert_string_equal(best("exe", names), "exec");
	assert_string_equal(best("maxpayloads", names), "max-payload");
	assert_null(best("nosuch", names));
	assert_null(best("x", names));
	assert_null(best("", names));
	assert_null(best("a-name-that-is-longer-than-any-option-would-ever-be", names));
}

static void nearest(void **state)
{
	static const char *const names[] = {"stop", "stats", "status", NULL};

	assert_string_equal(best("statuss", names), "status");
	assert_string_equal(best("stat", names), "stats");
}

static void hint(void **state)
{
	struct near near = NEAR("pdi");
	char text[NEAR_HINT];

	assert_string_equal(near_hint(&near, "--", text), "");
	near_try(&near, "pid");
	assert_string_equal(near_hint(&near, "--", text), "; did you mean '--pid'?");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(slips),
		cmocka_unit_test(nearest),
		cmocka_unit_test(hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
