/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the parts of verify.c share. */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/base/err.h"
#include "capture/base/seek_table.h"
#include "capture/event.h"

/* ---- verify_runs.c: sequence numbers -------------------------------------------------------- */

enum {
	VERIFY_RUNS = 1024, /* runs that are told apart; events of further ones are not counted */
};

struct verify_run {
	uint64_t run_id;
	char host[64];
	uint64_t holes, told; /* seqs that are missing inside files; in reports of losses */
	uint64_t after;       /* where the first hole is */
	char *path;
};

struct verify_runs {
	struct verify_run *v;
	unsigned n;
};

/* Where one file stands. */
struct verify_seq {
	struct verify_run *run; /* NULL = not known (yet) */
	uint64_t last;          /* 0 = none */
	bool restarts;          /* the run was described again: numbers may begin anew */
	bool sparse;            /* not all events of the run are in such a file */
};

/* 1: it only tells a run again. -EBADMSG with text: its numbers or times cannot be right. */
int verify_runs_event(struct verify_runs *runs, struct verify_seq *seq, const struct event *ev,
		      const char *path, struct err *err);
void verify_runs_done(struct verify_runs *runs);

/* ---- verify_pcapng.c ------------------------------------------------------------------------ */

enum {
	VERIFY_INTERFACES = 4096 /* in a section */
};

struct verify_pcapng {
	bool section; /* there was a section header */
	bool swapped; /* in the other order of bytes */
	uint32_t interfaces;
	uint32_t snaplen[VERIFY_INTERFACES];
};

/* One whole block. -EBADMSG with text: what is wrong with it. */
int verify_pcapng_block(struct verify_pcapng *x, struct bytes block, struct err *err);

/* ---- verify_index.c ------------------------------------------------------------------------- */

/* Does the sidecar index of an archive of that size agree with its frames, which the table names?
 * 1: there is none. -EBADMSG with text: it does not. */
int verify_index(const char *path, struct bytes table, uint64_t size, struct err *err);
