/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/net/fstrm.h"

#define IN(literal) ((struct bytes){literal, sizeof(literal) - 1})

static const char *const both[] = {FSTRM_BATCH, FSTRM_EVENT};

/* As the library's own tools write it: fstrm/control.h has the numbers. */
static void control_frames_as_others_write_them(void **state)
{
	static const char ready[] = "\0\0\0\0\0\0\0\x48\0\0\0\4"
				    "\0\0\0\1\0\0\0\x1aprotobuf:penstock.v1.Batch"
				    "\0\0\0\1\0\0\0\x1aprotobuf:penstock.v1.Event";
	uint8_t got[FSTRM_CONTROL_MAX];
	size_t n = fstrm_control(FSTRM_READY, both, 2, got);

	assert_int_equal(n, sizeof(ready) - 1);
	assert_memory_equal(got, ready, n);
	n = fstrm_control(FSTRM_STOP, NULL, 0, got);
	assert_int_equal(n, 12);
	assert_memory_equal(got, "\0\0\0\0\0\0\0\4\0\0\0\3", 12);
}

static void what_is_written_is_read(void **state)
{
	uint8_t got[FSTRM_CONTROL_MAX];
	struct fstrm_frame f;
	size_t n, size;

	for (enum fstrm_type type = FSTRM_ACCEPT; type <= FSTRM_FINISH; type++) {
		unsigned types = type == FSTRM_READY || type == FSTRM_ACCEPT ? 2
				 : type == FSTRM_START                       ? 1
									     : 0;

		n = fstrm_control(type, both, types, got);
		assert_int_equal(fstrm_parse((struct bytes){(char *)got, n}, &f, &size), 0);
		assert_int_equal(size, n);
		assert_int_equal(f.type, type);
		assert_int_equal(f.types_n, types);
		for (unsigned i = 0; i < types; i++)
			assert_true(bytes_eq(f.types[i], bytes_of(both[i])));
	}
}

static void a_data_frame_ends_where_the_next_begins(void **state)
{
	struct bytes in = IN("\0\0\0\5hello\0\0\0\1x");
	struct fstrm_frame f;
	size_t n;

	assert_int_equal(fstrm_parse(in, &f, &n), 0);
	assert_int_equal(f.type, FSTRM_DATA);
	assert_int_equal(f.types_n, 0);
	assert_true(bytes_eq(f.data, BYTES("hello")));
	assert_int_equal(n, 9);
	assert_int_equal(fstrm_parse((struct bytes){in.p + n, in.n - n}, &f, &n), 0);
	assert_true(bytes_eq(f.data, BYTES("x")));
}

/* Each start of a frame says how much is needed, and is read no further than it goes: a copy of
 * just that size lets a sanitizer see it. */
static void each_truncation_waits_for_more(void **state)
{
	uint8_t frame[FSTRM_CONTROL_MAX];
	size_t n = fstrm_control(FSTRM_READY, both, 2, frame), want;
	struct fstrm_frame f;

	for (size_t cut = 0; cut < n; cut++) {
		char *copy = malloc(cut + 1);

		memcpy(copy, frame, cut);
		copy = realloc(copy, cut ? cut : 1);
		assert_int_equal(fstrm_parse((struct bytes){copy, cut}, &f, &want), -EAGAIN);
		assert_int_equal(want, cut < 4 ? 4 : cut < 8 ? 8 : n);
		free(copy);
	}
	for (size_t cut = 0; cut < 9; cut++) {
		assert_int_equal(fstrm_parse((struct bytes){"\0\0\0\5hello", cut}, &f, &want),
				 -EAGAIN);
		assert_int_equal(want, cut < 4 ? 4 : 9);
	}
}

static int parsed(struct bytes in)
{
	struct fstrm_frame f;
	size_t n;

	return fstrm_parse(in, &f, &n);
}

static void sizes_have_limits(void **state)
{
	/* 20 MiB + 64 KiB wait for their data, one more byte is refused at once. */
	assert_int_equal(parsed(IN("\1\x41\0\0")), -EAGAIN);
	assert_int_equal(parsed(IN("\1\x41\0\1")), -EMSGSIZE);
	assert_int_equal(parsed(IN("\xff\xff\xff\xff")), -EMSGSIZE);
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\2\0")), -EAGAIN);
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\2\1")), -EMSGSIZE);
	assert_int_equal(parsed(IN("\0\0\0\0\xff\xff\xff\xff")), -EMSGSIZE);
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\0\0")), -EBADMSG);
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\0\3\0\0\0")), -EBADMSG);
}

static void what_is_no_control_frame_is_refused(void **state)
{
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\0\4\0\0\0\0")), -EPROTO);
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\0\4\0\0\0\6")), -EPROTO);
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\0\4\1\0\0\1")), -EPROTO);
	/* A field that is cut, longer than the frame, of another type, or too long. */
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\0\5\0\0\0\1x")), -EBADMSG);
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\0\x0d\0\0\0\1\0\0\0\1\0\0\0\2x")), -EBADMSG);
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\0\x0d\0\0\0\1\0\0\0\1\xff\xff\xff\xffx")),
			 -EBADMSG);
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\0\x0d\0\0\0\1\0\0\0\2\0\0\0\1x")), -EBADMSG);
	/* STOP with a content type, START with two. */
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\0\x0d\0\0\0\3\0\0\0\1\0\0\0\1x")), -EBADMSG);
	assert_int_equal(parsed(IN("\0\0\0\0\0\0\0\x16\0\0\0\2\0\0\0\1\0\0\0\1x"
				   "\0\0\0\1\0\0\0\1y")),
			 -EBADMSG);
}

static void a_content_type_of_257_bytes_is_refused(void **state)
{
	char in[8 + 4 + 8 + 257] = "\0\0\0\0\0\0\1\x0d\0\0\0\4\0\0\0\1\0\0\1\1";

	assert_int_equal(parsed((struct bytes){in, sizeof(in)}), -EBADMSG);
	in[7] = 0x0c;
	in[19] = 0;
	assert_int_equal(parsed((struct bytes){in, sizeof(in) - 1}), 0);
}

static void more_types_than_we_keep_are_passed_over(void **state)
{
	static const char *const many[] = {"a", "b", "", "d", "e", "f"};
	uint8_t frame[FSTRM_CONTROL_MAX];
	struct fstrm_frame f;
	size_t n = fstrm_control(FSTRM_READY, many, 6, frame), size;

	assert_int_equal(fstrm_parse((struct bytes){(char *)frame, n}, &f, &size), 0);
	assert_int_equal(size, n);
	assert_int_equal(f.types_n, FSTRM_TYPES);
	assert_int_equal(f.types[2].n, 0);
	assert_true(bytes_eq(f.types[3], BYTES("d")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_frames_as_others_write_them),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_data_frame_ends_where_the_next_begins),
		cmocka_unit_test(each_truncation_waits_for_more),
		cmocka_unit_test(sizes_have_limits),
		cmocka_unit_test(what_is_no_control_frame_is_refused),
		cmocka_unit_test(a_content_type_of_257_bytes_is_refused),
		cmocka_unit_test(more_types_than_we_keep_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
