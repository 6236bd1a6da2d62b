/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A live run, from the parsed command line to the report. record_open() ... record_done() in this
 * order; record_stop() and record_done() accept a run that any step left half-built.
 */
#include "capture/archive/query.h"
#include "capture/run/child.h"
#include "capture/run/outputs.h"
#include "capture/run/reader.h"
#include "capture/run/record_probes.h"
#include "capture/run/signals.h"
#include "capture/run/snapshot.h"
#include "capture/run/user.h"
#include "capture/source/live.h"

/* What a hook came to, from the discovery thread; report is valid for the call. */
typedef void (*record_attached_fn)(const struct probe_ops *probe, const struct event_attach *report,
				   void *arg);

struct record;
/* What a run has come to by now, because somebody asked with SIGUSR1. From the main thread. */
typedef void (*record_reported_fn)(const struct record *r, const struct snapshot *now, void *arg);

/* What is asked for. Everything is borrowed until record_done(). */
struct record_config {
	const struct probe_ops *probe; /* with probe_cfg; NULL = none besides `probes` */
	const void *probe_cfg;
	struct opt_list probes; /* texts of -p */
	struct opt_list write;  /* texts of -w */
	bool insecure;          /* see struct outputs */
	uint64_t drain_ns;
	struct core_filters filters;
	struct opt_list status;          /* of commands in shells: others are not told */
	uint64_t max_payload, ring_size; /* bytes */
	uint64_t stats_ns;               /* STATS that often, 0 = at the end only */
	const char *user;
	bool all;     /* a COMMAND does not limit the recording */
	char **argv;  /* the command line, for the description of the run */
	char **child; /* COMMAND and its arguments, NULL-terminated; NULL = none */
	record_attached_fn attached;
	void *attached_arg;
	record_reported_fn reported;
	void *reported_arg;
	record_reported_fn progress; /* the same each second, unasked; NULL = nobody wants it */
};

struct record {
	const struct record_config *cfg;
	/* what the configuration says */
	struct record_probes probes;
	struct outputs outputs;
	struct user user;
	/* what runs */
	struct signals signals;
	struct child child;
	struct core *core;
	struct source_live *live;
	struct query_texts wanted_texts;
	struct query *wanted; /* NULL = commands are kept whatever their status */
	struct pipeline *pipeline;
	struct reader reader;
	struct discovery *discovery;
	struct snapshot
		snapshot; /* the reader's, from reader_ask() until answered_fd is readable */
	int answered_fd;
	int stop_signal; /* that ended the waiting; 0 = none */
};

/* Reads the configuration: probes, outputs, filters, user. -EINVAL with one line. */
int record_parse(struct record *r, struct err *err);
/* Everything up to attached hooks: records flow when it returns 0. No file is made before the
 * kernel half is loaded, and none that was there is touched before all went well. */
int record_open(struct record *r, struct err *err);
/* Until a signal, the end of COMMAND, of the reader, or of whoever reads our standard output. */
void record_wait(struct record *r);
/* In the order that loses nothing: detach, drain, flush, join. 0, or what broke the reader. */
int record_stop(struct record *r, struct err *err);
void record_done(struct record *r);
