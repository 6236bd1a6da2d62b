/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What a message says of itself besides its events: a consumer can find doubles, holes and the
 * description of its stream without looking into it. */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "capture/sink.h"
#include "sinks/kafka_stream.h"

/* The headers of that parcel, of messages of protobuf or of lines: the caller's until a message
 * takes them. NULL: no memory. */
rd_kafka_headers_t *kafka_message_headers(const struct kafka_stream *stream, bool protobuf,
					  const struct parcel *parcel);
