/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Between pb_read.c and the readers of single bodies. */
#include "capture/event.h"
#include "proto/pb_rows.h"

enum {
	PB_READ_COUNTERS = 4096
};

enum pb_read_body {
	BODY_DATA,
	BODY_LINE,
	BODY_QUERY,
	BODY_INFO,
	BODY_EXEC,
	BODY_EXIT,
	BODY_ATTACH,
	BODY_RUN,
	BODY_STATS,
	BODY_LOSS,
	BODIES
};

struct pb_read {
	struct pb_rows_room rows; /* first: rows know only that of it */
	struct event ev;
	struct run run;
	struct flow flow;
	struct proc proc, parents[PROC_ANCESTORS];
	struct event_counter counters[PB_READ_COUNTERS];
	/* Fields that no struct of ours has in this form. */
	uint32_t type, direction, role;
	uint64_t stream_offset, duration_ns;
	struct bytes local, remote, stream_id, host_id, boot_id;
	struct bytes bodies[BODIES]; /* p NULL = there is none */
	const char *protocol;
	unsigned parents_n, counters_n;
	size_t args_at; /* where the arguments, or the values of a statement, begin in the arena */
	unsigned values_n; /* of a statement */
};

/* 0 or -EBADMSG. */
int pb_read_query(struct pb_read *r, struct bytes in);
