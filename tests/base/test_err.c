/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture/base/err.h"

static void returns_its_code(void **state)
{
	struct err err;

	assert_int_equal(errf(&err, -ENOENT, "no %s", "file"), -ENOENT);
	assert_string_equal(err.text, "no file");
	assert_int_equal(errf(&err, -EIO, "later"), -EIO);
	assert_string_equal(err.text, "later");
	assert_int_equal(errf(NULL, -EPERM, "unheard"), -EPERM);
}

/* What a stranger put into a name must not become a second line or move the cursor. */
static void one_line(void **state)
{
	struct err err;

	errf(&err, -EINVAL, "'%s'", "a\nb\rc\033[2Jd");
	assert_string_equal(err.text, "'a b c [2Jd'");
}

static void is_cut(void **state)
{
	char text[2 * sizeof(struct err)];
	struct err err;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	errf(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(returns_its_code),
		cmocka_unit_test(one_line),
		cmocka_unit_test(is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
