/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/source/clock.h"

struct shell shell_start(const char *path, void (*before)(const char *path))
{
	struct shell s;

	snprintf(s.path, sizeof(s.path), "%s", path);
	s.start_ns = clock_boot_ns();
	s.pid = forkpty(&s.tty, NULL, NULL, NULL);
	assert_true(s.pid >= 0);
	if (!s.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (before)
			before(path);
		execl(path, path, "--norc", "--noprofile", "-i", NULL);
		_exit(127);
	}
	return s;
}

/* Waits until the shell's output has this text. */
static void expect(const struct shell *s, const char *text)
{
	char got[65536];
	size_t n = 0;

	while (n < sizeof(got) - 1) {
		ssize_t r = read(s->tty, got + n, sizeof(got) - 1 - n);

		assert_true(r > 0);
		n += (size_t)r;
		got[n] = '\0';
		if (strstr(got, text))
			return;
	}
	fail_msg("no '%s' in the shell's output", text);
}

void shell_send(const struct shell *s, const char *line)
{
	assert_int_equal(write(s->tty, line, strlen(line)), (ssize_t)strlen(line));
}

void shell_type(const struct shell *s)
{
	/* What the terminal echoes is not what the command prints. */
	shell_send(s, "echo d'o'ne\n");
	expect(s, "done");
}

void shell_end(const struct shell *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	close(s->tty);
}
