/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What was counted on the way, and how it gets into the outputs: LOSS events whenever a counter of
 * a loss moved, STATS events at intervals and at the end. What depends on the speed of a sink is in
 * neither (unless something was lost), so that a replay gives the same bytes.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/normalise.h"
#include "capture/probe.h"
#include "capture/stats.h"
#include "kern/events.h"

struct ledger {
	uint64_t stats[STAT_MAX];           /* the reader's: counted in place by the pipeline */
	uint64_t kernel[PROBE_MAX][KC_MAX]; /* as of the last COUNTERS record */
	uint64_t reported[STAT_MAX];
	uint64_t ring_size, ring_high, ring_read;
	uint64_t counters_ns, loss_ns,
		stats_ns; /* record times of the last COUNTERS, LOSS, STATS */
	const struct probe_ops *(*probe_by_number)(uint16_t number);
};

/* "core" for 0 and for numbers that nobody has. */
const char *ledger_probe_name(const struct ledger *l, uint16_t number);

/* A COUNTERS record: LOSS events for what the kernel side lost since the last one. */
int ledger_counters(struct ledger *l, const struct rec *rec, struct normalise *n);
/* LOSS events for what the reader lost meanwhile; and into each output one for each reason for
 * which it lost something that it has not told yet. */
void ledger_losses(struct ledger *l, struct normalise *n, struct output **outputs,
		   unsigned n_outputs, uint64_t now_ns);
void ledger_emit_stats(struct ledger *l, struct normalise *n, struct output *o, uint64_t now_ns,
		       bool final);
/* Sum over all probes. */
uint64_t ledger_kernel(const struct ledger *l, enum kcounter counter);
uint64_t ledger_kernel_lost(const struct ledger *l);
/* Do they add up? Records of the kernel are only known to after a run that was stopped in order. */
bool ledger_balanced(const struct ledger *l, bool stopped);
/* At the end nothing is on its way any more. */
bool ledger_output_balanced(struct output *o, bool ended);
