/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A receiver of Frame Streams that does what a test wants, in the thread of the test: each call of
 * receiver_step() takes what has come, and never waits. What it received is kept. Each function
 * asserts that it works.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/net/batch.h"
#include "capture/net/fstrm.h"

enum {
	RECEIVER_ROOM = FSTRM_FRAME_MAX + 4096, /* what has come and is not a whole frame yet */
	RECEIVER_SEQS = 1 << 16,                /* the largest number that an event may have */
};

struct receiver {
	int listen_fd, fd; /* fd -1 = nobody is here */
	char target[64];   /* "127.0.0.1:4711" */
	/* What it does: */
	const char *accepts[3];      /* content types; none = it accepts without naming one */
	struct bytes instead;        /* of ACCEPT it sends this; .p NULL = it accepts */
	bool silent, deaf, vanishes; /* no ACCEPT; reads nothing; closes when READY comes */
	bool acks;                   /* acknowledges each batch at once, as far as it has it */
	bool no_finish;
	/* What it got: */
	unsigned connections, batches, frames, stops, compressed, again, describing;
	uint64_t bytes;                /* of data frames */
	char started[64];              /* content type of the last START */
	unsigned times[RECEIVER_SEQS]; /* how often the event of that number came */
	uint64_t durable;              /* the largest of them */
	uint8_t stream_id[16];         /* of the last batch */
	uint8_t in[RECEIVER_ROOM];
	size_t in_n;
};

/* All else is zeroed. */
void receiver_open(struct receiver *r);
void receiver_close(struct receiver *r);
void receiver_step(struct receiver *r);
void receiver_send(struct receiver *r, const void *p, size_t n);
/* A data frame. */
void receiver_send_frame(struct receiver *r, const void *p, size_t n);
/* Of the stream of the last batch. */
void receiver_ack(struct receiver *r, uint64_t durable);
/* The connection ends: in good order, or with a reset. */
void receiver_hang_up(struct receiver *r, bool reset);
