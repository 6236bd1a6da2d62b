/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Is a file of ours whole and right? Everything that its format lets one check is checked: frames
 * and their checksums, the seek table, each record, the sidecar index, and that no event is missing
 * without a report of its loss.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/err.h"

enum verify_state {
	VERIFY_OK,
	VERIFY_UNFINISHED, /* its writer did not come to the end: `why` says how much is whole */
	VERIFY_WRONG,      /* `why` says where and why */
};

struct verify_report {
	enum verify_state state;
	struct err why;
	const char *format;          /* NULL = none of ours */
	bool zstd, seektable, index; /* what there is */
	uint64_t size, raw_size;     /* of the file; of its contents that are whole */
	uint64_t frames, records;    /* whole ones */
	uint64_t events;             /* that were decoded: formats that are not read back as
				      * events have none */
	uint64_t losses;             /* reports of losses among them */
};

/* Several files belong together: a loss in one may be reported in the next. */
struct verify;
int verify_new(struct verify **ret, struct err *err);
void verify_free(struct verify *v);
void verify_file(struct verify *v, const char *path, struct verify_report *ret);

/* Events of one run that are missing between others, with no report of their loss in any of the
 * files. */
struct verify_missing {
	uint64_t run_id;
	const char *host; /* may be empty */
	uint64_t n;       /* how many */
	uint64_t after;   /* the first hole is behind the event of that seq */
	const char *path; /* in that file */
};
typedef void (*verify_missing_fn)(const struct verify_missing *m, void *arg);
void verify_runs(const struct verify *v, verify_missing_fn fn, void *arg);
