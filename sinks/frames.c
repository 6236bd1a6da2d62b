/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/frames.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "proto/pb_wire.h"

enum {
	FRAMES_LENGTH = 4
};

/* The length of the event that begins here. */
static int frames_begin(struct frames *f, struct bytes rest)
{
	uint64_t size;
	size_t n;

	if (pb_wire_varint(rest, &size, &n) || size > rest.n - n || size > UINT32_MAX)
		return -EBADMSG;
	for (int shift = 24; shift >= 0; shift -= 8)
		f->out[f->n++] = (uint8_t)(size >> shift);
	f->at += n;
	f->body = size;
	return 0;
}

/* Fills the room again. */
static int frames_fill(struct frames *f, struct bytes parcel)
{
	f->n = f->sent = 0;
	while (f->n + FRAMES_LENGTH < FRAMES_ROOM && f->at < parcel.n) {
		size_t n;
		int r = f->body ? 0
				: frames_begin(f,
					       (struct bytes){parcel.p + f->at, parcel.n - f->at});

		if (r < 0)
			return r;
		n = f->body < FRAMES_ROOM - f->n ? f->body : FRAMES_ROOM - f->n;
		memcpy(f->out + f->n, parcel.p + f->at, n);
		f->n += n;
		f->at += n;
		f->body -= n;
	}
	return 0;
}

int frames_next(struct frames *f, struct bytes parcel, struct bytes *ret)
{
	int r = f->sent == f->n ? frames_fill(f, parcel) : 0;

	if (r < 0)
		return r;
	*ret = (struct bytes){(const char *)f->out + f->sent, f->n - f->sent};
	return 0;
}

void frames_sent(struct frames *f, size_t n)
{
	assert(n <= f->n - f->sent);
	f->sent += n;
}

/* No event gets shorter (the largest has a length of four bytes in the parcel, too): what is left
 * here stands for at most as much of the parcel. */
size_t frames_taken(const struct frames *f)
{
	size_t left = f->n - f->sent;

	return left < f->at ? f->at - left : 0;
}

void frames_reset(struct frames *f)
{
	f->at = f->body = f->n = f->sent = 0;
}
