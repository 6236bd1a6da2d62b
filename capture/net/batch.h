/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The messages of the acknowledged stream: penstock.v1.Batch to the collector, penstock.v1.Ack back
 * (proto/event.proto). Pure. Bytes are foreign.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum {
	BATCH_HEAD = 128,                 /* most bytes before its data */
	BATCH_ACK = 512,                  /* most bytes of an Ack */
	BATCH_RAW_MAX = 20 * 1024 * 1024, /* of its events, decompressed */
};

enum batch_codec {
	BATCH_PLAIN = 0,
	BATCH_ZSTD = 1
};

struct batch {
	uint8_t stream_id[16];
	uint64_t first_seq;
	uint32_t count; /* events that count; 0 = it only describes the stream */
	bool replayed;  /* it may have been sent before */
	enum batch_codec codec;
	uint32_t raw_len;  /* of the events, decompressed */
	uint32_t crc32c;   /* of data as it is sent */
	struct bytes data; /* varint-delimited Events */
};

struct batch_ack {
	uint8_t stream_id[16];
	uint64_t durable_seq;  /* everything up to that one is safe */
	uint64_t received_seq; /* and up to that one arrived */
	uint32_t status;       /* 0 = well; else the receiver closes, and message says why */
	uint32_t retry_after_ms;
	struct bytes message; /* valid UTF-8, at most 255 bytes */
};

/* The message up to its data, which is its last field: data.n bytes follow. Sets crc32c. */
size_t batch_head(struct batch *b, uint8_t ret[BATCH_HEAD]);
/* -EBADMSG: none, the CRC is wrong, or its sizes are impossible. ret->data lies in `in`. */
int batch_parse(struct bytes in, struct batch *ret);
size_t batch_ack_write(const struct batch_ack *a, uint8_t ret[BATCH_ACK]);
int batch_ack_parse(struct bytes in, struct batch_ack *ret);
/* The stream that events belong to, by the StreamInfo that is one of the first of these
 * varint-delimited Events. False when there is none. */
bool batch_stream_id(struct bytes events, uint8_t ret[16]);
