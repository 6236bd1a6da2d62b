/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/kafka_stream.h"

#include <stdint.h>
#include <stdio.h>

#include "proto/pb_wire.h"

/* Of proto/event.proto. */
enum {
	EVENT_STREAM_INFO = 100,
	STREAM_INFO_ID = 1,
	STREAM_INFO_SCHEMA = 11,
	STREAM_EVENTS = 4, /* so many are looked at */
};

static void hex_put(char *ret, size_t size, struct bytes b)
{
	for (size_t i = 0; i < b.n && 2 * i + 2 < size; i++)
		snprintf(ret + 2 * i, 3, "%02x", (uint8_t)b.p[i]);
}

static void stream_read_info(struct bytes info, struct kafka_stream *ret)
{
	struct pb_wire_field f;

	while (pb_wire_next(&info, &f) == 0) {
		if (f.type != PB_WIRE_BYTES)
			continue;
		if (f.number == STREAM_INFO_ID)
			hex_put(ret->id, sizeof(ret->id), f.bytes);
		else if (f.number == STREAM_INFO_SCHEMA)
			hex_put(ret->schema, sizeof(ret->schema), f.bytes);
	}
}

void kafka_stream_describe(struct bytes opening, struct kafka_stream *ret)
{
	uint64_t n;
	size_t head;

	*ret = (struct kafka_stream){.id = ""};
	for (unsigned i = 0; i < STREAM_EVENTS && !*ret->id; i++) {
		struct pb_wire_field f;
		struct bytes event;

		if (pb_wire_varint(opening, &n, &head) < 0 || n > opening.n - head)
			return;
		event = (struct bytes){opening.p + head, n};
		opening = (struct bytes){opening.p + head + n, opening.n - head - n};
		while (pb_wire_next(&event, &f) == 0)
			if (f.number == EVENT_STREAM_INFO && f.type == PB_WIRE_BYTES)
				stream_read_info(f.bytes, ret);
	}
}
