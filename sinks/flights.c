/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/flights.h"

#include <assert.h>
#include <string.h>

#include "proto/pb_wire.h"

enum {
	FRAME_LENGTH = 4
};

static struct flight *flight_at(struct flights *f, unsigned i)
{
	return &f->v[(f->first + i) % FLIGHTS_MAX];
}

void flights_begin(struct flights *f, uint64_t number, struct bytes bytes, uint64_t start)
{
	assert(f->n < FLIGHTS_MAX);
	*flight_at(f, f->n++) = (struct flight){number, bytes, start, UINT64_MAX};
}

void flights_end(struct flights *f, uint64_t end)
{
	assert(f->n);
	flight_at(f, f->n - 1)->end = end;
}

uint64_t flights_arrived(struct flights *f, uint64_t acked)
{
	uint64_t number = 0;

	while (f->n && flight_at(f, 0)->end <= acked) {
		number = flight_at(f, 0)->number;
		f->first = (f->first + 1) % FLIGHTS_MAX;
		f->n--;
	}
	return number;
}

/* How many of these bytes are frames that have arrived whole, when n bytes have. */
static size_t frames_whole(struct bytes b, uint64_t n)
{
	size_t at = 0;

	for (uint64_t sent = 0; at < b.n;) {
		uint64_t size;
		size_t head;

		if (pb_wire_varint((struct bytes){b.p + at, b.n - at}, &size, &head) ||
		    size > b.n - at - head || sent + FRAME_LENGTH + size > n)
			break;
		sent += FRAME_LENGTH + size;
		at += head + size;
	}
	return at;
}

static size_t lines_whole(struct bytes b, uint64_t n)
{
	const char *end = memrchr(b.p, '\n', n < b.n ? n : b.n);

	return end ? (size_t)(end + 1 - b.p) : 0;
}

void flights_break(struct flights *f, uint64_t acked)
{
	const struct flight *first = flight_at(f, 0);
	size_t whole = 0;

	if (!f->n) /* as it was: that parcel has not begun again */
		return;
	if (acked > first->start && f->records == FLIGHTS_LINES)
		whole = lines_whole(first->bytes, acked - first->start);
	else if (acked > first->start && f->records == FLIGHTS_FRAMES)
		whole = frames_whole(first->bytes, acked - first->start);
	f->again = f->records == FLIGHTS_WHOLE ? 0 : first->number;
	f->left = first->bytes.n - whole;
	f->first = f->n = 0;
}

/* The parcel may have other opening bytes in front than it had, or none: it is the same from its
 * end backwards. */
size_t flights_resume(const struct flights *f, uint64_t number, size_t n)
{
	return number && number == f->again && f->left < n ? n - f->left : 0;
}
