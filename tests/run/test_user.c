/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/run/user.h"

static int no_sudo(void **state)
{
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	return 0;
}

static void nobody_in_particular(void **state)
{
	struct user user = {.set = true};

	assert_int_equal(user_find(NULL, &user, NULL), 0);
	assert_false(user.set);
}

static void unknown(void **state)
{
	struct user user;
	struct err err;

	assert_int_equal(user_find("no-such-user", &user, &err), -EINVAL);
	assert_string_equal(err.text, "--user: there is no user 'no-such-user'");
}

static void who_called_sudo(void **state)
{
	struct user user;

	if (geteuid() != 0)
		skip();
	setenv("SUDO_UID", "65534", 1);
	setenv("SUDO_GID", "12", 1);
	assert_int_equal(user_find(NULL, &user, NULL), 0);
	assert_true(user.set);
	assert_int_equal(user.uid, 65534);
	assert_int_equal(user.gid, 12);
	assert_int_equal(user_find("0", &user, NULL), 0);
	assert_int_equal(user.uid, 0);
	assert_string_equal(user.name, "root");
	setenv("SUDO_UID", "-1", 1);
	assert_int_equal(user_find(NULL, &user, NULL), 0);
	assert_false(user.set);
}

/* No way back, and nothing of root is kept. */
static void becomes(void **state)
{
	struct user user;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(user_find("65534", &user, NULL), 0);
	pid = fork();
	if (pid == 0) {
		gid_t groups[32];
		int n, bad = user_become(&user) < 0;

		n = getgroups(32, groups);
		for (int i = 0; i < n; i++)
			bad |= groups[i] == 0;
		bad |= setuid(0) == 0 || getuid() != 65534 || getegid() != user.gid;
		bad |= strcmp(getenv("HOME"), user.home) != 0;
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nobody_in_particular, no_sudo),
		cmocka_unit_test_setup(unknown, no_sudo),
		cmocka_unit_test_setup_teardown(who_called_sudo, no_sudo, no_sudo),
		cmocka_unit_test(becomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
