/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/pb_write.h"
#include "sinks/frames.h"

/* Takes all of a parcel, at most `most` bytes at a time. */
static size_t frames_drain(struct frames *f, struct bytes parcel, size_t most, uint8_t *to)
{
	size_t n = 0, taken = 0;

	for (;;) {
		struct bytes next;

		assert_int_equal(frames_next(f, parcel, &next), 0);
		assert_true(frames_taken(f) <= parcel.n);
		if (!next.n)
			break;
		assert_true(frames_taken(f) < parcel.n);
		next.n = next.n < most ? next.n : most;
		memcpy(to + n, next.p, next.n);
		n += next.n;
		frames_sent(f, next.n);
		taken = frames_taken(f) > taken ? frames_taken(f) : taken;
	}
	assert_int_equal(frames_taken(f), parcel.n);
	assert_int_equal(taken, parcel.n);
	frames_reset(f);
	return n;
}

static void a_length_of_four_bytes_takes_the_place_of_a_varint(void **state)
{
	static const char parcel[] = "\5hello\0\1x";
	struct frames *f = calloc(1, sizeof(*f));
	uint8_t got[64];

	for (size_t most = 1; most < 20; most++) {
		assert_int_equal(frames_drain(f, (struct bytes){parcel, 9}, most, got), 18);
		assert_memory_equal(got, "\0\0\0\5hello\0\0\0\0\0\0\0\1x", 18);
	}
	assert_int_equal(frames_drain(f, (struct bytes){"", 0}, 1, got), 0);
	free(f);
}

/* Sizes around each width of a varint and around the room; the same whatever the peer takes. */
static void events_of_all_sizes(void **state)
{
	static const size_t sizes[] = {0,
				       1,
				       127,
				       128,
				       16383,
				       16384,
				       FRAMES_ROOM - 9,
				       FRAMES_ROOM - 4,
				       1,
				       FRAMES_ROOM,
				       0,
				       FRAMES_ROOM * 3 + 1,
				       2};
	struct frames *f = calloc(1, sizeof(*f));
	uint8_t *parcel = malloc(1 << 20), *want = malloc(1 << 20), *got = malloc(1 << 20);
	uint8_t *p = parcel, *w = want;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		p = pb_write_varint(p, sizes[i]);
		for (int shift = 24; shift >= 0; shift -= 8)
			*w++ = (uint8_t)(sizes[i] >> shift);
		memset(p, 'a' + (int)i, sizes[i]);
		memset(w, 'a' + (int)i, sizes[i]);
		p += sizes[i];
		w += sizes[i];
	}
	for (size_t most = 1000; most < 1 << 20; most = most * 3 + 1) {
		struct bytes in = {(const char *)parcel, (size_t)(p - parcel)};

		assert_int_equal(frames_drain(f, in, most, got), w - want);
		assert_memory_equal(got, want, w - want);
	}
	free(f);
	free(parcel);
	free(want);
	free(got);
}

static void what_is_cut_is_no_event(void **state)
{
	struct frames *f = calloc(1, sizeof(*f));
	struct bytes next;

	assert_int_equal(frames_next(f, BYTES("\2a"), &next), -EBADMSG);
	frames_reset(f);
	assert_int_equal(frames_next(f, BYTES("\x80"), &next), -EBADMSG);
	frames_reset(f);
	assert_int_equal(frames_next(f, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), &next),
			 -EBADMSG);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_length_of_four_bytes_takes_the_place_of_a_varint),
		cmocka_unit_test(events_of_all_sizes),
		cmocka_unit_test(what_is_cut_is_no_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
