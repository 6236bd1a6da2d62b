/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/probe.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int probe_plan_add(struct probe_plan *plan, uint16_t hook, uint64_t offset, const char *note,
		   struct err *err)
{
	if (plan->n >= PROBE_PLAN_MAX)
		return errf(err, -E2BIG,
			    "the plan of a file has room for %d hooks, not for one more",
			    PROBE_PLAN_MAX);
	plan->v[plan->n].hook = hook;
	plan->v[plan->n].offset = offset;
	snprintf(plan->v[plan->n].note, sizeof(plan->v[plan->n].note), "%s", note ? note : "");
	plan->n++;
	return 0;
}

void probe_plan_set_params(struct probe_plan *plan, const void *params, size_t n)
{
	assert(n <= PROBE_PARAMS_MAX);
	memcpy(plan->params, params, n);
	plan->params_len = n;
}
