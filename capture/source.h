/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a source is: it yields records of kern/events.h in time order, and among them those that
 * stand for clocks, /proc and random numbers (RUN, CLOCK, TICK, PROC, COUNTERS, STOP), so that the
 * pipeline behind it needs none of them and a recording replays to the same bytes.
 */
#include <stddef.h>

#include "capture/base/err.h"

struct rec;

/* Takes one record. It is borrowed: valid until the function returns. 0, or negative to stop. */
typedef int (*source_fn)(const struct rec *rec, void *arg);

enum source_end {
	SOURCE_MORE = 0, /* nothing more just now: call again */
	SOURCE_END = 1,  /* no record will follow */
};

struct source_ops {
	const char *name;
	/* Hands at most budget records to fn. Returns enum source_end, a negative errno (with text
	 * in err) when the source broke, or what fn returned. May sleep up to the time of the next
	 * tick. */
	int (*read)(void *ctx, unsigned budget, source_fn fn, void *arg, struct err *err);
	/* Asks for the end: read() yields what is left, then COUNTERS and STOP, then SOURCE_END.
	 * Called from any thread. */
	void (*stop)(void *ctx);
	void (*close)(void *ctx);
};

struct source {
	const struct source_ops *ops;
	void *ctx;
};
