/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A live run, from the parsed command line to the report. record_open() ... record_done() in this
 * order; record_stop() and record_done() accept a run that any step left half-built.
 */
#include "capture/cli/child.h"
#include "capture/cli/cli.h"
#include "capture/cli/outputs.h"
#include "capture/cli/reader.h"
#include "capture/cli/record_probes.h"
#include "capture/cli/signals.h"
#include "capture/cli/user.h"
#include "capture/source_live.h"

struct record_cfg {
	struct opt_list probe; /* texts of -p */
	struct core_filters filters;
	uint64_t max_payload, ring_size;
	const char *user;
	bool all, fail_on_loss;
};

struct record {
	const struct cli_call *call;
	const struct record_cfg *cfg;
	/* what the command line says */
	struct record_probes probes;
	struct outputs outputs;
	struct user user;
	/* what runs */
	struct signals signals;
	struct child child;
	struct core *core;
	struct source_live *live;
	struct pipeline *pipeline;
	struct reader reader;
	struct discovery *discovery;
	int stop_signal; /* that ended the waiting; 0 = none */
};

/* Reads the command line: probes, outputs, filters, user. -EINVAL with one line. */
int record_parse(struct record *r, struct err *err);
/* Everything up to attached hooks: records flow when it returns 0. No file is touched before the
 * kernel half is loaded, so what fails for lack of privilege leaves no trace. */
int record_open(struct record *r, struct err *err);
/* Until a signal, the end of COMMAND, of the reader, or of whoever reads our standard output. */
void record_wait(struct record *r);
/* In the order that loses nothing: detach, drain, flush, join. 0, or what broke the reader. */
int record_stop(struct record *r, struct err *err);
void record_done(struct record *r);
