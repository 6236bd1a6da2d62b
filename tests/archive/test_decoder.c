/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/archive/decoder.h"
#include "capture/archive/stream.h"
#include "capture/base/chunk.h"
#include "capture/raw.h"

/* extent() of the n bytes at p; the state of the decoder is thrown away. */
static ssize_t extent(const struct decoder_ops *d, const void *p, size_t n, size_t *want)
{
	_Alignas(max_align_t) char ctx[4096] = {0};

	assert_true(d->ctx_size <= sizeof(ctx));
	return d->extent(ctx, (struct bytes){p, n}, want);
}

static void a_message_is_as_long_as_its_varint_says(void **state)
{
	size_t want;

	assert_int_equal(extent(&decoder_pb, "\3zzzz", 5, &want), 4);
	assert_int_equal(extent(&decoder_pb, "\3zz", 3, &want), 0);
	assert_int_equal(want, 4);
	assert_int_equal(extent(&decoder_pb, "\x80", 1, &want), 0);
	assert_int_equal(want, 2);
	assert_int_equal(extent(&decoder_pb, "", 0, &want), 0);
	assert_int_equal(extent(&decoder_pb, "\0\0\0", 3, &want), -EBADMSG); /* a hole */
	assert_int_equal(extent(&decoder_pb, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, &want),
			 -EBADMSG);
	assert_int_equal(extent(&decoder_pb, "\x80\x80\x80\x10z", 5, &want), -EBADMSG); /* 32 MiB */
}

static const char section[28] = "\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0"
				"\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0";
static const char other_order[28] = "\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d\0\1\0\0"
				    "\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x1c";

static void a_block_has_its_length_at_both_ends(void **state)
{
	char bad[28];
	size_t want;

	assert_int_equal(extent(&decoder_pcapng, section, 28, &want), 28);
	assert_int_equal(extent(&decoder_pcapng, other_order, 28, &want), 28);
	assert_int_equal(extent(&decoder_pcapng, section, 27, &want), 0);
	assert_int_equal(want, 28);
	for (int at = 4; at < 12; at++) {
		if (at == 5 || at == 6)
			continue; /* it might be that long */
		memcpy(bad, section, sizeof(bad));
		bad[at] ^= 0x43;
		assert_int_equal(extent(&decoder_pcapng, bad, sizeof(bad), &want), -EBADMSG);
	}
	memcpy(bad, section, sizeof(bad));
	bad[24]++;
	assert_int_equal(extent(&decoder_pcapng, bad, sizeof(bad), &want), -EBADMSG);
}

static void a_raw_record_is_padded(void **state)
{
	char rec[24] = "\x11";
	size_t want;

	assert_int_equal(extent(&decoder_raw, RAW_MAGIC, RAW_MAGIC_SIZE, &want), RAW_MAGIC_SIZE);
	assert_int_equal(extent(&decoder_raw, rec, 24, &want), 24);
	assert_int_equal(extent(&decoder_raw, rec, 23, &want), 0);
	assert_int_equal(want, 24);
	assert_int_equal(extent(&decoder_raw, rec, 15, &want), 0);
	rec[0] = 15;
	assert_int_equal(extent(&decoder_raw, rec, 24, &want), -EBADMSG);
	memcpy(rec, "\x01\x00\x02\x00", 4);
	assert_int_equal(extent(&decoder_raw, rec, 24, &want), -EBADMSG);
}

static void a_line_ends_with_its_newline(void **state)
{
	char *endless = malloc(CHUNK_JUMBO);
	size_t want;

	assert_non_null(endless);
	memset(endless, 'x', CHUNK_JUMBO);
	assert_int_equal(extent(&decoder_text, "ab\nc", 4, &want), 3);
	assert_int_equal(extent(&decoder_text, "ab", 2, &want), 0);
	assert_int_equal(extent(&decoder_text, endless, CHUNK_JUMBO, &want), -EBADMSG);
	free(endless);
}

static void formats_are_known_by_their_beginning(void **state)
{
	static const char meta[] = "\x10\x09\1\2\3\4\5\6\7\x08\x18\x64";

	assert_ptr_equal(decoder_by_beginning(BYTES(RAW_MAGIC "more")), &decoder_raw);
	assert_ptr_equal(decoder_by_beginning((struct bytes){section, 28}), &decoder_pcapng);
	assert_ptr_equal(decoder_by_beginning((struct bytes){other_order, 28}), &decoder_pcapng);
	assert_ptr_equal(decoder_by_beginning((struct bytes){meta, sizeof(meta) - 1}), &decoder_pb);
	assert_ptr_equal(decoder_by_beginning(BYTES("{\"time\":")), &decoder_jsonl);
	assert_null(decoder_by_beginning((struct bytes){meta, 10}));
	assert_null(decoder_by_beginning(BYTES("PENSTOCK")));
	assert_null(decoder_by_beginning(BYTES("14:19:27.674    2848 bash")));
	assert_null(decoder_by_beginning((struct bytes){0}));
}

static void formats_are_known_by_name(void **state)
{
	assert_ptr_equal(decoder_by_format("pb"), &decoder_pb);
	assert_ptr_equal(decoder_by_format("text"), &decoder_text);
	assert_null(decoder_by_format("pba"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_as_long_as_its_varint_says),
		cmocka_unit_test(a_block_has_its_length_at_both_ends),
		cmocka_unit_test(a_raw_record_is_padded),
		cmocka_unit_test(a_line_ends_with_its_newline),
		cmocka_unit_test(formats_are_known_by_their_beginning),
		cmocka_unit_test(formats_are_known_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
