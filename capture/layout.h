/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Reading the record layouts that belong to kinds, not to probes: what a probe's decode() calls.
 * Pure, and safe on any bytes: rec->len bytes are readable and nothing else is trusted.
 * 0; -EMSGSIZE shorter than its kind; -EBADMSG contents contradict each other; -ENOTSUP unknown
 * kind.
 */
#include <stddef.h>

#include "capture/assemble.h"
#include "capture/event.h"
#include "kern/events.h"

/* Is this the head of a record that lies whole in n bytes? (rec.len ≥ sizeof(struct rec), ≤ n, ≤
 * REC_MAX) */
bool layout_valid(const void *p, size_t n);

/* FORK, EXEC (and its parts), EXIT, LINE (and its parts), LINE_END, DATA, QUERY (and its parts),
 * QUERY_END, QUERY_BIND. */
int layout_decode(const struct rec *rec, const char *probe, struct part *ret);

/* Context records: texts point into rec. */
int layout_run(const struct rec *rec, struct run *ret, uint64_t ret_probes[4]);
int layout_attach(const struct rec *rec, struct event_attach *ret);
/* Times on the boot clock. A reason that nobody knows any more is said to be "unknown". */
int layout_loss(const struct rec *rec, struct event_loss *ret);

/* What a record says of a process; texts point into rec. *ret_task into rec. */
struct layout_proc {
	const struct rec_task *task;
	struct bytes exe, cwd, cgroup, cmdline;
};
/* PROC and (first record of) EXEC; for FORK and EXIT the texts are none. */
int layout_proc(const struct rec *rec, struct layout_proc *ret);
/* The task inside a record of any kind that has one; NULL otherwise. */
const struct rec_task *layout_task(const struct rec *rec);
