/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * TLS plaintext as TCP conversations that never took place, so that Wireshark dissects, follows and
 * exports what was inside: SYN, SYN-ACK, ACK before the first bytes, segments with the sequence
 * numbers that the bytes have in their stream (what was lost is a jump), FIN when the owner closed.
 *
 * Which end of a connection is written, and under which addresses, is decided by
 * encoders/pcapng/ends.h; the comment of the SYN tells the real ones. Sequence numbers start at a
 * value of their own in each connection: a client port that is used again starts a new stream.
 *
 * State is bounded: the least recently used conversation is forgotten, and starts again with a SYN,
 * at the sequence number it has come to, as it does in a new file.
 */
#include <stdint.h>

#include "capture/event.h"
#include "encoders/pcapng/ends.h"

struct pcapng_tcp;
struct pcapng_tcp_flow;

/* NULL when there is no memory. */
struct pcapng_tcp *pcapng_tcp_new(void);
void pcapng_tcp_free(struct pcapng_tcp *t);
/* A new file begins. */
void pcapng_tcp_generation(struct pcapng_tcp *t);
/* The conversation of a DATA event, valid until the next call; NULL = it is told from its other
 * end. */
struct pcapng_tcp_flow *pcapng_tcp_find(struct pcapng_tcp *t, const struct event *ev,
					enum pcapng_content content);
/* Have packets of it been written? */
bool pcapng_tcp_begun(const struct pcapng_tcp_flow *c);
/* What pcapng_tcp_write() writes at most. */
size_t pcapng_tcp_room(const struct event *ev);
/* Appends at p what ev adds to its conversation on an interface, which may be nothing, and returns
 * the new end. */
uint8_t *pcapng_tcp_write(struct pcapng_tcp *t, struct pcapng_tcp_flow *c, const struct event *ev,
			  uint32_t interface, uint8_t *p);
/* Packets written in this file. */
uint64_t pcapng_tcp_packets(const struct pcapng_tcp *t);
