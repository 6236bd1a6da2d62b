/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What is said to a receiver of Frame Streams, and by it, in one of two ways, as it likes: each
 * event in a frame of its own, which is done when the receiver's kernel has it; or each parcel as
 * one Batch, which is done when the receiver acknowledges it. After a reconnect the first
 * acknowledgement tells what is there already, and that is not sent again.
 */
#include <stdbool.h>
#include <stdint.h>
#include <zstd.h>

#include "sinks/frames.h"
#include "sinks/fstrm_acks.h"
#include "sinks/fstrm_link.h"

enum {
	FSTRM_TALK_LENGTH = 4,      /* of a frame */
	FSTRM_TALK_DEAD_MS = 30000, /* without a sign of life: it is taken for dead */
};

/* Zeroed but for the first four, which are its owner's. */
struct fstrm_talk {
	sink_done_fn done;
	void *done_arg;
	ZSTD_CCtx *zstd; /* NULL = batches are not compressed */
	uint8_t *packed; /* else BATCH_RAW_MAX bytes for that */
	struct fstrm_link link;
	struct fstrm_acks acks;
	struct frames frames; /* of the parcel that is being sent, so far: */
	bool started;         /* there is one */
	size_t sent;          /* bytes of its frame, which are: */
	size_t head_n;
	uint8_t head[FSTRM_TALK_LENGTH + BATCH_HEAD];
	struct bytes data;    /* and that, behind head */
	bool is_full;         /* the last call could not go on before the link takes more */
	int64_t described_ms; /* when the first batch of a stream was sent */
	int64_t heard_ms;     /* when it was last certain that the receiver is alive */
	int64_t asked_ms;     /* when we last asked what its kernel has */
	int64_t later_ms;     /* it wants to be left alone until then; 0 = it does not */
	uint64_t reported;    /* number of the last parcel that was reported as done */
};

/* As of struct sink_ops. */
int fstrm_talk_begin(struct fstrm_talk *t);
int fstrm_talk_write(struct fstrm_talk *t, const struct parcel *p, size_t *done);
void fstrm_talk_wait(const struct fstrm_talk *t, bool blocked, struct sink_wait *ret);
/* Takes what has come, and asks the kernel for what they need not say. -EAGAIN: goes on; others: it
 * is over. */
int fstrm_talk_look(struct fstrm_talk *t);
/* Says farewell, unless we are in the middle of a frame. */
void fstrm_talk_end(struct fstrm_talk *t);
