/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The processes that were there before us, read from /proc: PROC records.
 * Their starts are in ticks of PROCS_TICK_NS (capture/procs.h).
 */
#include <sys/types.h>

#include "capture/source.h"

/* Hands a PROC record to fn for every process of /proc, kernel threads included (threads are not
 * processes); those that vanish meanwhile are left out. The cgroup is that of the unified
 * hierarchy, unless only a path of the old ones names a container; its id is the unified one's.
 * Returns what fn returned when that is negative. */
int processes_all(source_fn fn, void *arg);
/* The same for one process: -ESRCH when it is gone. */
int processes_one(pid_t pid, source_fn fn, void *arg);
