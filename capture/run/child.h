/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * COMMAND: forked before the capture is ready, so that its pid can be in the filters, and held
 * until child_release(), so that its first instruction is recorded.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "capture/run/signals.h"
#include "capture/run/user.h"

/* How it ended, as a shell tells it. */
enum child_exit {
	CHILD_FAILED = 125,  /* we failed, where else its own status is returned */
	CHILD_NO_EXEC = 126, /* it is there, but cannot be run */
	CHILD_NOT_FOUND = 127,
	CHILD_SIGNAL = 128, /* + number */
};

struct child {
	pid_t pid;   /* 0 = none */
	int hold_fd; /* -1 = released */
	bool ended;
	int status; /* as in $?: 128 + signal when it was killed */
};

struct child_config {
	char **argv;
	const struct user *user; /* as whom it runs, if user->set */
	const struct signals *signals;
	bool stdout_taken; /* by an output: its own goes to stderr */
};

/* Before any thread is made. cfg is borrowed for the call. */
int child_fork(const struct child_config *cfg, struct child *ret, struct err *err);
/* It executes now. A program that cannot be run ends with 126 or 127 and a line on stderr. */
void child_release(struct child *c);
/* After SIGCHLD: has it ended? */
bool child_ended(struct child *c);
/* It never executes, if it was not released; its process is gone. Nothing to do when it has ended.
 */
void child_cancel(struct child *c);
