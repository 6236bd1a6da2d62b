/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a run has come to by now: the counters that a report is made of. */
#include "capture/pipeline.h"
#include "capture/run/outputs.h"

struct snapshot {
	struct pipeline_report run;
	uint64_t outputs[OUTPUT_MAX][OSTAT_MAX];
};

/* In the thread that runs the pipeline, or when it has ended. */
void snapshot_take(struct snapshot *ret, const struct pipeline_report *run,
		   const struct outputs *outputs);
