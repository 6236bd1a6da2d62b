/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/run/child.h"
#include "tests/support/temp.h"

static struct signals signals;

static int catch_signals(void **state)
{
	return signals_catch(&signals, NULL);
}

static void start(char **argv, struct child *c)
{
	static const struct user nobody;
	struct child_config cfg = {.argv = argv, .user = &nobody, .signals = &signals};

	assert_int_equal(child_fork(&cfg, c, NULL), 0);
	assert_true(c->pid > 0);
}

/* Waits for SIGCHLD; returns COMMAND's status. */
static int finish(struct child *c)
{
	struct pollfd p = {.fd = signals.fd, .events = POLLIN};
	struct signalfd_siginfo info;

	while (!child_ended(c)) {
		assert_int_equal(poll(&p, 1, 10000), 1);
		assert_true(signals_next(&signals, &info));
		assert_int_equal(info.ssi_signo, SIGCHLD);
	}
	return c->status;
}

static int status_of(char **argv)
{
	struct child c;

	start(argv, &c);
	child_release(&c);
	return finish(&c);
}

static void statuses(void **state)
{
	assert_int_equal(status_of((char *[]){"true", NULL}), 0);
	assert_int_equal(status_of((char *[]){"sh", "-c", "exit 7", NULL}), 7);
	assert_int_equal(status_of((char *[]){"sh", "-c", "kill -KILL $$", NULL}), 137);
	assert_int_equal(status_of((char *[]){"/nonexistent/program", NULL}), 127);
	assert_int_equal(status_of((char *[]){"/etc/passwd", NULL}), 126);
}

/* It must not execute before the capture is ready. */
static void is_held(void **state)
{
	char path[PATH_MAX];
	char *argv[] = {"touch", path, NULL};
	struct child c;

	temp_path(path, "mark");
	start(argv, &c);
	assert_false(child_ended(&c));
	child_cancel(&c);
	assert_true(child_ended(&c));
	assert_int_equal(access(path, F_OK), -1);
	start(argv, &c);
	child_release(&c);
	assert_int_equal(finish(&c), 0);
	assert_int_equal(access(path, F_OK), 0);
}

/* What we block and ignore must not be inherited by COMMAND. */
static void signals_are_its_own(void **state)
{
	char *argv[] = {"sh", "-c",
			"grep -q '^SigBlk:.0*$' /proc/self/status && "
			"grep -q '^SigIgn:.0*$' /proc/self/status",
			NULL};

	assert_int_equal(status_of(argv), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses),
		cmocka_unit_test(is_held),
		cmocka_unit_test(signals_are_its_own),
	};

	return cmocka_run_group_tests(tests, catch_signals, NULL);
}
