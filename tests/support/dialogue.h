/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What one end of a connection says, through redact=on. */
#include "capture/flows.h"
#include "capture/redact.h"

/* Events of one direction, one after the other. */
struct dialogue {
	struct redact *redact;
	struct flow flow;
	struct flows_stream streams[2];
	uint64_t offset; /* of the next byte */
	bool late;
	enum direction direction;
	uint32_t flags; /* of the last event, as it came out */
};

struct dialogue dialogue_new(enum protocol protocol);
void dialogue_done(struct dialogue *d);
/* The next event: n bytes at p, which are overwritten by what comes out of them. call_offset: where
 * they stand in the call of the program. */
void dialogue_says(struct dialogue *d, char *p, size_t n, uint64_t call_offset);
/* Says text in one event; cut in two at each place, into calls and within one; and byte by byte:
 * what comes out is `want` each time, and the event is flagged when that is not the text. */
void dialogue_expect(enum protocol protocol, struct bytes text, struct bytes want);
