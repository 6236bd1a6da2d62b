/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The signals of a run, as a descriptor. SIGINT ends a run even where a script made us ignore it by
 * starting us in the background; what nohup ignores stays ignored. A closed pipe, and a limit on
 * the size of files, are errors of write(), not signals. SIGHUP asks for new files, unless it says
 * that our terminal has gone; SIGUSR1 asks for a report.
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>

#include "capture/base/err.h"

struct signals {
	int fd;
	bool terminal; /* we had one when we started */
	sigset_t inherited_mask;
	struct sigaction inherited_pipe, inherited_size, inherited_child, inherited_int;
};

/* Before any thread is made: they inherit the mask. */
int signals_catch(struct signals *ret, struct err *err);
/* Between fork and exec: everything as it was inherited. */
void signals_restore(const struct signals *s);
/* The next pending one; false = none. */
bool signals_next(const struct signals *s, struct signalfd_siginfo *ret);
/* Have we lost our terminal? */
bool signals_hung_up(const struct signals *s);
/* From now on SIGINT and SIGTERM end the process at once, with 128 + number. */
void signals_end_at_once(void);
