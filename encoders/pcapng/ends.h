/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Which end of a connection is written, and under which addresses.
 *
 * Of a connection whose two ends are both recorded only the first one seen is written, since the
 * same conversation twice would look like retransmissions. An end is the other one of an earlier
 * one if its addresses mirror that one's, and: none has been found for that one yet, their sockets
 * and roles are not known to be the same, and that one has not been closed for 10 s. Both are
 * looked for in one network namespace first and then, loopback addresses excepted, in any: the ends
 * of a connection between containers are in two. What is behind a NAT stays two conversations, and
 * so do TLS plaintext and the statements of a database on the same connection.
 *
 * Addresses and the client's port are the real ones. The server's port is that of the protocol
 * that the first bytes showed: readers dissect it there, and it keeps the conversation apart from
 * the real one, which may be in the same file. Where the addresses are not known, or another open
 * conversation of this file has the same, both are made up from 198.18.0.0/15 or 2001:db8::/32.
 *
 * A connection is looked for by its addresses in a bounded table: the least recently used ones go
 * first, and then the other end is a conversation of its own.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/lru.h"
#include "capture/event.h"
#include "encoders/pcapng/ethernet.h"

/* The two ends, and the directions: local is the recorded process, and what it sends. */
enum side {
	SIDE_LOCAL,
	SIDE_REMOTE,
	SIDES
};

/* What is told of a connection: plaintext of one end is not repeated by statements of the other. */
enum pcapng_content {
	PCAPNG_PLAINTEXT,
	PCAPNG_STATEMENTS
};

/* What is known here of a conversation. It stands at the head of its entry in the caller's table.
 */
struct pcapng_end {
	uint64_t flow; /* the table's key */
	uint64_t cookie;
	uint64_t closed_ns;  /* 0 = it is not closed */
	uint32_t generation; /* of the file in which it is open; 0 = in none */
	uint32_t made_up;    /* number of its made-up addresses; 0 = they are real */
	enum flow_role role;
	enum side client;
	bool listed;    /* its addresses are known: its other end can be recognised */
	bool paired;    /* and was */
	bool duplicate; /* it is the other end of a conversation: nothing of it is written */
	struct ethernet_path path[SIDES]; /* of packets from that side; since it was opened */
};

struct pcapng_ends {
	struct lru *tuples;
	const struct lru *conversations;
	uint32_t generation; /* of the present file: the caller counts them, from 1 on */
	uint32_t made_up;    /* addresses so far */
};

/* conversations: the caller's table, of at most `max`, borrowed. -ENOMEM. */
int pcapng_ends_init(struct pcapng_ends *e, const struct lru *conversations, uint32_t max);
void pcapng_ends_done(struct pcapng_ends *e); /* zeroed is fine */
/* The addresses of event ev's flow have become known: sets end->listed, and end->duplicate if they
 * are those of an other end. begun: packets of it have been written, so that it goes on whatever
 * they are. */
void pcapng_ends_meet(struct pcapng_ends *e, struct pcapng_end *end, const struct event *ev,
		      enum pcapng_content content, bool begun);
/* The conversation of DATA event ev opens in this file: sets the addresses under which it is
 * written. */
void pcapng_ends_open(struct pcapng_ends *e, struct pcapng_end *end, const struct event *ev);
/* Is it open in this file? */
static inline bool pcapng_ends_is_open(const struct pcapng_ends *e, const struct pcapng_end *end)
{
	return end->generation == e->generation;
}
/* The connection was closed: others may have its addresses. */
void pcapng_ends_close(struct pcapng_end *end, uint64_t now_ns);
