/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * TLS plaintext as TCP conversations that never took place, so that Wireshark dissects, follows and
 * exports what was inside: SYN, SYN-ACK, ACK before the first bytes, segments with the sequence
 * numbers that the bytes have in their stream (what was lost is a jump), FIN when the owner closed.
 *
 * Addresses and the client's port are the real ones. The server's port is that of the protocol
 * that the first bytes showed: readers dissect it there, and it keeps the conversation apart from
 * the real one, which may be in the same file. The comment of the SYN tells the real one. Where the
 * addresses are not known, or another open conversation of this file has the same, both are made up
 * from 198.18.0.0/15 or 2001:db8::/32 and the comment tells the real ones. Sequence numbers start
 * at a value of their own in each connection: a client port that is used again starts a new stream.
 *
 * Of a connection whose two ends are both recorded only the first one seen is written, since the
 * same conversation twice would look like retransmissions. An end is the other one of an earlier
 * one if its addresses mirror that one's, and: none has been found for that one yet, their sockets
 * and roles are not known to be the same, and that one has not been closed for 10 s. Both are
 * looked for in one network namespace first and then, loopback addresses excepted, in any: the ends
 * of a connection between containers are in two. What is behind a NAT stays two conversations.
 *
 * State is bounded: the least recently used conversation is forgotten, and starts again with a SYN,
 * at the sequence number it has reached, as it does in a new file.
 */
#include <stdint.h>

#include "capture/event.h"

struct pcapng_tcp;
struct pcapng_tcp_flow;

/* NULL when there is no memory. */
struct pcapng_tcp *pcapng_tcp_new(void);
void pcapng_tcp_free(struct pcapng_tcp *t);
/* A new file begins, in which the interface has that number. */
void pcapng_tcp_generation(struct pcapng_tcp *t, uint32_t interface);
/* The conversation of a DATA event, valid until the next call; NULL = it is told from its other
 * end. */
struct pcapng_tcp_flow *pcapng_tcp_find(struct pcapng_tcp *t, const struct event *ev);
/* Have packets of it been written? */
bool pcapng_tcp_begun(const struct pcapng_tcp_flow *c);
/* What pcapng_tcp_write() writes at most. */
size_t pcapng_tcp_room(const struct event *ev);
/* Appends at p what ev adds to its conversation, which may be nothing, and returns the new end. */
uint8_t *pcapng_tcp_write(struct pcapng_tcp *t, struct pcapng_tcp_flow *c, const struct event *ev,
			  uint8_t *p);
/* Packets written in this file. */
uint64_t pcapng_tcp_packets(const struct pcapng_tcp *t);
