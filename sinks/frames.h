/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The same events in another frame: from varint-delimited ones, as chunks have them, to ones with a
 * u32 big-endian length in front, as tcp:// and Frame Streams want them. Goes through a piece of
 * memory that stays in the cache: a system call for each few thousand events, not for each. Pure.
 */
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum {
	FRAMES_ROOM = 64 * 1024
};

/* Where we are in one parcel. Zeroed, it is at the beginning of one. */
struct frames {
	size_t at;      /* bytes of the parcel that are in `out`, or have left it */
	size_t body;    /* what is still to come of an event of which the beginning is there */
	size_t n, sent; /* bytes in `out`, and how many of them are gone */
	uint8_t out[FRAMES_ROOM];
};

/* What is to be sent next: empty when there is nothing more in the parcel. -EBADMSG: these are no
 * events. */
int frames_next(struct frames *f, struct bytes parcel, struct bytes *ret);
/* So many of these bytes are gone. */
void frames_sent(struct frames *f, size_t n);
/* How much of the parcel is gone for certain: all of it only when all is. */
size_t frames_taken(const struct frames *f);
/* The next parcel comes, or this one from its beginning. */
void frames_reset(struct frames *f);
