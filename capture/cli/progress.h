/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a recording has come to, in one line each second: time, events, their rate, what is lost,
 * and how streams are. */
#include <stddef.h>
#include <stdint.h>

#include "capture/run/snapshot.h"

struct progress {
	int64_t begin_ms; /* by elapsed_ms() */
	int64_t last_ms;
	uint64_t events; /* at that time */
};

void progress_begin(struct progress *p);
/* The line for what was counted by now. */
void progress_format(struct progress *p, const struct snapshot *now, const struct outputs *outputs,
		     char *ret, size_t size);
