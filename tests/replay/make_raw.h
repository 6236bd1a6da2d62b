/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the parts of make_raw share. */
#include <stddef.h>
#include <stdint.h>

#include "kern/events.h"

enum {
	MAKE_RAW_SQL = 6, /* postgres in probes/probes.def; each record says of what system it is */
};

/* Writes a record of that length. */
void make_raw_put(struct rec *rec, size_t len);
/* One of the processes that make_raw tells of at the start. */
struct rec_task make_raw_server(uint32_t worker);
/* The n-th statement, at that time: its beginning and, for most of them, its end. */
void make_raw_sql(uint64_t n, uint64_t now);
