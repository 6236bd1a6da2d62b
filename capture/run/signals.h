/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The signals of a run, as a descriptor. SIGINT ends a run even where a script made us ignore it by
 * starting us in the background; what nohup ignores stays ignored. A closed pipe, and a limit on
 * the size of files, are errors of write(), not signals.
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>

#include "capture/base/err.h"

struct signals {
	int fd;
	sigset_t inherited_mask;
	struct sigaction inherited_pipe, inherited_size, inherited_child, inherited_int;
};

/* Before any thread is made: they inherit the mask. */
int signals_catch(struct signals *ret, struct err *err);
/* Between fork and exec: everything as it was inherited. */
void signals_restore(const struct signals *s);
/* The next pending one; false = none. */
bool signals_next(const struct signals *s, struct signalfd_siginfo *ret);
/* From now on SIGINT and SIGTERM end the process at once, with 128 + number. */
void signals_end_at_once(void);
