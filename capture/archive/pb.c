/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "capture/archive/decoder.h"
#include "capture/base/chunk.h"
#include "proto/pb_wire.h"

/* penstock.v1.Event, each with its length in front as a varint. */

static ssize_t pb_extent(void *ctx, struct bytes in, size_t *ret_want)
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

const struct decoder_ops decoder_pb = {.format = "pb", .extent = pb_extent};
