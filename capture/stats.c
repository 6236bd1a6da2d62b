/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/stats.h"

#include <string.h>

const struct stat_row stats_rows[STAT_MAX] = {
#define STAT(sym, name, loss, help) {name, loss, help},
#include "capture/stats.def"
#undef STAT
};

const struct stat_row stats_output_rows[OSTAT_MAX] = {
#define OUTPUT_STAT(sym, name, loss, help) {name, loss, help},
#include "capture/stats.def"
#undef OUTPUT_STAT
};

const struct stat_row stats_reason_rows[REASON_MAX] = {
#define REASON(sym, name, loss, help) {name, loss, help},
#include "capture/stats.def"
#undef REASON
};

const struct stat_row stats_kernel_rows[] = {
#define KCOUNTER(sym, name, loss, help) {name, loss, help},
#include "kern/counters.def"
#undef KCOUNTER
};

static const char *rows_find(const struct stat_row *rows, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].help;
	return NULL;
}

#define FIND(rows, name) rows_find(rows, sizeof(rows) / sizeof(rows[0]), name)

const char *stats_help(const char *name)
{
	const char *help = FIND(stats_kernel_rows, name);

	if (!help)
		help = FIND(stats_output_rows, name);
	if (!help)
		help = FIND(stats_reason_rows, name);
	return help ? help : FIND(stats_rows, name);
}
