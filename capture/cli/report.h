/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a run comes to, on stderr: a line for what happened, one for each output, one for each place
 * that lost something. Counts only: never a payload. */
#include <stdbool.h>
#include <stdint.h>

#include "capture/pipeline.h"
#include "capture/run/snapshot.h"

enum report_flags {
	REPORT_QUIET = 1,   /* only losses and errors */
	REPORT_REPLAY = 2,  /* what the recorded kernel lost is no loss of this run */
	REPORT_RUNNING = 4, /* the run goes on */
};

/* What was counted when outputs were finished. Returns true when nothing was lost and every output
 * is whole; an output that its reader abandoned (outputs_abandoned) is. */
bool report_print(const struct pipeline_report *report, const struct outputs *outputs,
		  unsigned flags);
/* The same of what was counted by then. */
bool report_print_snapshot(const struct snapshot *s, const struct outputs *outputs, unsigned flags);
