/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Records in, events out: decode, assemble, normalise, then every output. One thread. Reads no
 * clock, no /proc and no random source: the same records give the same bytes.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/err.h"
#include "capture/output.h"
#include "capture/probe.h"
#include "capture/stats.h"
#include "kern/events.h"

struct pipeline;

struct pipeline_config {
	const struct probe_ops *(*probe_by_number)(uint16_t number);
	struct output **outputs; /* borrowed until pipeline_free() */
	unsigned outputs_n;
	event_keep_fn keep; /* NULL = everything; what it does not like, no output is offered */
	void *keep_arg;
	uint64_t stats_ns; /* STATS are emitted that often (record time), 0 = at the end only */
};

/* What was counted, for the report at exit. */
struct pipeline_report {
	uint64_t stats[STAT_MAX];
	uint64_t kernel[KC_MAX]; /* of all probes together */
	uint64_t kernel_lost;    /* those of them that are losses */
	uint64_t ring_size, ring_high;
	uint64_t events[EVENT_KINDS];
	bool stopped;  /* a STOP record was seen: the run, or the recording, is complete */
	bool balanced; /* the ledgers add up */
};

int pipeline_new(const struct pipeline_config *cfg, struct pipeline **ret, struct err *err);
void pipeline_free(struct pipeline *p);
/* A source_fn: takes one record, borrowed for the call. 0; -EPROTO for a run that does not start
 * with RUN, or whose version is newer than ours (text by pipeline_error()). */
int pipeline_record(const struct rec *rec, void *pipeline);
/* No record will follow: what is open is emitted. Outputs stay open, for what another recording
 * holds. */
void pipeline_end(struct pipeline *p);
/* The same, and outputs are finished: epilogues are written, chunks are shipped.
 * Waits until every sink has them. */
void pipeline_finish(struct pipeline *p);
/* By now; from the thread that runs it, or when it has finished. */
void pipeline_report(const struct pipeline *p, struct pipeline_report *ret);
const char *pipeline_error(const struct pipeline *p);
