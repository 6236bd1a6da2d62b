/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What was sent on one connection, and what of it has arrived: which parcels are done, and from
 * which record on the first of the others is to be sent on the next connection, so that a peer that
 * goes away gets no record twice that its kernel had whole. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum {
	FLIGHTS_MAX = 128 /* parcels that are sent and not done */
};

/* How the records of a parcel can be told from each other. */
enum flights_records {
	FLIGHTS_WHOLE,  /* not at all: it is sent again from its beginning */
	FLIGHTS_LINES,  /* each is a line, and is sent as it is */
	FLIGHTS_FRAMES, /* each has its length as a varint in front, and is sent with a u32 */
};

struct flight {
	uint64_t number;
	struct bytes bytes;  /* the parcel, from where on it was sent; they stay until it is done */
	uint64_t start, end; /* of all that was sent: where these began, and where they end */
};

/* Zeroed, it is empty. */
struct flights {
	enum flights_records records;
	struct flight v[FLIGHTS_MAX]; /* a ring */
	unsigned first, n;
	uint64_t again; /* number of the parcel of which something has arrived; 0 = none */
	size_t left;    /* how much of it has not */
};

/* A parcel begins to be sent, behind `start` bytes of others. There is room for it. */
void flights_begin(struct flights *f, uint64_t number, struct bytes bytes, uint64_t start);
/* The last one is sent: so many bytes altogether. */
void flights_end(struct flights *f, uint64_t end);
/* So many bytes have arrived: the number of the last parcel that is done by that, 0 = none. */
uint64_t flights_arrived(struct flights *f, uint64_t acked);
/* The connection is over, and so much had arrived. */
void flights_break(struct flights *f, uint64_t acked);
/* From which of its n bytes on this parcel is to be sent. */
size_t flights_resume(const struct flights *f, uint64_t number, size_t n);
