/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* DATA events of a connection as one of its ends sees them, one after the other. */
#include "capture/flows.h"
#include "tests/support/encoding.h"

struct talk {
	struct encoding *to;
	struct flow flow;
	struct proc proc;
	uint64_t offset[2]; /* of the next byte, by direction: transmit, receive */
	struct flows_stream streams[2];
	uint64_t lost;    /* bytes that the next event misses */
	uint64_t *now_ns; /* Unix time, advanced by every event */
};

/* A client at 192.0.2.1:40000 of 192.0.2.20:8443, pid 1234 "curl". */
struct talk talk_new(struct encoding *to, uint64_t id, enum protocol protocol);
/* Its other end: pid 4321 "nginx". */
struct talk talk_mirror(const struct talk *t, uint64_t id);
/* Another connection, of which nothing has been said. */
void talk_renew(struct talk *t, uint64_t id);
/* One event; what the encoder returned. */
int talk_says(struct talk *t, enum direction direction, struct bytes payload);
int talk_flagged(struct talk *t, enum direction direction, struct bytes payload, uint32_t flags);
/* One that the test has made, but for what flows.c says of it. */
int talk_adds(struct talk *t, struct event *ev);
int talk_closes(struct talk *t);
