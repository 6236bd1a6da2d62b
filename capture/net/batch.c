/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/net/batch.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "capture/base/crc32c.h"
#include "capture/base/utf8.h"
#include "proto/pb_wire.h"
#include "proto/pb_write.h"

/* Numbers of fields in proto/event.proto. */
enum {
	BATCH_FIRST_SEQ = 1,
	BATCH_COUNT = 2,
	BATCH_CODEC = 3,
	BATCH_RAW_LEN = 4,
	BATCH_CRC32C = 5,
	BATCH_DATA = 6,
	BATCH_STREAM_ID = 7,
	BATCH_REPLAYED = 8,
	ACK_STREAM_ID = 1,
	ACK_DURABLE = 2,
	ACK_RECEIVED = 3,
	ACK_STATUS = 5,
	ACK_MESSAGE = 6,
	ACK_RETRY = 8,
	EVENT_STREAM_INFO = 100,
	STREAM_INFO_ID = 1,
};

enum {
	STREAM_ID = 16,    /* bytes of a stream's id */
	MESSAGE_MAX = 255, /* bytes of an Ack's text */
	LOOKED_AT = 4,     /* events at the head of a batch, one of which tells of the stream */
};

static uint8_t *crc_put(uint8_t *p, uint32_t crc)
{
	if (!crc)
		return p;
	p = pb_write_tag(p, BATCH_CRC32C, (enum pb_write_type)PB_WIRE_FIXED32);
	bytes_put_le(p, crc, sizeof(crc));
	return p + sizeof(crc);
}

size_t batch_head(struct batch *b, uint8_t ret[BATCH_HEAD])
{
	uint8_t *p = pb_write_number(ret, BATCH_FIRST_SEQ, b->first_seq);

	b->crc32c = crc32c(0, b->data.p, b->data.n);
	p = pb_write_number(p, BATCH_COUNT, b->count);
	p = pb_write_number(p, BATCH_CODEC, b->codec);
	p = pb_write_number(p, BATCH_RAW_LEN, b->raw_len);
	p = crc_put(p, b->crc32c);
	p = pb_write_item(p, BATCH_STREAM_ID,
			  (struct bytes){(const char *)b->stream_id, STREAM_ID});
	p = pb_write_number(p, BATCH_REPLAYED, b->replayed);
	if (b->data.n)
		p = pb_write_varint(pb_write_tag(p, BATCH_DATA, PB_WRITE_LENGTH), b->data.n);
	assert(p <= ret + BATCH_HEAD);
	return (size_t)(p - ret);
}

/* The field's number, at most max. */
static int field_number(const struct pb_wire_field *f, uint64_t max, uint64_t *ret)
{
	if (f->type != PB_WIRE_VARINT || f->value > max)
		return -EBADMSG;
	*ret = f->value;
	return 0;
}

static int field_bytes(const struct pb_wire_field *f, struct bytes *ret)
{
	if (f->type != PB_WIRE_BYTES)
		return -EBADMSG;
	*ret = f->bytes;
	return 0;
}

/* What batch_parse() and batch_ack_parse() find, before it goes where it belongs. */
struct batch_fields {
	uint64_t number[9];
	struct bytes bytes[9];
};

static int batch_field(const struct pb_wire_field *f, struct batch_fields *ret)
{
	switch (f->number) {
	case BATCH_FIRST_SEQ:
		return field_number(f, UINT64_MAX, &ret->number[f->number]);
	case BATCH_COUNT:
	case BATCH_RAW_LEN:
		return field_number(f, UINT32_MAX, &ret->number[f->number]);
	case BATCH_CODEC:
		return field_number(f, BATCH_ZSTD, &ret->number[f->number]);
	case BATCH_REPLAYED:
		return field_number(f, 1, &ret->number[f->number]);
	case BATCH_CRC32C:
		ret->number[f->number] = f->value;
		return f->type == PB_WIRE_FIXED32 ? 0 : -EBADMSG;
	case BATCH_DATA:
	case BATCH_STREAM_ID:
		return field_bytes(f, &ret->bytes[f->number]);
	default:
		return 0;
	}
}

static int ack_field(const struct pb_wire_field *f, struct batch_fields *ret)
{
	switch (f->number) {
	case ACK_DURABLE:
	case ACK_RECEIVED:
	case ACK_RETRY:
		return field_number(f, UINT64_MAX, &ret->number[f->number]);
	case ACK_STATUS:
		return field_number(f, UINT32_MAX, &ret->number[f->number]);
	case ACK_STREAM_ID:
	case ACK_MESSAGE:
		return field_bytes(f, &ret->bytes[f->number]);
	default:
		return 0;
	}
}

/* All fields of a message. */
static int fields_parse(struct bytes in,
			int (*take)(const struct pb_wire_field *f, struct batch_fields *ret),
			struct batch_fields *ret)
{
	while (in.n) {
		struct pb_wire_field f;
		int r = pb_wire_next(&in, &f);

		r = r ? r : take(&f, ret);
		if (r)
			return -EBADMSG;
	}
	return 0;
}

/* Can it be that so many events are in so many bytes? */
static bool batch_is_possible(const struct batch *b)
{
	if (b->raw_len > BATCH_RAW_MAX || b->count > b->raw_len)
		return false;
	if (b->count && b->first_seq > UINT64_MAX - (b->count - 1))
		return false;
	return b->codec == BATCH_PLAIN ? b->raw_len == b->data.n : b->raw_len && b->data.n;
}

int batch_parse(struct bytes in, struct batch *ret)
{
	struct batch_fields f = {.number = {0}};
	struct batch b;

	if (fields_parse(in, batch_field, &f) || f.bytes[BATCH_STREAM_ID].n != STREAM_ID)
		return -EBADMSG;
	b = (struct batch){
		.first_seq = f.number[BATCH_FIRST_SEQ],
		.count = (uint32_t)f.number[BATCH_COUNT],
		.replayed = f.number[BATCH_REPLAYED],
		.codec = (enum batch_codec)f.number[BATCH_CODEC],
		.raw_len = (uint32_t)f.number[BATCH_RAW_LEN],
		.crc32c = (uint32_t)f.number[BATCH_CRC32C],
		.data = f.bytes[BATCH_DATA],
	};
	memcpy(b.stream_id, f.bytes[BATCH_STREAM_ID].p, STREAM_ID);
	if (!batch_is_possible(&b) || crc32c(0, b.data.p, b.data.n) != b.crc32c)
		return -EBADMSG;
	*ret = b;
	return 0;
}

size_t batch_ack_write(const struct batch_ack *a, uint8_t ret[BATCH_ACK])
{
	char text[MESSAGE_MAX + 1];
	struct bytes message = {text, utf8_copy(text, sizeof(text), a->message)};
	uint8_t *p = pb_write_item(ret, ACK_STREAM_ID,
				   (struct bytes){(const char *)a->stream_id, STREAM_ID});

	p = pb_write_number(p, ACK_DURABLE, a->durable_seq);
	p = pb_write_number(p, ACK_RECEIVED, a->received_seq);
	p = pb_write_number(p, ACK_STATUS, a->status);
	p = pb_write_bytes(p, ACK_MESSAGE, message);
	p = pb_write_number(p, ACK_RETRY, a->retry_after_ms);
	assert(p <= ret + BATCH_ACK);
	return (size_t)(p - ret);
}

int batch_ack_parse(struct bytes in, struct batch_ack *ret)
{
	struct batch_fields f = {.number = {0}};
	uint64_t retry;

	if (fields_parse(in, ack_field, &f) || f.bytes[ACK_STREAM_ID].n != STREAM_ID)
		return -EBADMSG;
	if (f.bytes[ACK_MESSAGE].n > MESSAGE_MAX || !utf8_valid(f.bytes[ACK_MESSAGE]))
		return -EBADMSG;
	retry = f.number[ACK_RETRY];
	*ret = (struct batch_ack){
		.durable_seq = f.number[ACK_DURABLE],
		.received_seq = f.number[ACK_RECEIVED],
		.status = (uint32_t)f.number[ACK_STATUS],
		.retry_after_ms = retry < UINT32_MAX ? (uint32_t)retry : UINT32_MAX,
		.message = f.bytes[ACK_MESSAGE],
	};
	memcpy(ret->stream_id, f.bytes[ACK_STREAM_ID].p, STREAM_ID);
	return 0;
}

/* The first field of that number that has bytes. */
static bool message_find(struct bytes in, uint32_t number, struct bytes *ret)
{
	struct pb_wire_field f;

	while (pb_wire_next(&in, &f) == 0) {
		if (f.number != number || f.type != PB_WIRE_BYTES)
			continue;
		*ret = f.bytes;
		return true;
	}
	return false;
}

bool batch_stream_id(struct bytes events, uint8_t ret[16])
{
	for (unsigned i = 0; i < LOOKED_AT; i++) {
		struct bytes event, info, id;
		uint64_t size;
		size_t n;

		if (pb_wire_varint(events, &size, &n) || size > events.n - n)
			return false;
		event = (struct bytes){events.p + n, size};
		events = (struct bytes){event.p + size, events.n - n - size};
		if (!message_find(event, EVENT_STREAM_INFO, &info))
			continue;
		if (!message_find(info, STREAM_INFO_ID, &id) || id.n != STREAM_ID)
			return false;
		memcpy(ret, id.p, STREAM_ID);
		return true;
	}
	return false;
}
