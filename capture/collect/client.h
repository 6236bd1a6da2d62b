/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * One connection of a sender: what it says (capture/collect/peer.h) becomes events of streams, and
 * what is safe of them is acknowledged. Nothing blocks. A client that says nonsense, or keeps us
 * waiting, is closed with one line; no other is touched by that.
 */
#include <stdbool.h>

#include "capture/collect/feeds.h"
#include "capture/collect/peer.h"
#include "capture/net/conn.h"

enum {
	CLIENT_STREAMS = 8, /* of which one connection waits for acknowledgements */
	CLIENT_OUT = 8192,  /* bytes that it has not read yet */
	CLIENT_ERROR = 256,
};

/* What all clients share. */
struct client_env {
	struct feeds *feeds;
	struct pb_read *read;
	void *zstd;    /* ZSTD_DCtx */
	size_t memory; /* bytes of all buffers */
	size_t memory_max;
	bool ending;      /* nothing more is read */
	uint64_t refused; /* connections that were closed for what they said */
};

struct client {
	struct client_env *env;
	struct client *next;
	struct conn *conn; /* NULL in tests: client_feed() is all there is */
	bool shaken;       /* the connection itself is ready (TLS) */
	uint32_t interest; /* of epoll, as it was set; 0 = it does not know of it */
	struct peer peer;
	uint8_t *in; /* what was read: [at, end) is still to be looked at */
	size_t cap, at, end;
	struct bytes
		events; /* of a batch, or one message: what is left to be taken; in `in` or raw */
	size_t events_frame; /* bytes of `in` that are done with when it is taken */
	uint8_t *raw;        /* decompressed */
	size_t raw_n;
	bool one_event; /* events is a message without its length */
	uint8_t batch_id[16];
	bool has_batch_id;
	bool blocked;      /* a store has no room, or there is no memory for more: */
	bool starved;      /* the latter */
	bool ended;        /* nothing more will come */
	bool stopping;     /* STOP has come: FINISH follows when all is safe */
	bool finished;     /* and has gone out: close when it is written */
	struct feed *feed; /* that events belong to now; NULL = its description is to come */
	struct client_stream {
		struct feed *feed;
		uint64_t received; /* on this connection */
		uint64_t acked;
		bool told; /* something was acknowledged on this connection */
	} streams[CLIENT_STREAMS];
	unsigned streams_n;
	uint8_t out[CLIENT_OUT];
	size_t out_n;
	int64_t began_ms, moved_ms; /* it came; something moved */
	int64_t frame_ms;           /* the frame that is not whole yet began; 0 = there is none */
	int64_t stuck_ms;           /* since then it has not read what we say; 0 = it has */
};

/* Takes conn. NULL: no memory. */
struct client *client_new(struct client_env *env, struct conn *conn, int64_t now_ms);
void client_free(struct client *c);
/* Does what can be done: reads, takes events, acknowledges, writes. 0; -EPIPE: it is over, in good
 * order or not; others: it is to be closed, with text that names no peer. */
int client_turn(struct client *c, int64_t now_ms, struct err *err);
/* The same without a connection: these bytes have come. */
int client_feed(struct client *c, struct bytes in, int64_t now_ms, struct err *err);
/* What to wait for (POLLIN, POLLOUT). */
short client_events(const struct client *c);
/* Puts what is safe by now into `out`. */
void client_acknowledge(struct client *c);
