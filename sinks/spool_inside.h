/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the files of the spool share. Segments follow each other in a list, the oldest first. Three
 * places move through them, each behind the one before: where the next chunk is put (the end of the
 * newest segment, if that is `writing`), where the next one is read, and up to where everything is
 * done. What was read and is not done is remembered in `given`.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/spool.h"
#include "sinks/place.h"
#include "sinks/spool_format.h"

#define SPOOL_CURSOR_NAME "cursor"

enum {
	SPOOL_GIVEN = 1024, /* read and not done, at most: no chunk is given beyond that */
};

struct spool_segment {
	struct spool_segment *next; /* newer */
	struct spool_head head;
	char name[SPOOL_NAME];
	int fd;             /* -1 = closed */
	bool earlier;       /* an earlier run has put what is in it */
	uint64_t synced;    /* what lies before was brought to the disk */
	uint64_t end;       /* behind its last record that is whole */
	uint64_t done;      /* everything before is */
	uint64_t given_to;  /* everything before was given out, though it may have come back */
	uint64_t passed_to; /* behind the last one that could not be read, and is lost */
	uint64_t waiting;   /* events that were neither given out nor lost */
	uint64_t bytes;     /* payload of these */
	struct loss whole;  /* all that was ever in it */
};

/* Something that was read, or passed over as it cannot be: then it is as good as done. */
struct spool_given {
	uint64_t number, end; /* of the segment; and where the next one begins in it */
	bool passed, earlier;
	uint64_t bytes;
	struct loss loss; /* its events, if they should be lost after all */
};

struct spool {
	struct spool_env env;
	struct sink_env place_env;
	char *target; /* of place_env */
	struct place place;
	struct place_file lock;
	bool ready; /* open() came to its end */
	struct spool_stats stats;
	struct spool_segment *oldest, *newest;
	uint64_t next_number;
	uint64_t size, segment_size; /* of all files of segments; and what one may have */
	struct loss torn;            /* by a writer that died: to be told */

	struct spool_segment *writing; /* the newest, or NULL: the next chunk begins one */
	uint8_t *opening;              /* of the stream of what is put */
	uint32_t opening_n;
	uint64_t stream;
	int64_t sync_ms;      /* when all was on the disk, or done */
	bool folder_unsynced; /* a segment has come that the folder may forget */
	uint64_t unmeasured;  /* bytes since free space was last looked at */
	bool low, low_dropped;

	struct spool_segment *reading; /* NULL = there is no segment */
	uint64_t read_at;
	bool told; /* the opening bytes of that stream were given last: */
	uint64_t told_stream;
	bool peeked; /* what comes next is known: */
	bool peek_opening;
	struct chunk peek;
	uint8_t peek_record[SPOOL_RECORD];

	struct spool_given given[SPOOL_GIVEN]; /* a ring */
	unsigned given_first, given_n;

	uint64_t cursor_bytes; /* done since the cursor was written */
	int64_t cursor_ms;     /* when it was */
	bool cursor_due, cursor_there;
};

/* ---- spool_segment.c: one file ------------------------------------------------------------- */

/* A walk over the records of a segment. */
struct spool_scan {
	/* Is told of each, and of where the next one begins. */
	void (*record)(void *arg, const struct chunk *head, uint64_t behind);
	void *arg;
	uint64_t end; /* behind the last one that is whole */
	struct chunk
		torn; /* the head of the one there, if just its payload is not all there: len */
};

/* A descriptor of it, opened where it is closed. Negative errno. */
int spool_segment_fd(struct spool *s, struct spool_segment *g);
/* Reads all of it, or -EIO. */
int spool_segment_pread(int fd, void *p, size_t n, uint64_t offset);
/* Looks at the heads of records only. Negative: what lies behind scan->end could not be read. */
int spool_segment_scan(int fd, uint64_t from, uint64_t to, struct spool_scan *scan);
/* One more in the list; owned by it. NULL = no memory. */
struct spool_segment *spool_segment_add(struct spool *s, const struct spool_head *head);
/* Begins one with this chunk, of the stream of what is put: it becomes `writing`. */
int spool_segment_begin(struct spool *s, const struct chunk *c);
/* Behind what is in `writing`, which after an error is as it was, or is not written any more. */
int spool_segment_append(struct spool *s, const struct chunk *c);
/* Nothing more is written into `writing`. */
void spool_segment_retire(struct spool *s);
/* Brings what is in it to the disk. After a failure, which is counted, nobody knows what is there:
 * it is not written any more. */
void spool_segment_sync(struct spool *s, struct spool_segment *g);
/* Closes the descriptor, if it is neither written nor read. */
void spool_segment_rest(struct spool *s, struct spool_segment *g);
/* Takes the oldest one away, and its file. */
void spool_segment_remove_oldest(struct spool *s);
void spool_segment_free_all(struct spool *s);

/* ---- spool_recover.c: what is left of earlier runs ------------------------------------------ */

/* Finds what is there. note: of note_size bytes, empty where all is well. */
int spool_recover(struct spool *s, char *note, size_t note_size, struct err *err);

/* ---- spool_give.c: what comes out ------------------------------------------------------------ */

size_t spool_next_size(void *ctx);
int spool_next(void *ctx, struct chunk *into);
void spool_done(void *ctx);
void spool_rewind(void *ctx);
/* Goes on with what is done by now: removes segments. */
void spool_settle(struct spool *s);
/* The oldest segment is lost, but for what was given out. */
void spool_drop_oldest(struct spool *s);
/* What was given out of segments that are dropped by now, and is not done: it never will be. */
void spool_lose_given(struct spool *s);

/* ---- spool_cursor.c -------------------------------------------------------------------------- */

/* Writes it if that is due; `now`: if anything has changed. */
void spool_cursor_tick(struct spool *s, bool now);
/* False: there is none that makes sense. */
bool spool_cursor_load(struct spool *s, struct spool_cursor *ret);
/* It would say nothing. */
void spool_cursor_remove(struct spool *s);
