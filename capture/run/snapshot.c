/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/snapshot.h"

void snapshot_take(struct snapshot *ret, const struct pipeline_report *run,
		   const struct outputs *outputs)
{
	ret->run = *run;
	for (unsigned i = 0; i < outputs->n; i++)
		output_stats(outputs->v[i], ret->outputs[i]);
}
