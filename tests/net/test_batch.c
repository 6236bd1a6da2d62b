/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/base/crc32c.h"
#include "capture/net/batch.h"
#include "proto/event.pb-c.h"

#define ID "0123456789abcdef"

/* Two events as they lie in a batch: one that tells of the stream, and an empty one. */
#define INFO   "\x15\xa2\x06\x12\x0a\x10" ID
#define EVENTS INFO "\0"

static struct batch some_batch(void)
{
	struct batch b = {
		.first_seq = 300,
		.count = 2,
		.raw_len = sizeof(EVENTS) - 1,
		.replayed = true,
		.data = BYTES(EVENTS),
	};

	memcpy(b.stream_id, ID, 16);
	return b;
}

/* The whole message into `to`; its size. */
static size_t batch_whole(struct batch *b, uint8_t *to)
{
	size_t n = batch_head(b, to);

	if (b->data.n)
		memcpy(to + n, b->data.p, b->data.n);
	return n + b->data.n;
}

static void a_batch_is_these_bytes(void **state)
{
	static const char golden[] = "\x08\xac\x02\x10\x02\x20\x17\x2d????"
				     "\x3a\x10" ID "\x40\x01\x32\x17" EVENTS;
	struct batch b = some_batch();
	uint8_t got[512], want[512];
	size_t n = batch_whole(&b, got);

	memcpy(want, golden, sizeof(golden));
	bytes_put_le(want + 8, crc32c(0, EVENTS, sizeof(EVENTS) - 1), 4);
	assert_int_equal(n, sizeof(golden) - 1);
	assert_memory_equal(got, want, n);
}

/* protobuf-c knows nothing of how we write. */
static void others_read_the_same(void **state)
{
	struct batch b = some_batch();
	Penstock__V1__Batch *read;
	uint8_t got[512];
	size_t n = batch_whole(&b, got);

	read = penstock__v1__batch__unpack(NULL, n, got);
	assert_non_null(read);
	assert_int_equal(read->first_seq, 300);
	assert_int_equal(read->count, 2);
	assert_int_equal(read->codec, PENSTOCK__V1__CODEC__CODEC_NONE);
	assert_int_equal(read->raw_len, sizeof(EVENTS) - 1);
	assert_int_equal(read->crc32c, b.crc32c);
	assert_int_equal(read->data.len, sizeof(EVENTS) - 1);
	assert_memory_equal(read->data.data, EVENTS, read->data.len);
	assert_int_equal(read->stream_id.len, 16);
	assert_memory_equal(read->stream_id.data, ID, 16);
	assert_true(read->replayed);
	penstock__v1__batch__free_unpacked(read, NULL);
}

static int batch_parsed(const uint8_t *p, size_t n)
{
	struct batch b;
	/* Just as large, so that a sanitizer sees who reads on. */
	char *copy = malloc(n ? n : 1);
	int r;

	memcpy(copy, p, n);
	r = batch_parse((struct bytes){copy, n}, &b);
	free(copy);
	return r;
}

static void what_is_written_is_read(void **state)
{
	struct batch b = some_batch(), read;
	uint8_t got[512];
	size_t n = batch_whole(&b, got);

	assert_int_equal(batch_parse((struct bytes){(char *)got, n}, &read), 0);
	assert_memory_equal(read.stream_id, ID, 16);
	assert_int_equal(read.first_seq, 300);
	assert_int_equal(read.count, 2);
	assert_true(read.replayed);
	assert_int_equal(read.codec, BATCH_PLAIN);
	assert_int_equal(read.raw_len, b.raw_len);
	assert_true(bytes_eq(read.data, b.data));
	assert_ptr_equal(read.data.p, got + n - b.data.n);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(batch_parsed(got, cut), -EBADMSG);
}

/* Each single bit: nothing that was damaged counts as data, or has other data. */
static void a_bit_that_has_changed_is_noticed_in_data(void **state)
{
	struct batch b = some_batch(), read;
	uint8_t got[512];
	size_t n = batch_whole(&b, got), head = n - b.data.n;

	for (size_t bit = 0; bit < n * 8; bit++) {
		int r;

		got[bit / 8] ^= 1 << bit % 8;
		r = batch_parse((struct bytes){(char *)got, n}, &read);
		assert_true(r == 0 || r == -EBADMSG);
		if (bit / 8 >= head)
			assert_int_equal(r, -EBADMSG);
		got[bit / 8] ^= 1 << bit % 8;
	}
}

static int batch_parsed_as(struct batch b)
{
	uint8_t got[512];
	size_t n = batch_whole(&b, got);

	return batch_parsed(got, n);
}

static void impossible_sizes_are_refused(void **state)
{
	struct batch b = some_batch();

	assert_int_equal(batch_parsed_as(b), 0);
	b.raw_len++; /* of what is not compressed */
	assert_int_equal(batch_parsed_as(b), -EBADMSG);
	b.codec = BATCH_ZSTD;
	assert_int_equal(batch_parsed_as(b), 0);
	b.raw_len = BATCH_RAW_MAX;
	assert_int_equal(batch_parsed_as(b), 0);
	b.raw_len++;
	assert_int_equal(batch_parsed_as(b), -EBADMSG);
	b = some_batch();
	b.count = b.raw_len + 1;
	assert_int_equal(batch_parsed_as(b), -EBADMSG);
	b = some_batch();
	b.first_seq = UINT64_MAX - 1;
	assert_int_equal(batch_parsed_as(b), 0);
	b.first_seq++;
	assert_int_equal(batch_parsed_as(b), -EBADMSG);
	b = some_batch();
	b.codec = 2;
	assert_int_equal(batch_parsed_as(b), -EBADMSG);
	b = (struct batch){.codec = BATCH_ZSTD, .raw_len = 1};
	assert_int_equal(batch_parsed_as(b), -EBADMSG);
	b = (struct batch){.count = 0};
	assert_int_equal(batch_parsed_as(b), 0);
}

static void fields_of_other_types_are_refused_and_unknown_ones_passed_over(void **state)
{
#define REST "\x3a\x10" ID
	static const struct bytes bad[] = {
		BYTES("\x0a\x01x" REST),  BYTES("\x15????" REST),
		BYTES("\x28\x01" REST),   BYTES("\x30\x01" REST),
		BYTES("\x38\x01"),        BYTES("\x3a\x0f" ID),
		BYTES("\x3a\x11" ID "x"), BYTES(""),
		BYTES("\x0b" REST),       BYTES("\x10\x80\x80\x80\x80\x10" REST),
	};
	static const struct bytes good = BYTES("\x48\x01\x7a\x01x" REST);
	struct batch b;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(batch_parse(bad[i], &b), -EBADMSG);
	assert_int_equal(batch_parse(good, &b), 0);
}

static void an_ack_is_these_bytes(void **state)
{
	static const char golden[] = "\x0a\x10" ID "\x10\xac\x02\x18\xad\x02\x28\x07\x32\x05"
				     "full!\x40\x88\x27";
	struct batch_ack a = {.durable_seq = 300,
			      .received_seq = 301,
			      .status = 7,
			      .retry_after_ms = 5000,
			      .message = BYTES("full!")},
			 read;
	Penstock__V1__Ack *other;
	uint8_t got[BATCH_ACK];
	size_t n;

	memcpy(a.stream_id, ID, 16);
	n = batch_ack_write(&a, got);
	assert_int_equal(n, sizeof(golden) - 1);
	assert_memory_equal(got, golden, n);
	other = penstock__v1__ack__unpack(NULL, n, got);
	assert_non_null(other);
	assert_int_equal(other->durable_seq, 300);
	assert_int_equal(other->received_seq, 301);
	assert_int_equal(other->status, 7);
	assert_int_equal(other->retry_after_ms, 5000);
	assert_string_equal(other->message, "full!");
	penstock__v1__ack__free_unpacked(other, NULL);
	assert_int_equal(batch_ack_parse((struct bytes){(char *)got, n}, &read), 0);
	assert_memory_equal(read.stream_id, ID, 16);
	assert_int_equal(read.durable_seq, 300);
	assert_int_equal(read.received_seq, 301);
	assert_int_equal(read.status, 7);
	assert_int_equal(read.retry_after_ms, 5000);
	assert_true(bytes_eq(read.message, a.message));
}

/* Cut between two fields it is a whole message, with less in it: never more. */
static void each_truncation_of_an_ack(void **state)
{
	struct batch_ack a = {.durable_seq = 1 << 20, .message = BYTES("no")}, read;
	uint8_t got[BATCH_ACK];
	size_t n = batch_ack_write(&a, got);

	for (size_t cut = 0; cut < n; cut++) {
		int r = batch_ack_parse((struct bytes){(char *)got, cut}, &read);
		bool between = cut == 18 || cut == 22;

		assert_int_equal(r, between ? 0 : -EBADMSG);
		if (between)
			assert_true(read.durable_seq == (cut == 18 ? 0 : 1 << 20));
	}
}

static void the_text_of_an_ack_is_short_and_utf8(void **state)
{
	char text[400], head[512];
	struct batch_ack a = {.message = {text, sizeof(text)}}, read;
	uint8_t got[BATCH_ACK];
	size_t n;

	memset(text, 'x', sizeof(text));
	text[0] = '\xff';
	memcpy(text + 253, "\xc3\xa4", 2); /* with U+FFFD in front it would be the 256th */
	n = batch_ack_write(&a, got);
	assert_int_equal(batch_ack_parse((struct bytes){(char *)got, n}, &read), 0);
	assert_int_equal(read.message.n, 255);
	assert_memory_equal(read.message.p, "\xef\xbf\xbdxxx", 6);
	memcpy(head, "\x0a\x10" ID "\x32\x80\x02", 21);
	memset(head + 21, 'x', 256);
	assert_int_equal(batch_ack_parse((struct bytes){head, 21 + 256}, &read), -EBADMSG);
	assert_int_equal(batch_ack_parse(BYTES("\x0a\x10" ID "\x32\x01\xff"), &read), -EBADMSG);
}

static void the_stream_of_some_events(void **state)
{
	uint8_t id[16] = "";

	assert_true(batch_stream_id(BYTES(EVENTS), id));
	assert_memory_equal(id, ID, 16);
	assert_true(batch_stream_id(BYTES("\0\2\x18\x01\0" INFO), id));
	assert_false(batch_stream_id(BYTES("\0\0\0\0" INFO), id)); /* not one of the first */
	assert_false(batch_stream_id(BYTES(""), id));
	assert_false(batch_stream_id(BYTES("\0"), id));
	assert_false(batch_stream_id(BYTES("\x14\xa2\x06\x11\x0a\x0f"
					   "0123456789abcde"),
				     id));
	for (size_t cut = 0; cut < sizeof(INFO) - 1; cut++)
		assert_false(batch_stream_id((struct bytes){INFO, cut}, id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_these_bytes),
		cmocka_unit_test(others_read_the_same),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_bit_that_has_changed_is_noticed_in_data),
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(fields_of_other_types_are_refused_and_unknown_ones_passed_over),
		cmocka_unit_test(an_ack_is_these_bytes),
		cmocka_unit_test(each_truncation_of_an_ack),
		cmocka_unit_test(the_text_of_an_ack_is_short_and_utf8),
		cmocka_unit_test(the_stream_of_some_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
