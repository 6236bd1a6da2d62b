/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The live source: our own consumer of the kernel's ring, a queue for records that other threads
 * insert (RUN, PROC, ATTACH), the clock, and the tick. It alone sleeps.
 *
 * Order of one read(): inserted records, then the ring, then CLOCK if the offset between the clocks
 * changed by more than 0.5 ms, COUNTERS if any changed (at most once a second), TICK every 100 ms.
 * While records flow it looks every few milliseconds, and is woken only by a ring that fills.
 * Before it sleeps longer it says so in ctl.reader, and the next record wakes it (the kernel side
 * reads that after it has reserved the record's space: otherwise a wake-up can be missed until the
 * next tick).
 *
 * Nothing is handed over before the first inserted RUN; the first CLOCK follows right behind it.
 * `budget` bounds the records of the queue and the ring; CLOCK, COUNTERS, TICK and STOP come on
 * top. A record in the ring whose own length is impossible is handed over as a bare struct rec of
 * kind REC_NONE: the pipeline counts it as `bad`.
 */
#include <stdint.h>

#include "capture/source.h"
#include "kern/events.h"

struct source_live;

struct source_live_config {
	int ring_fd;        /* BPF ring buffer map */
	uint32_t ring_size; /* its max_entries */
	int ctl_fd;         /* BPF array map with BPF_F_MMAPABLE: one struct ctl */
	int counters_fd;    /* BPF per-CPU array: u64 at [probe * KC_MAX + counter]; -1 = none */
};

/* Descriptors are borrowed until close. */
int source_live_new(const struct source_live_config *cfg, struct source_live **ret,
		    struct err *err);
struct source source_live_source(struct source_live *s);
/* Copies rec into the queue and wakes the reader; any thread but the reader's own. Waits while the
 * queue is full (the reader drains it); -ESHUTDOWN when the source has ended or broke. */
int source_live_insert(struct source_live *s, const struct rec *rec);
/* The mapped struct ctl (filters may be changed while running). Valid until close. */
struct ctl *source_live_ctl(struct source_live *s);
