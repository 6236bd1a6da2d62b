/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Executable mappings as they are made, on the whole machine: MMAP2 records of a dummy perf event
 * on each CPU that is online. No BPF, no kprobe. A CPU that comes online later is not watched.
 */
#include <stdbool.h>

#include "capture/base/err.h"
#include "probes/discovery/target.h"

struct discovery_watch;

/* From here on mappings are noted; with forks also those that a forked process begins with. -EACCES
 * or -EPERM when perf is refused to us. */
int discovery_watch_new(bool forks, struct discovery_watch **ret, struct err *err);
void discovery_watch_free(struct discovery_watch *w);
/* Readable as soon as there is something. */
int discovery_watch_fd(const struct discovery_watch *w);
/* Hands over what was noted since the last call; true = some was lost, so look at /proc. */
bool discovery_watch_read(struct discovery_watch *w, target_fn fn, void *arg);
