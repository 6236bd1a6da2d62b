/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/archive/decoder.h"
#include "proto/pb_map.h"
#include "tests/support/events.h"

enum {
	BLOCK_MAX = 8192
};

/* A decoder and the block that it is handed. */
static struct {
	_Alignas(max_align_t) char ctx[256];
	struct pb_map *map;
	bool swapped;
	uint8_t block[BLOCK_MAX];
	size_t n;
	unsigned events;
	enum event_kind kind;
	int answer;
	struct err err;
} tape;

static int setup(void **state)
{
	memset(&tape, 0, sizeof(tape));
	if (decoder_pcapng.ctx_size > sizeof(tape.ctx) || pb_map_new(&tape.map, NULL))
		return -1;
	return decoder_pcapng.open(tape.ctx, NULL);
}

static int teardown(void **state)
{
	decoder_pcapng.close(tape.ctx);
	pb_map_free(tape.map);
	return 0;
}

static void put_u32(size_t at, uint32_t v)
{
	v = tape.swapped ? __builtin_bswap32(v) : v;
	memcpy(tape.block + at, &v, sizeof(v));
}

/* The block around n bytes of body, which are there already. */
static void finish_block(uint32_t type, size_t n)
{
	size_t padded = (n + 3) / 4 * 4;

	memset(tape.block + 8 + n, 0, padded - n);
	tape.n = padded + 12;
	put_u32(0, type);
	put_u32(4, (uint32_t)tape.n);
	put_u32(tape.n - 4, (uint32_t)tape.n);
}

static int count(struct event *ev, void *arg)
{
	tape.events++;
	tape.kind = ev->kind;
	return tape.answer;
}

/* Hands the block over, in memory of exactly its size. */
static int decode(void)
{
	uint8_t *copy = malloc(tape.n);
	size_t want;
	int r;

	assert_non_null(copy);
	memcpy(copy, tape.block, tape.n);
	tape.err.text[0] = '\0';
	r = (int)decoder_pcapng.extent(tape.ctx, (struct bytes){(char *)copy, tape.n}, &want);
	if (r == (int)tape.n)
		r = decoder_pcapng.decode(tape.ctx, (struct bytes){(char *)copy, tape.n}, count,
					  NULL, &tape.err);
	free(copy);
	return r;
}

static int decode_section(void)
{
	memset(tape.block, 0, 64);
	put_u32(8, 0x1a2b3c4d);
	put_u32(12, tape.swapped ? 0x00010000 : 1);
	memset(tape.block + 16, 0xff, 8);
	finish_block(0x0a0d0d0a, 16);
	return decode();
}

static int decode_row(const char *type)
{
	int n = snprintf((char *)tape.block + 8, 200,
			 "__REALTIME_TIMESTAMP=1\nPENSTOCK_TYPE=%s\nMESSAGE=x\n", type);

	finish_block(9, (size_t)n);
	return decode();
}

static int decode_block(uint32_t type)
{
	memset(tape.block + 8, 0, 32);
	finish_block(type, 32);
	return decode();
}

/* The events of those kinds in one custom block. */
static void put_events(uint32_t owner, const enum event_kind *kinds, unsigned n)
{
	size_t at = 16, size;

	for (unsigned i = 0; i < n; i++) {
		struct event ev = events_of(kinds[i]);

		assert_int_equal(
			pb_map_event(tape.map, &ev, tape.block + at, BLOCK_MAX - 4 - at, &size), 0);
		at += size;
	}
	put_u32(8, owner);
	size = htole32(at - 16); /* in this order whatever the section's is */
	memcpy(tape.block + 12, &size, 4);
	finish_block(0x0bad, at - 8);
}

static int decode_events(enum event_kind kind, unsigned n)
{
	enum event_kind kinds[8];

	for (unsigned i = 0; i < n; i++)
		kinds[i] = kind;
	put_events(PENSTOCK_PEN, kinds, n);
	return decode();
}

static void events_lie_in_our_blocks(void **state)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		tape.swapped = swapped;
		tape.events = 0;
		assert_int_equal(decode_section(), 0);
		assert_int_equal(decode_row("shell"), 0);
		assert_int_equal(decode_events(EVENT_LINE, 1), 0);
		assert_int_equal(tape.events, 1);
		assert_int_equal(tape.kind, EVENT_LINE);
		assert_int_equal(decode_row("exec"), 0);
		assert_int_equal(decode_row("exec"), 0);
		assert_int_equal(decode_events(EVENT_EXEC, 2), 0);
		assert_int_equal(tape.events, 3);
		assert_int_equal(decode_block(5), 0);
	}
}

static void blocks_of_others_are_passed_over(void **state)
{
	static const enum event_kind kind = EVENT_LINE;

	assert_int_equal(decode_section(), 0);
	put_events(PENSTOCK_PEN + 1, &kind, 1);
	assert_int_equal(decode(), 0);
	assert_int_equal(decode_block(1), 0);
	assert_int_equal(decode_block(0x12345), 0);
	assert_int_equal(tape.events, 0);
}

static void rows_without_their_events_are_refused(void **state)
{
	assert_int_equal(decode_section(), 0);
	assert_int_equal(decode_row("meta"), 0);
	assert_int_equal(decode_row("loss"), 0);
	assert_int_equal(decode_row("exit"), 0);
	assert_int_equal(decode_events(EVENT_META, 1), -ENODATA);
	assert_non_null(strstr(tape.err.text, "events=custom"));
	assert_int_equal(decode_section(), -ENODATA);
	assert_int_equal(decode_section(), 0);
	assert_int_equal(decode_row("sql"), 0);
	assert_int_equal(decode_events(EVENT_META, 1), -ENODATA);
	assert_int_equal(decode_section(), -ENODATA); /* and so is what ends without them */
	assert_int_equal(decode_section(), 0);
	assert_int_equal(decode_block(6), 0);
	assert_int_equal(decode_block(5), -ENODATA); /* packets */
	assert_int_equal(decode_section(), -ENODATA);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(decode_row("shell"), 0);
	assert_int_equal(decode_row("shell"), -ENODATA); /* no chunk has so many */
}

static void a_torn_chunk_is_no_reason_to_refuse(void **state)
{
	assert_int_equal(decode_section(), 0);
	assert_int_equal(decode_row("shell"), 0);
	assert_int_equal(decode_events(EVENT_LINE, 1), 0);
	assert_int_equal(decode_row("shell"), 0); /* and here the file ends */
	assert_int_equal(tape.events, 1);
}

static void damage_is_seen(void **state)
{
	static const enum event_kind kind = EVENT_LINE;
	uint32_t n;

	assert_int_equal(decode_section(), 0);
	put_events(PENSTOCK_PEN, &kind, 1);
	memcpy(&n, tape.block + 12, sizeof(n));
	for (int change = -1; change < 2; change += 2) {
		uint32_t bad = n + (uint32_t)change;

		memcpy(tape.block + 12, &bad, sizeof(bad));
		assert_int_equal(decode(), -EBADMSG);
	}
	n = UINT32_MAX;
	memcpy(tape.block + 12, &n, sizeof(n));
	assert_int_equal(decode(), -EBADMSG);
	put_events(PENSTOCK_PEN, &kind, 1);
	memset(tape.block + 20, 0xff, 8);
	assert_int_equal(decode(), -EBADMSG);
}

static void who_takes_them_may_stop(void **state)
{
	assert_int_equal(decode_section(), 0);
	tape.answer = -ECANCELED;
	assert_int_equal(decode_events(EVENT_LINE, 3), -ECANCELED);
	assert_int_equal(tape.events, 1);
	assert_string_equal(tape.err.text, "");
}

int main(void)
{
#define TAPED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TAPED(events_lie_in_our_blocks),
		TAPED(blocks_of_others_are_passed_over),
		TAPED(rows_without_their_events_are_refused),
		TAPED(a_torn_chunk_is_no_reason_to_refuse),
		TAPED(damage_is_seen),
		TAPED(who_takes_them_may_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
