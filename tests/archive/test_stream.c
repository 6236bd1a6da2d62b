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
#include <unistd.h>
#include <zstd.h>

#include "capture/archive/stream.h"
#include "tests/support/temp.h"

enum {
	RAW = 300000, /* contents of one frame: several blocks */
	FRAMES = 3,
	FILE_MAX = 4 * RAW,
};

/* A file of frames, as it is built, and what it holds. */
struct tape {
	uint8_t file[FILE_MAX];
	size_t n;
	size_t frame[FRAMES + 1]; /* where each begins */
	char raw[FRAMES * RAW];
	const char *path;
};

static struct tape t;

/* Lines that compress somewhat. */
static void fill_raw(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(t.raw); i++) {
		x = x * 1664525 + 1013904223;
		t.raw[i] = i % 50 == 49 ? '\n' : (char)('a' + (x >> 24) % 16);
	}
}

static void add_frame(unsigned number, int checksum)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	ZSTD_inBuffer in = {t.raw + (size_t)number * RAW, RAW, 0};
	ZSTD_outBuffer out = {t.file, sizeof(t.file), t.n};
	size_t left;

	assert_non_null(z);
	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, checksum);
	ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
	t.frame[number] = t.n;
	do
		left = ZSTD_compressStream2(z, &out, &in, ZSTD_e_end);
	while (left && !ZSTD_isError(left));
	assert_false(ZSTD_isError(left));
	t.n = out.pos;
	t.frame[number + 1] = t.n;
	ZSTD_freeCCtx(z);
}

static void add_u32(uint32_t v)
{
	for (int i = 0; i < 4; i++)
		t.file[t.n++] = (uint8_t)(v >> (8 * i));
}

static void add_table(int checksums)
{
	add_u32(0x184d2a5e);
	add_u32(FRAMES * (checksums ? 12 : 8) + 9);
	for (int i = 0; i < FRAMES; i++) {
		add_u32((uint32_t)(t.frame[i + 1] - t.frame[i]));
		add_u32(RAW);
		if (checksums)
			add_u32(0);
	}
	add_u32(FRAMES);
	t.file[t.n++] = checksums ? 0x80 : 0;
	add_u32(0x8f92eab1);
}

static void save(size_t n)
{
	t.path = temp_file("stream", t.file, n);
}

static void build(int checksum)
{
	t.n = 0;
	fill_raw();
	for (unsigned i = 0; i < FRAMES; i++)
		add_frame(i, checksum);
}

static struct stream *open_tape(void)
{
	struct stream *s = NULL;
	struct err err;

	assert_int_equal(stream_open(t.path, &s, &err), 0);
	return s;
}

/* Reads to the end, `want` at a time, and compares with the contents from `from` on; returns how
 * much there was. *ret is what the stream said last. */
static size_t read_all(struct stream *s, size_t want, size_t from, int *ret)
{
	size_t n = 0;
	struct err err;

	for (;;) {
		struct bytes b;
		int r = stream_peek(s, want, &b, &err);

		if (r && want) {
			want = 0; /* what there was before */
			continue;
		}
		*ret = r;
		if (r || !b.n)
			return n;
		assert_in_range(from + n + b.n, 0, sizeof(t.raw));
		assert_memory_equal(b.p, t.raw + from + n, b.n);
		n += b.n;
		stream_take(s, b.n);
		assert_int_equal(stream_at(s), n);
	}
}

static void frames_are_read_as_one(void **state)
{
	static const size_t wants[] = {0, 1, 1000, 200000, 700000};
	int r;

	build(1);
	add_table(1);
	save(t.n);
	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		struct stream *s = open_tape();

		assert_true(stream_is_zstd(s));
		assert_int_equal(read_all(s, wants[i], 0, &r), sizeof(t.raw));
		assert_int_equal(r, 0);
		assert_false(stream_torn(s));
		stream_close(s);
	}
}

static void a_frame_is_named_by_its_offset(void **state)
{
	struct stream *s;
	struct bytes b;

	build(1);
	save(t.n);
	s = open_tape();
	for (size_t n = 0; n < sizeof(t.raw); n += b.n) {
		assert_int_equal(stream_peek(s, 0, &b, NULL), 0);
		assert_int_equal(stream_frame_offset(s), t.frame[n / RAW]);
		assert_int_equal((n + b.n - 1) / RAW, n / RAW); /* not beyond its end */
		stream_take(s, b.n);
	}
	stream_close(s);
}

static void what_is_not_compressed_is_read_as_it_is(void **state)
{
	struct stream *s;
	struct bytes b;
	int r;

	fill_raw();
	t.path = temp_file("stream", t.raw, sizeof(t.raw));
	s = open_tape();
	assert_false(stream_is_zstd(s));
	assert_int_equal(read_all(s, 1000, 0, &r), sizeof(t.raw));
	assert_false(stream_torn(s));
	stream_close(s);

	t.path = temp_file("stream", "ab", 2);
	s = open_tape();
	assert_int_equal(stream_peek(s, 100, &b, NULL), 0);
	assert_int_equal(b.n, 2);
	stream_take(s, 2);
	assert_int_equal(stream_peek(s, 0, &b, NULL), 0);
	assert_int_equal(b.n, 0);
	stream_close(s);
}

static void a_torn_end_gives_what_was_flushed(void **state)
{
	size_t step, cut, before = 0;
	int r;

	build(1);
	step = t.n / 97;
	for (cut = 5; cut < t.n; cut += step) {
		struct stream *s;
		size_t n;
		bool whole = cut == t.frame[1] || cut == t.frame[2];

		save(cut);
		s = open_tape();
		n = read_all(s, 0, 0, &r);
		assert_int_equal(r, 0);
		assert_int_equal(stream_torn(s), !whole);
		assert_true(n >= before);
		if (cut >= t.frame[1])
			assert_true(n >= RAW);
		before = n;
		stream_close(s);
	}
	assert_true(before > 2 * RAW);
}

static void damage_is_named_and_what_was_before_it_is_given(void **state)
{
	struct stream *s;
	struct bytes b;
	struct err err;
	int r;

	build(1);
	t.file[t.n - 2] ^= 0x10; /* the last frame's checksum */
	save(t.n);
	s = open_tape();
	assert_int_equal(read_all(s, 200000, 0, &r), sizeof(t.raw));
	assert_int_equal(r, -EBADMSG);
	assert_int_equal(stream_peek(s, 1, &b, &err), -EBADMSG); /* and it stays so */
	assert_non_null(strstr(err.text, "damaged"));
	stream_close(s);

	build(1);
	memcpy(t.file + t.n, "garbage", 7);
	save(t.n + 7);
	s = open_tape();
	assert_int_equal(read_all(s, 0, 0, &r), sizeof(t.raw));
	assert_int_equal(r, -EBADMSG);
	stream_close(s);
}

static void a_window_beyond_the_limit_is_refused(void **state)
{
	/* a frame whose descriptor asks for 2 GiB */
	static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00};
	struct stream *s;
	struct bytes b;

	t.path = temp_file("stream", frame, sizeof(frame));
	s = open_tape();
	assert_int_equal(stream_peek(s, 0, &b, NULL), -EBADMSG);
	stream_close(s);
}

static void a_bomb_gives_no_more_than_is_asked_for(void **state)
{
	/* blocks that are a byte, 128 KiB times, without end */
	static uint8_t bomb[4 * 4096 + 6] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58};
	struct stream *s;
	struct bytes b;

	for (size_t i = 6; i + 4 <= sizeof(bomb); i += 4)
		memcpy(bomb + i, "\x02\x00\x10\x00", 4);
	t.path = temp_file("stream", bomb, sizeof(bomb));
	s = open_tape();
	for (int i = 0; i < 100; i++) {
		assert_int_equal(stream_peek(s, 100, &b, NULL), 0);
		assert_in_range(b.n, 100, 512 * 1024);
		stream_take(s, b.n);
	}
	assert_int_equal(stream_peek(s, STREAM_WANT, &b, NULL), 0);
	assert_in_range(b.n, STREAM_WANT, 2 * STREAM_WANT);
	stream_close(s);
}

/* ---- frames -------------------------------------------------------------------------------- */

static void frames_to_skip_are_no_frames(void **state)
{
	struct stream *s;
	int r;

	t.n = 0;
	fill_raw();
	add_u32(0x184d2a50);
	add_u32(3);
	t.n += 3;
	for (unsigned i = 0; i < FRAMES; i++)
		add_frame(i, 1);
	add_table(1); /* does not know of the first */
	save(t.n);
	s = open_tape();
	assert_int_equal(read_all(s, 0, 0, &r), sizeof(t.raw));
	stream_close(s);
}

static void garbage_among_frames_is_damage(void **state)
{
	struct stream *s;
	int r;

	build(1);
	memcpy(t.file + t.n, "garbage", 7);
	save(t.n + 7);
	s = open_tape();
	assert_int_equal(read_all(s, 0, 0, &r), sizeof(t.raw));
	assert_int_equal(r, -EBADMSG);
	stream_close(s);
}

static void one_frame_is_read_alone(void **state)
{
	struct stream *s;
	int r;

	build(1);
	save(t.n);
	s = open_tape();
	for (unsigned i = FRAMES; i--;) {
		assert_int_equal(stream_seek(s, t.frame[i], t.frame[i + 1] - t.frame[i], NULL), 0);
		assert_int_equal(read_all(s, 1000, (size_t)i * RAW, &r), RAW);
		assert_int_equal(r, 0);
		assert_false(stream_torn(s));
	}
	assert_int_equal(stream_seek(s, 3, 100, NULL), 0);
	assert_int_equal(read_all(s, 0, 0, &r), 0);
	assert_int_equal(r, -EBADMSG);
	assert_int_equal(stream_seek(s, 0, t.frame[1], NULL), 0); /* damage is forgotten */
	assert_int_equal(read_all(s, 0, 0, &r), RAW);
	stream_close(s);
}

static void a_pipe_is_read_but_cannot_seek(void **state)
{
	struct stream *s;
	struct bytes b;
	int fds[2];

	build(1);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], t.file, 40000), 40000);
	close(fds[1]);
	assert_int_equal(stream_open_fd(fds[0], "pipe", &s, NULL), 0);
	assert_int_equal(stream_seek(s, 0, 1, NULL), -ESPIPE);
	assert_int_equal(stream_peek(s, 0, &b, NULL), 0);
	assert_memory_equal(b.p, t.raw, b.n);
	stream_close(s);
}

static void what_cannot_be_opened_is_said(void **state)
{
	struct stream *s;
	struct err err;

	assert_int_equal(stream_open("/nonexistent/x", &s, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/x"));
	assert_int_equal(stream_open("/etc", &s, &err), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_read_as_one),
		cmocka_unit_test(a_frame_is_named_by_its_offset),
		cmocka_unit_test(what_is_not_compressed_is_read_as_it_is),
		cmocka_unit_test(a_torn_end_gives_what_was_flushed),
		cmocka_unit_test(damage_is_named_and_what_was_before_it_is_given),
		cmocka_unit_test(a_window_beyond_the_limit_is_refused),
		cmocka_unit_test(a_bomb_gives_no_more_than_is_asked_for),
		cmocka_unit_test(frames_to_skip_are_no_frames),
		cmocka_unit_test(garbage_among_frames_is_damage),
		cmocka_unit_test(one_frame_is_read_alone),
		cmocka_unit_test(a_pipe_is_read_but_cannot_seek),
		cmocka_unit_test(what_cannot_be_opened_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
