/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One connection that speaks Frame Streams: dialled, encrypted, and past its handshake. Nothing
 * blocks, but for the farewell. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "capture/net/conn.h"
#include "capture/net/dial.h"
#include "capture/net/fstrm.h"
#include "capture/sink.h"

enum {
	FSTRM_LINK_FRAME = 4096, /* the largest that a receiver may send */
};

enum fstrm_link_state {
	FSTRM_LINK_AWAY = 0, /* to be dialled, or being dialled */
	FSTRM_LINK_TLS,
	FSTRM_LINK_READY,  /* ours is being sent */
	FSTRM_LINK_ACCEPT, /* theirs is awaited */
	FSTRM_LINK_START,  /* ours is being sent */
	FSTRM_LINK_OPEN,
};

struct fstrm_link {
	struct dial *dial;
	struct tls *tls; /* NULL = none */
	struct conn *conn;
	enum fstrm_link_state state;
	bool batch;          /* they take acknowledged batches */
	int64_t deadline_ms; /* of the handshake */
	uint64_t written;    /* bytes that the connection has taken, all in all */
	uint64_t acked;      /* and those that the peer's kernel has got */
	uint8_t out[FSTRM_CONTROL_MAX];
	size_t out_n, out_sent;
	uint8_t in[FSTRM_LINK_FRAME];
	size_t in_n, in_taken; /* in_taken: of the frame that was returned last */
	char peer[ADDRESS_TEXT];
	char why[ADDRESS_TEXT + 320];
};

/* One step more: 0 = open; -EAGAIN; others: the attempt is over, the next call begins anew. */
int fstrm_link_step(struct fstrm_link *l);
/* What to wait for in order to do that: POLLIN, POLLOUT, or as fstrm_link_step() wants it. */
void fstrm_link_wait(const struct fstrm_link *l, short want, struct sink_wait *ret);
/* The next frame that they have sent, valid until the next call. -EAGAIN; others: over. */
int fstrm_link_read(struct fstrm_link *l, struct fstrm_frame *ret);
/* As conn_write(). */
ssize_t fstrm_link_write(struct fstrm_link *l, const struct iovec *v, unsigned n);
/* Sets acked. */
void fstrm_link_ask(struct fstrm_link *l);
/* Over, for that reason, which `why` names with the peer; returns r. The connection is gone, acked
 * stays. */
int fstrm_link_fail(struct fstrm_link *l, int r, const char *text);
/* Says farewell, for at most a fifth of a second, and closes. */
void fstrm_link_stop(struct fstrm_link *l);
/* Closes. */
void fstrm_link_drop(struct fstrm_link *l);
