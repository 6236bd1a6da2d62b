/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* All outputs of one run: from the texts of -w to open ones. */
#include "capture/output.h"
#include "capture/run/output_spec.h"
#include "capture/run/user.h"

/* What outputs of a relay need besides (capture/output.h). */
struct outputs_relay {
	output_marked_fn marked;
	void (*kept)(void *arg, int folder, const char *name); /* as in capture/sink.h */
	void *arg;                                             /* of both */
};

struct outputs {
	/* What the caller wants, before outputs_parse(): may what is recorded leave this machine
	 * unencrypted, and how long may streams take at the end? */
	bool insecure;
	uint64_t drain_ns;
	unsigned n;
	const struct outputs_relay *relay; /* set before they are opened; NULL = they are none */
	struct output_spec specs[OUTPUT_MAX];
	struct output *v[OUTPUT_MAX];     /* NULL until opened */
	struct redact *views[OUTPUT_MAX]; /* NULL = events go out as they are */
};

/* No text: readable text on standard output. -EINVAL with one line. outputs_done() is due anyhow.
 */
int outputs_parse(const struct opt_list *texts, struct outputs *ret, struct err *err);
/* block: a slow sink is waited for. user: who owns the files. */
int outputs_open(struct outputs *o, const struct user *user, bool block, struct err *err);
/* The run has really begun: from now on the places are touched. */
void outputs_begin(struct outputs *o);
void outputs_done(struct outputs *o);

/* From any thread: each output that has files of its own ends the present one, and begins another;
 * false = there is no such output. */
bool outputs_want_medium(struct outputs *o);
/* From any thread: what is pending is to be written now. */
void outputs_want_flush(struct outputs *o);

/* Does one of them write to standard output? */
bool outputs_on_stdout(const struct outputs *o);
/* The reader of the only output has gone: that is how `... | head` ends, no failure. */
bool outputs_abandoned(const struct outputs *o);
