/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/kafka_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/pb_wire.h"

/* Of proto/event.proto. */
enum {
	EVENT_STREAM_INFO = 100,
	STREAM_INFO_ID = 1,
	STREAM_INFO_SCHEMA = 11,
	MESSAGE_EVENTS = 4, /* so many are looked at */
	MESSAGE_HEADERS = 8,
};

static void hex_put(char *ret, size_t size, struct bytes b)
{
	for (size_t i = 0; i < b.n && 2 * i + 2 < size; i++)
		snprintf(ret + 2 * i, 3, "%02x", (uint8_t)b.p[i]);
}

static void stream_read_info(struct bytes info, struct kafka_message_stream *ret)
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

void kafka_message_describe(struct bytes opening, struct kafka_message_stream *ret)
{
	uint64_t n;
	size_t head;

	*ret = (struct kafka_message_stream){.id = ""};
	for (unsigned i = 0; i < MESSAGE_EVENTS && !*ret->id; i++) {
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

static void header_add(rd_kafka_headers_t *h, const char *name, const char *value)
{
	if (*value)
		rd_kafka_header_add(h, name, -1, value, -1);
}

static void header_add_number(rd_kafka_headers_t *h, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	header_add(h, name, text);
}

rd_kafka_headers_t *kafka_message_headers(const struct kafka_message_stream *stream,
					  const char *format, const struct parcel *parcel)
{
	rd_kafka_headers_t *h = rd_kafka_headers_new(MESSAGE_HEADERS);
	bool protobuf = !strcmp(format, "pb");

	if (!h)
		return NULL;
	header_add(h, "content-type", protobuf ? "application/x-protobuf" : "application/x-ndjson");
	header_add(h, "penstock-part", parcel->number ? "events" : "opening");
	header_add(h, "penstock-stream", stream->id);
	if (!parcel->number) {
		header_add(h, "penstock-schema", stream->schema);
		return h;
	}
	header_add_number(h, "penstock-records", parcel->records);
	header_add_number(h, "penstock-first-seq", parcel->first_seq);
	header_add_number(h, "penstock-last-seq", parcel->last_seq);
	if (parcel->again)
		header_add(h, "penstock-again", "1");
	return h;
}
