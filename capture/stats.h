/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The two ledgers.
 *   Records: submitted = read + lost(kernel);  read = decoded + merged + dropped(decode)
 *   Events, per output: offered = skipped + done + in flight + dropped(encode, queue, sink);
 *   at the end nothing is in flight.
 */
#include <stdbool.h>
#include <stdint.h>

enum stat {
#define STAT(sym, name, loss, help) STAT_##sym,
#include "capture/stats.def"
#undef STAT
	STAT_MAX
};

enum output_stat {
#define OUTPUT_STAT(sym, name, loss, help) OSTAT_##sym,
#include "capture/stats.def"
#undef OUTPUT_STAT
	OSTAT_MAX
};

enum stat_reason {
#define REASON(sym, name, loss, help) REASON_##sym,
#include "capture/stats.def"
#undef REASON
	REASON_MAX
};

struct stat_row {
	const char *name;
	bool loss;
	const char *help;
};

extern const struct stat_row stats_rows[STAT_MAX];
extern const struct stat_row stats_output_rows[OSTAT_MAX];
extern const struct stat_row stats_reason_rows[REASON_MAX];
/* kern/counters.def */
extern const struct stat_row stats_kernel_rows[];
/* What a name in these tables means, in words ("records lost because the ring was full"); NULL when
 * there is none of that name. */
const char *stats_help(const char *name);
