/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What of a stream is on its way, and what the receiver has said of it. An Ack counts parcels by
 * the sequence numbers of a stream; a connection without them counts its own bytes, as far as the
 * peer's kernel has them. Pure. What an Ack says is foreign: nothing is believed that cannot be.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/net/batch.h"
#include "capture/sink.h"

enum {
	FSTRM_ACKS_WINDOW = 128, /* parcels on their way; delivery stops at half of it */
	FSTRM_ACKS_STREAMS = 32, /* streams that are known: a spool may hold several runs */
};

struct fstrm_acks_stream {
	uint8_t id[16];
	uint64_t turn; /* when it was selected last; 0 = never */
	bool decided;  /* the first of its parcels that count has been seen */
	bool foreign;  /* and somebody may have sent it, and more, before us */
	bool described,
		answered;     /* on this connection: something of it was sent, and acknowledged */
	uint64_t sent_seq;    /* the last one that we have sent, on any connection */
	uint64_t durable_seq; /* the last one that the receiver has, as this connection says */
};

struct fstrm_acks {
	struct fstrm_acks_stream streams[FSTRM_ACKS_STREAMS];
	struct fstrm_acks_stream *current; /* what parcels belong to; NULL = not known yet */
	struct fstrm_acks_stream bytes;    /* without acknowledgements: numbers are bytes */
	struct {
		uint64_t number, need; /* done when so much is durable */
		const struct fstrm_acks_stream *stream;
	} ring[FSTRM_ACKS_WINDOW];
	unsigned first, n;
	uint64_t turn;
	uint64_t done; /* number of the last parcel before which, and with which, all is done */
};

/* A connection begins: nothing is on its way, and nobody has answered. */
void fstrm_acks_restart(struct fstrm_acks *a);
/* What follows belongs to that stream. -EAGAIN: parcels of too many are on their way. */
int fstrm_acks_select(struct fstrm_acks *a, const uint8_t id[16]);
/* Has the receiver got this already? -EPROTO: it says so of what nobody has sent. */
int fstrm_acks_covers(const struct fstrm_acks *a, const struct parcel *p, bool *ret);
/* The parcel has been sent as a whole, or is there already. */
void fstrm_acks_sent(struct fstrm_acks *a, const struct parcel *p);
/* -EPROTO: it cannot be true, *ret_why says why; then nothing of it counts. */
int fstrm_acks_take(struct fstrm_acks *a, const struct batch_ack *ack, const char **ret_why);

/* Without acknowledgements: the parcel ends at that byte of the connection, and the peer has got so
 * many of these. */
void fstrm_acks_sent_bytes(struct fstrm_acks *a, uint64_t number, uint64_t end);
void fstrm_acks_take_bytes(struct fstrm_acks *a, uint64_t bytes);
