/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/seccomp_check.h"

static void judges_by_how_the_child_ended(void **state)
{
	static const struct {
		int status, verdict;
	} cases[] = {
		{W_EXITCODE(SECCOMP_CHECK_PASSED, 0), 0},
		{W_EXITCODE(SECCOMP_CHECK_UNFILTERED, 0), 0},
		{W_EXITCODE(SECCOMP_CHECK_CAUGHT, 0), 1},
		{W_EXITCODE(0, SIGSYS), 1},
		{W_EXITCODE(0, SIGSEGV),
		 1}, /* the call was refused, and it went on at a wrong place */
		{W_EXITCODE(0, SIGILL), 1},
		{W_EXITCODE(0, SIGKILL), -ETIMEDOUT},
		{W_EXITCODE(SECCOMP_CHECK_REFUSED, 0), -EACCES},
		{W_EXITCODE(SECCOMP_CHECK_UNPROBED, 0), -ENODATA},
		{W_EXITCODE(99, 0), -ENODATA},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {""};

		assert_int_equal(seccomp_check_judge(cases[i].status, &err), cases[i].verdict);
		assert_int_equal(!err.text[0], cases[i].verdict >= 0);
	}
}

/* Here and now: a verdict, or the one reason why there is none; and nothing is left behind. */
static void finds_out(void **state)
{
	struct err err = {""};
	int verdict = seccomp_check(&err);

	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	if (verdict < 0) {
		print_message("skipped: %s\n", err.text);
		assert_true(geteuid() || strstr(err.text, "not known: Operation not"));
		skip();
	}
	assert_in_range(verdict, 0, 1);
	assert_int_equal(seccomp_check(&err), verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_by_how_the_child_ended),
		cmocka_unit_test(finds_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
