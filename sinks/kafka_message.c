/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/kafka_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	MESSAGE_HEADERS = 8
};

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

rd_kafka_headers_t *kafka_message_headers(const struct kafka_stream *stream, bool protobuf,
					  const struct parcel *parcel)
{
	rd_kafka_headers_t *h = rd_kafka_headers_new(MESSAGE_HEADERS);

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
