/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a spool is: a bounded memory on disk between an output's queue and its sink. Chunks go in at
 * one end and come out at the other in the same order, also after a restart: what an earlier run
 * left comes first. It belongs to the output's delivery thread, which puts every chunk in as soon
 * as it comes; a chunk that is in the spool is done as far as the recording is concerned. What
 * comes out stays there until spool_done says that the peer has it: so everything arrives at least
 * once.
 *
 * Only outputs whose encoder keeps no context have one: what comes out must be understood behind
 * the opening bytes of its stream alone.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/base/chunk.h"
#include "capture/base/err.h"
#include "capture/base/opt.h"
#include "capture/loss.h"

/* What is lost when there is no room. */
enum spool_full {
	SPOOL_DROP_OLDEST, /* a segment of what waits longest */
	SPOOL_DROP_NEWEST, /* what comes */
};

/* When what is put is brought to the disk itself. Always in the page cache: a process that is
 * killed loses nothing. */
enum spool_sync {
	SPOOL_SYNC_INTERVAL, /* each second, or MiB */
	SPOOL_SYNC_NONE,
	SPOOL_SYNC_BATCH, /* each chunk */
};

struct spool_stats {
	uint64_t events, bytes; /* in it, and not done */
	uint64_t torn;        /* records at the end of a segment of a writer that died: not whole */
	uint64_t sync_failed; /* fsyncs: nobody knows whether that is on the disk */
};

struct spool_env {
	const char *folder; /* made 0700 where it is not there; its parent must be */
	uint64_t max_bytes; /* of all segments */
	enum spool_full full;
	enum spool_sync sync;
	uid_t uid; /* (uid_t)-1 = as it is */
	gid_t gid;
	/* Events that were put by this run are lost after all: it has dropped them. Those of an
	 * earlier run are told by its own records; `earlier` says that they were. */
	/* loss->reports: of this run, which are to be made again. */
	void (*lost)(void *arg, const struct loss *loss, bool earlier);
	void *arg;
};

struct spool_ops {
	size_t ctx_size;

	/* ctx is zeroed, env borrowed. Takes the folder for itself (-EBUSY: another penstock has
	 * it), and finds what is left there: a torn end is cut off (what is lost by that is told at
	 * the next call of put() or tick()), a damaged segment is set aside under another name and
	 * said in *ret_note (empty = all is well). */
	int (*open)(void *ctx, const struct spool_env *env, char *ret_note, size_t note_size,
		    struct err *err);
	/* The chunk's bytes and what they are, behind everything else; the chunk stays the
	 * caller's. One with opens_run brings the opening bytes (its first opening_n ones, at most
	 * CHUNK_SIZE) of the stream that it and what follows belong to; they are known then, even
	 * if it is not taken.
	 *   0
	 *   -ENOSPC   it was not taken, as there is no room: full = DROP_NEWEST, or not even a
	 *             segment can be dropped; also a full disk, or one of which only the 20th part
	 *             (1 GiB at most) is free: where others fill it, not all is dropped for them
	 *   others    it was not taken; the next one is tried again
	 */
	int (*put)(void *ctx, const struct chunk *c);
	/* How large the next one that next() gives is, 0 = there is none now (or too many are given
	 * out and not done: 1024). True until the next call of put(). */
	size_t (*next_size)(void *ctx);
	/* The next chunk, into `into`, which has room for it: as it was put, and `again` if it may
	 * have been given out before this process began. Where its stream is another one than that
	 * of the chunk before, or it is the first, a chunk comes first that has its opening bytes
	 * alone (opens, opens_run, opening_n, records 0).
	 *   0
	 *   -EAGAIN, -EMSGSIZE   there is none; it has no room in `into`. Nothing has changed
	 *   others    it is unreadable, counted as lost, and passed over
	 */
	int (*next)(void *ctx, struct chunk *into);
	/* The oldest chunk that was given out and is not done, is. For a chunk of opening bytes
	 * alone, too. What is given out and not done when its segment is dropped is not lost
	 * thereby: who has it may still say that it is done, or else it is lost at close(). */
	void (*done)(void *ctx);
	/* What was given out and is not done will be given out again, in its order: nobody has it
	 * any more. Of what was dropped meanwhile that is no longer possible: it is lost. */
	void (*rewind)(void *ctx);
	/* Now and then: writes the cursor where that is due. */
	void (*tick)(void *ctx);
	void (*stats)(const void *ctx, struct spool_stats *ret);
	/* Brings everything to the disk, and says what has been deleted there meanwhile; stats()
	 * may be asked afterwards. Accepts a ctx whose open() failed. */
	void (*close)(void *ctx);
};

/* sinks/spool.c */
extern const struct spool_ops spool_disk;
