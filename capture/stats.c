/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/stats.h"

const struct stat_row stat_rows[STAT_MAX] = {
#define STAT(sym, name, loss, help) { name, loss, help },
#include "capture/stats.def"
#undef STAT
};

const struct stat_row output_stat_rows[OSTAT_MAX] = {
#define OUTPUT_STAT(sym, name, loss, help) { name, loss, help },
#include "capture/stats.def"
#undef OUTPUT_STAT
};

const struct stat_row kcounter_rows[] = {
#define KCOUNTER(sym, name, loss, help) { name, loss, help },
#include "kern/counters.def"
#undef KCOUNTER
};
