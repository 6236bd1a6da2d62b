/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A stream that is received: the events of one output of one recording, known by its id, whichever
 * connection they come on. Each is written once to each store; a number that all of them have is a
 * repetition.
 */
#include "capture/collect/depot.h"

enum {
	FEED_MAX = 4096, /* at a time; those that nobody sends are forgotten */
};

struct feed {
	struct feed *next;
	struct run run;  /* its ids; no texts */
	char host[256];  /* as the sender says, printable */
	char owner[256]; /* the name in the certificate of who sent it first; "" = none */
	struct depot_link *links[OUTPUT_MAX]; /* one for each -w */
	unsigned links_n;
	unsigned clients; /* connections that send it */
	int64_t used_ms;
	uint64_t first, received; /* number of the first event since we know it, and of the last */
	uint64_t events, duplicates, losses; /* losses: reports of them */
	uint64_t missing, told; /* events that did not come, and those that losses tell of */
};

/* The event's number, and what is to be counted of it. Negative as depot_event(). */
int feed_event(struct feed *f, const struct event *ev, size_t bytes);
/* Is there room for some more events in all of its stores? */
bool feed_has_room(const struct feed *f);
/* Somebody waits for it to be safe. */
void feed_hurry(const struct feed *f, int64_t now_ms);
/* Every store has everything up to that event; and it is safe there. Without any store, so it is
 * always. */
uint64_t feed_received(const struct feed *f);
uint64_t feed_durable(const struct feed *f);
/* Events that neither came nor were reported as lost. */
uint64_t feed_missing(const struct feed *f);
