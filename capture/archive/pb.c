/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "capture/archive/decoder.h"
#include "capture/archive/message.h"
#include "capture/base/chunk.h"
#include "proto/pb_read.h"
#include "proto/pb_wire.h"

/* penstock.v1.Event, each with its length in front as a varint. */

struct pb_decoder {
	struct pb_read *read;
};

ssize_t message_extent(struct bytes in, size_t *ret_want)
{
	uint64_t length;
	size_t head;
	int r = pb_wire_varint(in, &length, &head);

	*ret_want = in.n + 1;
	if (r == -ENODATA)
		return 0;
	if (r || length == 0 || length > CHUNK_JUMBO - head)
		return -EBADMSG;
	*ret_want = head + length;
	return *ret_want <= in.n ? (ssize_t)*ret_want : 0;
}

int message_decode(struct pb_read *read, struct bytes rec, decoder_fn fn, void *arg,
		   struct err *err)
{
	const struct event *seen;
	struct event ev;
	uint64_t length;
	size_t head;
	int r = pb_wire_varint(rec, &length, &head);

	if (r || length != rec.n - head)
		return errf(err, -EBADMSG, "a message that is not as long as it says");
	r = pb_read_event(read, (struct bytes){rec.p + head, length}, &seen, err);
	if (r)
		return r < 0 ? r : 0;
	ev = *seen;
	return fn(&ev, arg);
}

static int pb_open(void *ctx, struct err *err)
{
	struct pb_decoder *d = ctx;

	return pb_read_new(&d->read, err);
}

static ssize_t pb_extent(void *ctx, struct bytes in, size_t *ret_want)
{
	return message_extent(in, ret_want);
}

static int pb_decode(void *ctx, struct bytes rec, decoder_fn fn, void *arg, struct err *err)
{
	struct pb_decoder *d = ctx;

	return message_decode(d->read, rec, fn, arg, err);
}

static void pb_close(void *ctx)
{
	struct pb_decoder *d = ctx;

	pb_read_free(d->read);
}

/* The type of an event comes soon, and before its body. */
bool decoder_pb_begins(struct bytes head)
{
	struct pb_wire_field field;
	uint64_t length;
	size_t n;

	if (pb_wire_varint(head, &length, &n) || length == 0 || length > CHUNK_JUMBO)
		return false;
	head = (struct bytes){head.p + n, head.n - n};
	if (head.n > length)
		head.n = length;
	while (pb_wire_next(&head, &field) == 0 && field.number <= 3)
		if (field.number == 3)
			return field.type == PB_WIRE_VARINT;
	return false;
}

/* StreamInfo is field 100 of an Event and ProcessInfo is field 23; both come soon. */
static bool pb_describes(struct bytes rec)
{
	enum {
		HEAD = 128 /* longer than what comes before the body */
	};
	size_t n = rec.n < HEAD ? rec.n : HEAD;

	return memmem(rec.p, n, "\xA2\x06", 2) || memmem(rec.p, n, "\xBA\x01", 2);
}

const struct decoder_ops decoder_pb = {.format = "pb",
				       .ctx_size = sizeof(struct pb_decoder),
				       .open = pb_open,
				       .extent = pb_extent,
				       .decode = pb_decode,
				       .describes = pb_describes,
				       .close = pb_close};
