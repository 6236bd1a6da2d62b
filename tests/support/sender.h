/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What delivery does with fstrm://, and a receiver, in one thread: parcels one after the other, and
 * all again that are not done when a connection is over. Each function asserts that it works.
 */
#include "capture/sink.h"
#include "sinks/fstrm_talk.h"
#include "tests/support/receiver.h"

#define SENDER_ID "0123456789abcdef" /* of its stream */

enum {
	SENDER_PARCELS = 400, /* at most */
	SENDER_WINDOW = 64,   /* as delivery has it */
	SENDER_STEPS = 20000, /* of patience */
};

extern const struct sink_ops sink_fstrm;

struct sender {
	struct receiver *peer;
	struct fstrm_talk *talk; /* the sink's ctx begins with it */
	void *ctx;
	struct sink_env env;
	struct err err;
	int codec; /* the cfg begins with it */
	struct {
		uint8_t *p;
		size_t n;
		uint64_t first_seq;
		uint32_t records;
		size_t opening_n;
	} parcels[SENDER_PARCELS];
	unsigned n, head, sent; /* head: to be written next; sent: one that was begun before */
	uint64_t done;          /* as the sink reports it; numbers begin with 1 */
	uint64_t seq;
	bool begun, opened;
	size_t taken;
	int failure; /* the last one */
	unsigned failures;
	char why[700];
};

/* Not open yet, for what refuses to be. codec: 1 = zst. */
void sender_open_at(struct sender *r, int codec);
void sender_open(struct sender *r, int codec);
void sender_close(struct sender *r);
/* A parcel of that many events, each with so many bytes besides its number. */
void sender_offer(struct sender *r, unsigned events, size_t size);
/* The sink's turn. */
int sender_step(struct sender *r);
/* Both in turn, until all is done; or until something fails. False: nothing of that comes. */
bool sender_run(struct sender *r, bool until_failure);
/* Only so long, whatever comes of it. */
void sender_turns(struct sender *r, unsigned n);
/* Until everything has been sent, and nothing is done. */
void sender_sends_all(struct sender *r);
/* The receiver got each event, or got it once. */
void sender_reached(const struct sender *r);
void sender_reached_once(const struct sender *r);
/* It fails, in these words. */
void sender_fails(struct sender *r, int failure, const char *text);
