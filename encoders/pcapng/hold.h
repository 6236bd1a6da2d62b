/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The first bytes of conversations that do not tell their protocol yet, because some programs read
 * a message's first bytes by themselves (mosquitto, nginx with early data). A conversation's ports
 * are decided when its first packet is written: so that waits for what comes next, for a moment.
 * Bounded: where there is no place left, nothing waits.
 */
#include "capture/event.h"

enum {
	PCAPNG_HOLD_MAX = 8,
	PCAPNG_HOLD_BYTES = 64, /* with more, the protocol is known or stays unknown */
	PCAPNG_HOLD_COMM = 16,
};

struct pcapng_held {
	struct event ev; /* without what it points to, which follows: see pcapng_hold_event() */
	struct flow flow;
	struct proc proc;
	char comm[PCAPNG_HOLD_COMM], bytes[PCAPNG_HOLD_BYTES];
};

struct pcapng_hold {
	struct pcapng_held v[PCAPNG_HOLD_MAX]; /* in the order of their times */
	unsigned n;
};

/* Takes the DATA event's bytes when they are the conversation's first ones, few, and of no known
 * protocol. False: the caller writes them, after what is held of the conversation. */
bool pcapng_hold_take(struct pcapng_hold *hold, const struct event *ev);
/* What is held of a flow; NULL = nothing. */
struct pcapng_held *pcapng_hold_find(struct pcapng_hold *hold, uint64_t flow);
/* All that is held of the flow as one event, valid until the next take or drop. */
const struct event *pcapng_hold_event(struct pcapng_held *held);
void pcapng_hold_drop(struct pcapng_hold *hold, struct pcapng_held *held);
