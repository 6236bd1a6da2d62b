/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* One of those who read what a listening sink serves: its connection, and how far it has come. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/net/conn.h"
#include "sinks/backlog.h"

enum listen_reader_state {
	READER_NONE,   /* this place is free */
	READER_GREETS, /* its handshake is under way */
	READER_AWAITS, /* it begins where the next generation does */
	READER_READS,
};

struct listen_reader {
	enum listen_reader_state state;
	struct conn *conn;
	bool half;        /* it will send nothing more; it may still read */
	uint32_t events;  /* what epoll waits for */
	uint8_t *opening; /* what it is to get first, its own; NULL = nothing, or no more */
	size_t opening_n, opening_sent;
	uint64_t at;      /* its place in the backlog */
	int64_t moved_ms; /* when it last took something, or came */
};

/* Waits for the next generation, or begins behind the n opening bytes at that place of the stream.
 * -ENOMEM. */
void listen_reader_await(struct listen_reader *r);
int listen_reader_begin(struct listen_reader *r, const uint8_t *opening, size_t n, uint64_t at);
/* Is there something that it has not taken? */
bool listen_reader_lags(const struct listen_reader *r, const struct backlog *b);
/* Sends it as much as it takes: 0; others: it has gone. */
int listen_reader_push(struct listen_reader *r, const struct backlog *b);
/* Throws away what it says: 0; others: it has gone. */
int listen_reader_hear(struct listen_reader *r);
/* Ends it, in good order or so that it notices. The place is free again. */
void listen_reader_end(struct listen_reader *r, bool cut);
