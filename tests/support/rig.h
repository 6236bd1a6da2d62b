/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* An output under test, with the fakes around it. Each of these asserts that it works. */
#include "capture/output.h"
#include "tests/support/fakes.h"

/* An event of kind LINE. */
struct event rig_line(struct bytes text, uint64_t time_ns);
/* Opens an output whose run has begun at 1000. */
struct output *rig_start(struct output_config cfg);
/* A run of its own for it. */
void rig_run_begins(struct output *o, const struct run *run);
/* Ends it; the ledger balances. */
void rig_finish(struct output *o);
void rig_send(struct output *o, const char *text);
/* The report of a loss that is due, at 3000. */
void rig_report(struct output *o, enum output_stat reason);
uint64_t rig_stat(struct output *o, enum output_stat stat);
/* Waits for delivery, which works on its own. */
void rig_await(struct output *o, enum output_stat stat, uint64_t least);
/* Until what is written arrives again. */
void rig_await_good(struct output *o);
