/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that was started: its arguments may come in several records. */
#include "capture/assemble_inside.h"

static void exec_emit(struct assemble *a, struct item *it, struct event *ev, uint64_t time_ns)
{
	ev->exec.argv = item_bytes(&it->text);
}

const struct assemble_rule assemble_exec = {.emit = exec_emit};
