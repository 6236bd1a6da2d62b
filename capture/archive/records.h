/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A file of ours record by record, with the frames around them: what verify, repack, recovery and
 * stat read. Memory is bounded by the largest record (STREAM_WANT).
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/archive/decoder.h"
#include "capture/archive/inspect.h"
#include "capture/base/bytes.h"
#include "capture/base/err.h"

enum records_what {
	RECORDS_RECORD,    /* `record`, whole */
	RECORDS_FRAME_END, /* `frame`; all records before lie in it as a whole */
	RECORDS_SKIPPABLE, /* `record` is a skippable frame */
	RECORDS_END,       /* the file ends in good order */
	RECORDS_TORN,      /* the file ends in the middle of a record or a frame, or what lies at
			    * its end is no record; `torn` bytes of the contents are left over */
};

struct records_item {
	enum records_what what;
	struct bytes record; /* valid until the next call */
	uint64_t raw_at;     /* where it begins in the contents */
	uint64_t offset;     /* and, as near as can be told, in the file: that of its frame */
	struct inspect_frame frame;
	uint64_t torn;
};

struct records {
	struct inspect *in;
	const struct decoder_ops *ops; /* NULL before the first item */
	void *ctx;                     /* of ops; open */
	char *p;                       /* contents not given yet: n bytes from `at` on */
	size_t at, n, cap;
	uint64_t raw_at; /* of p[at] in the contents */
	size_t give;     /* of what was given last */
	bool pending;    /* `next` comes when no whole record is left */
	struct inspect_item next;
	int failed; /* what comes behind what is there */
	struct err failure;
};

/* The format that a name says ("x.jsonl.zst", ".x.jsonl.part"); NULL = it says none. */
const char *records_format(const char *path);
/* Reads the descriptor from where it stands; it stays the caller's. The contents tell the format;
 * where they do not (readable text, or too little of anything) it is `format`, NULL = none.
 * -EBADMSG: none of ours. An empty file has no format: ops stays NULL and the end comes at once.
 * r is zeroed by the caller and always given to records_close(). */
int records_open(struct records *r, int fd, const char *format, struct err *err);
/* Reads the descriptor anew, from where it stands now: a frame of the same format begins there.
 * Places in the contents count from 0 again. */
int records_restart(struct records *r, int fd, struct err *err);
void records_close(struct records *r);
/* -EBADMSG with text: damaged. */
int records_next(struct records *r, struct records_item *ret, struct err *err);
