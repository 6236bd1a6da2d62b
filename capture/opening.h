/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a raw recording must begin with where it begins anew: the records that a replay needs to
 * know the run, the clock, the cgroups and the processes, made from what the pipeline knows of
 * them.
 */
#include "capture/output.h"
#include "capture/procs.h"
#include "kern/events.h"

struct opening {
	const struct rec *run; /* the RUN record as it came */
	uint64_t now_ns;       /* record time */
	int64_t offset_ns;     /* Unix time - boot time */
	struct procs *procs;
};

/* Hands RUN, CLOCK, CGROUP and PROC records to fn. What it returns when that is negative. */
int opening_records(const struct opening *o, output_record_fn fn, void *arg);
