/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Conversations as files: what was sent and received, event by event. Recorded from real programs
 * (tests/support/talk.py), and what fuzzers make of them.
 *
 * A record is: flags, length of the payload, bytes missing before it (both 16 bits, little endian),
 * payload.
 */
#include "capture/event.h"

enum talk_flags {
	TALK_RECEIVE = 1,   /* else sent */
	TALK_CONTINUES = 2, /* the same call as the record before */
	TALK_FIN = 4,
	TALK_LATE = 8,
	TALK_OTHER = 16, /* another connection, seen from a server */
	TALK_TRUNCATED = 32,
	TALK_UNKNOWN = 64, /* no addresses */
};

enum {
	TALK_HEAD = 5
};

struct talk {
	enum protocol protocol; /* what the flows are said to talk */
	struct bytes rest;      /* of the file */
	uint64_t seq, time_ns;
	uint64_t next[2][2]; /* offset by connection and direction */
	uint64_t call[2][2];
	struct flow flows[2];
};

void talk_begin(struct talk *t, enum protocol protocol, struct bytes file);
/* The next event, valid until the next call; false at the end, or where the file is cut. */
bool talk_next(struct talk *t, struct event *ret);

/* A conversation that is written down, or cut up, in a test. */
struct talk_file {
	char *p;
	size_t n;
};

void talk_say(struct talk_file *f, unsigned flags, unsigned missing, struct bytes payload);
#define TALK_SEND(f, text) talk_say(f, 0, 0, (struct bytes){text, sizeof(text) - 1})
#define TALK_RECV(f, text) talk_say(f, TALK_RECEIVE, 0, (struct bytes){text, sizeof(text) - 1})
/* Reads a recorded one. */
struct talk_file talk_load(const char *path);
/* The same conversation in events of at most n bytes. */
struct talk_file talk_split(const struct talk_file *f, size_t n);
void talk_done(struct talk_file *f);
/* How the text view shows it; malloc'd. options as in encoding_open(). */
char *talk_shown(const struct talk_file *f, enum protocol protocol, const char *options);
/* However its bytes come in, a recorded conversation shows these texts (NULL-terminated) one after
 * the other, and nothing of it is lost. */
void talk_assert_recorded(const char *path, enum protocol protocol, const char *const *want);
/* Any bytes as a conversation: shown, twice over where room is short, and fit for a terminal. */
void talk_fuzz(enum protocol protocol, const uint8_t *data, size_t n);
