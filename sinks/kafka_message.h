/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a message says of itself besides its events: a consumer can find doubles, holes and the
 * description of its stream without looking into it. */
#include <librdkafka/rdkafka.h>

#include "capture/base/bytes.h"
#include "capture/sink.h"

/* The stream that follows, as opening bytes have it; "" = they do not say. */
struct kafka_message_stream {
	char id[33];     /* hexadecimal */
	char schema[65]; /* SHA-256 of it */
};

/* Reads the StreamInfo that is one of the first of these varint-delimited Events. */
void kafka_message_describe(struct bytes opening, struct kafka_message_stream *ret);
/* The headers of that parcel: the caller's until a message takes them. NULL: no memory. */
rd_kafka_headers_t *kafka_message_headers(const struct kafka_message_stream *stream,
					  const char *format, const struct parcel *parcel);
