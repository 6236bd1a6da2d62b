/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that are started and end. The core follows processes anyway; selecting this probe shows
 * them. */
#include "capture/layout.h"
#include "capture/probe.h"

static const char *const exec_aliases[] = {"process", NULL};

static int exec_decode(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "exec", ret);
}

const struct probe_ops probe_exec = {
	.name = "exec",
	.summary = "every program that is started, with its arguments, and how it ends",
	.aliases = exec_aliases,
	.kinds = 1u << EVENT_EXEC | 1u << EVENT_EXIT,
	.needs = "nothing but the kernel: works for every program",
	.decode = exec_decode,
};
