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

/* Of what is emitted from now on outputs are offered what keep likes. */
void normalise_keep(struct normalise *n, event_keep_fn keep, void *arg);
/* What was known of processes may have changed unseen: their records come again. */
void normalise_renew(struct normalise *n);
/* Hands to fn what a raw recording must begin with (capture/opening.h). */
int normalise_opening(struct normalise *n, const struct rec *run, uint64_t now_ns,
		      output_record_fn fn, void *arg);
/* From now on boot_ns is unix_ns. */
void normalise_clock(struct normalise *n, uint64_t boot_ns, uint64_t unix_ns);
uint64_t normalise_unix(const struct normalise *n, uint64_t boot_ns);
/* PROC, FORK, EXEC, EXIT, CGROUP: 0 or what layout says is wrong with the record. */
int normalise_context(struct normalise *n, const struct rec *rec);
/* An assemble_fn, for when the run and the clock are known. task may be NULL (no process). */
void normalise_emit(struct event *ev, const struct rec_task *task, uint64_t time_ns, void *n);
/* The same without offering it: for what concerns one output alone (its own losses). */
void normalise_complete(struct normalise *n, struct event *ev, uint64_t time_ns);
/* Both, for one output alone (its own statistics). */
void normalise_emit_to(struct normalise *n, struct output *o, struct event *ev, uint64_t time_ns);
const uint64_t *normalise_counts(const struct normalise *n); /* events by kind: EVENT_KINDS */
