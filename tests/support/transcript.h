/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Conversations as files: what was sent and received, event by event. Recorded from real programs
 * (tests/support/talk.py), and what fuzzers make of them.
 *
 * A record is: flags, length of the payload, bytes missing before it (both 16 bits, little endian),
 * payload.
 */
#include "capture/flows.h"

enum transcript_flags {
	TRANSCRIPT_RECEIVE = 1,   /* else sent */
	TRANSCRIPT_CONTINUES = 2, /* the same call as the record before */
	TRANSCRIPT_FIN = 4,
	TRANSCRIPT_LATE = 8,
	TRANSCRIPT_OTHER = 16, /* another connection, seen from a server */
	TRANSCRIPT_TRUNCATED = 32,
	TRANSCRIPT_UNKNOWN = 64, /* no addresses */
};

enum {
	TRANSCRIPT_HEAD = 5
};

struct transcript {
	enum protocol protocol; /* what the flows are said to talk */
	struct bytes rest;      /* of the file */
	uint64_t seq, time_ns;
	uint64_t next[2][2]; /* offset by connection and direction */
	uint64_t call[2][2];
	struct flows_stream streams[2][2];
	struct flow flows[2];
};

void transcript_begin(struct transcript *t, enum protocol protocol, struct bytes file);
/* The next event, valid until the next call; false at the end, or where the file is cut. */
bool transcript_next(struct transcript *t, struct event *ret);

/* A conversation that is written down, or cut up, in a test. */
struct transcript_file {
	char *p;
	size_t n;
};

void transcript_say(struct transcript_file *f, unsigned flags, unsigned missing,
		    struct bytes payload);
#define TRANSCRIPT_SEND(f, text) transcript_say(f, 0, 0, (struct bytes){text, sizeof(text) - 1})
#define TRANSCRIPT_RECV(f, text)                                                                   \
	transcript_say(f, TRANSCRIPT_RECEIVE, 0, (struct bytes){text, sizeof(text) - 1})
/* Reads a recorded one. */
struct transcript_file transcript_load(const char *path);
/* The same conversation in events of at most n bytes. */
struct transcript_file transcript_split(const struct transcript_file *f, size_t n);
void transcript_done(struct transcript_file *f);
/* How the text view shows it; malloc'd. options as in encoding_open(). */
char *transcript_shown(const struct transcript_file *f, enum protocol protocol,
		       const char *options);
/* However its bytes come in, a recorded conversation shows these texts (NULL-terminated) one after
 * the other, and nothing of it is lost. */
void talk_assert_recorded(const char *path, enum protocol protocol, const char *const *want);
/* Any bytes as a conversation: shown, twice over where room is short, and fit for a terminal. */
void transcript_fuzz(enum protocol protocol, const uint8_t *data, size_t n);
