/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Makes a decoded event complete: Unix time from boot time, the process with its ancestors; then
 * offers it to every output. Keeps the context records (processes, cgroups, clock).
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/event.h"
#include "capture/output.h"
#include "kern/events.h"

struct normalise;

/* outputs are borrowed. NULL when there is no memory. */
struct normalise *normalise_new(struct output **outputs, unsigned n);
void normalise_free(struct normalise *n);

/* From now on boot_ns is unix_ns. */
void normalise_clock(struct normalise *n, uint64_t boot_ns, uint64_t unix_ns);
uint64_t normalise_unix(const struct normalise *n, uint64_t boot_ns);
/* PROC, FORK, EXEC, EXIT, CGROUP: 0 or what layout says is wrong with the record. */
int normalise_context(struct normalise *n, const struct rec *rec);
/* An assemble_fn. task may be NULL (no process). */
void normalise_emit(struct event *ev, const struct rec_task *task, uint64_t time_ns, void *n);
/* The same for one output alone (its own losses and statistics). */
void normalise_emit_to(struct normalise *n, struct output *o, struct event *ev, uint64_t time_ns);
const uint64_t *normalise_counts(const struct normalise *n); /* events by kind: EVENT_KINDS */
