/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Interactive shells on a terminal of their own, for tests that need a target to run. They end with
 * the test. */
#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

struct shell {
	pid_t pid;
	int tty;
	char path[PATH_MAX];
	uint64_t start_ns; /* boot time just before the fork */
};

/* Starts path, a bash; `before` (may be NULL) runs in the child and gets the path. */
struct shell shell_start(const char *path, void (*before)(const char *path));
/* Types a line and waits until the shell has run it. */
void shell_type(const struct shell *s);
/* Types something that nothing is waited for. */
void shell_send(const struct shell *s, const char *line);
void shell_end(const struct shell *s);
