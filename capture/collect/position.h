/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * How far the streams are that one output holds: up to which event each of them is safe there. Kept
 * in a small file beside the output's own (`.NAME.streams`), which says a little less than the
 * truth, as it is written now and then; what was written since is read back from the files.
 *
 *   penstock streams 1                       the first line
 *   STREAM BOOT RUN SEQ SECONDS              ids in hex; last event; when it came (Unix time)
 *   end N                                    of N streams: without it, the file is none
 */
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/base/err.h"
#include "capture/event.h"

enum {
	POSITION_MAX = 4096, /* streams; the one that has been away for longest is forgotten */
};

struct position {
	uint8_t stream_id[16]; /* zero: the files do not tell, the run must do */
	uint8_t boot_id[16];
	uint64_t run_id;
	uint64_t seq;
	int64_t seconds; /* when something of it came last */
};

struct positions {
	struct position *v; /* POSITION_MAX */
	unsigned n;
	int64_t written_ns; /* time of the file that they were read from; 0 = there was none */
};

int positions_open(struct positions *p);
void positions_close(struct positions *p);
/* The entry of that stream, which is made when there is none; valid until the next call. */
struct position *positions_take(struct positions *p, const struct run *run);
/* How far that stream is, also by its run alone; 0 = it is not known. */
uint64_t positions_find(const struct positions *p, const struct run *run);
/* It holds everything up to that event. */
void positions_note(struct positions *p, const struct run *run, uint64_t seq, int64_t seconds);

/* Reads the file. -ENOENT: there is none; -EBADMSG: it is none of ours, or not whole. */
int positions_load(struct positions *p, int folder, const char *name);
/* Writes it, so that it is there as a whole, or what was there before. */
int positions_save(const struct positions *p, int folder, const char *name, uid_t uid, gid_t gid);
/* Adds what a file of the output holds, if it was written since and can be read back. */
void positions_scan(struct positions *p, int folder, const char *name);
