/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of a spool that are damaged at any byte, or not ours: nothing wrong is ever taken for a
 * chunk, the rest comes out in its order, and what is lost is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sinks/spool_format.h"
#include "tests/support/spools.h"
#include "tests/support/temp.h"

enum {
	CHUNKS = 4,
	BYTES = 50,
	OPENING = 100,
	EVENTS = CHUNKS * SPOOLS_RECORDS,
	RECORD = SPOOL_RECORD + BYTES,
	FIRST = SPOOL_HEAD + OPENING,      /* where the records begin */
	SECOND = FIRST + RECORD + OPENING, /* the first chunk opens */
	SIZE = SECOND + (CHUNKS - 1) * RECORD
};

static struct spools s;
static char path[PATH_MAX];
static uint8_t image[SIZE];

static int set_up(void **state)
{
	spools_init(&s, "damage");
	return 0;
}

static int tear_down(void **state)
{
	spools_free(&s);
	spools_wipe(&s);
	return 0;
}

static void put_all(void)
{
	assert_int_equal(spools_open(&s), 0);
	for (unsigned i = 0; i < CHUNKS; i++)
		assert_int_equal(spools_put(&s, 1 + i * SPOOLS_RECORDS, BYTES), 0);
	assert_true(spools_files(&s, ".seg", path) > 0);
	s.lost = s.earlier = (struct loss){0};
}

static void write_at(const char *name, const void *p, size_t n, off_t offset)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, n, offset), n);
	close(fd);
}

static void write_image(const void *p, size_t n)
{
	write_at(path, p, n, 0);
	assert_int_equal(truncate(path, (off_t)n), 0);
}

/* A file of four chunks, closed. */
static void make_image(void)
{
	int fd;

	put_all();
	spools_close(&s);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, image, sizeof(image)), SIZE);
	close(fd);
}

/* Which of the chunks come out, a bit for each; they are in order, and whole. */
static unsigned take_all(void)
{
	unsigned came = 0;
	uint64_t seq, last = 0;
	size_t n;
	int r;

	while ((r = spools_take(&s, &seq, &n)) != 0) {
		if (r < 0)
			continue;
		assert_true(!n || (n == BYTES && seq > last && seq <= EVENTS));
		if (n)
			came |= 1u << (seq - 1) / SPOOLS_RECORDS;
		last = n ? seq : last;
		spools_done(&s);
	}
	spools_expect_nothing(&s);
	return came;
}

/* Of which chunk is that byte? -1 = of none. */
static int chunk_at(size_t at)
{
	if (at < FIRST)
		return -1;
	return at < SECOND ? 0 : (int)(1 + (at - SECOND) / RECORD);
}

static bool is_in_payload(size_t at)
{
	return at >= SECOND ? (at - SECOND) % RECORD >= SPOOL_RECORD : at >= FIRST + SPOOL_RECORD;
}

/* Is that byte of the checksum of a record, which its head has none of? */
static bool is_in_crc(size_t at)
{
	size_t in_record = at >= SECOND ? (at - SECOND) % RECORD : at - FIRST;

	return at >= FIRST && in_record >= 4 && in_record < 8;
}

/* Between two runs. */
static void each_byte_of_what_was_left(void **state)
{
	make_image();
	for (size_t at = 0; at < SIZE; at++)
		for (unsigned bit = 0; bit < 8; bit += 3) {
			int hit = chunk_at(at);
			unsigned came, bad;

			image[at] ^= 1u << bit;
			write_image(image, SIZE);
			image[at] ^= 1u << bit;
			s.earlier = (struct loss){0};
			assert_int_equal(spools_open(&s), 0);
			came = take_all();
			bad = spools_files(&s, ".bad", NULL);
			assert_int_equal(s.note[0] != '\0', bad);
			assert_int_equal(bad, hit < 0);
			if (hit < 0) {
				assert_int_equal(came, 0);
				spools_close(&s);
				spools_wipe(&s);
				assert_int_equal(mkdir(s.folder, 0700), 0);
				continue;
			}
			if (is_in_payload(at) || is_in_crc(at)) {
				assert_int_equal(came, 15 & ~(1u << hit));
				assert_int_equal(s.earlier.count, SPOOLS_RECORDS);
				assert_int_equal(s.earlier.first_seq, 1 + hit * SPOOLS_RECORDS);
			} else {
				assert_int_equal(came, (1u << hit) - 1);
				assert_int_equal(spools_stats(&s).torn, 1);
			}
			assert_int_equal(s.lost.count, 0);
			spools_close(&s);
			assert_int_equal(spools_files(&s, ".seg", NULL), 0);
		}
	assert_int_equal(spools_open(&s), 0);
}

/* While it is written: everything that does not come is told. */
static void each_byte_of_what_is_written(void **state)
{
	for (size_t at = 0; at < SIZE; at++) {
		unsigned came;
		uint8_t byte;
		int fd;

		put_all();
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
		close(fd);
		byte ^= 0x10;
		write_at(path, &byte, 1, (off_t)at);
		came = take_all();
		assert_int_equal(s.lost.count + SPOOLS_RECORDS * __builtin_popcount(came), EVENTS);
		assert_int_equal(s.earlier.count, 0);
		if (at < SPOOL_HEAD) /* that is known by now */
			assert_int_equal(came, 15);
		/* it goes on all the same */
		assert_int_equal(spools_put(&s, 1, BYTES), 0);
		came = take_all();
		assert_true(came == 1 || at >= SPOOL_HEAD);
		spools_close(&s);
		assert_int_equal(spools_files(&s, ".seg", NULL), 0);
	}
	assert_int_equal(spools_open(&s), 0);
}

/* One chunk behind the other while what came before is not done yet, over several segments. */
static void a_row_of_damaged_chunks(void **state)
{
	unsigned lost = 0;
	uint64_t seq;
	size_t n;
	int r;

	for (s.stream = 'a'; s.stream < 'd'; s.stream++) { /* a segment each */
		put_all();
		for (unsigned i = s.stream == 'a'; i < CHUNKS; i++)
			write_at(path, "damaged", 7, (i ? SECOND + i * RECORD : SECOND) - 20);
		spools_close(&s);
	}
	assert_int_equal(spools_open(&s), 0);
	while ((r = spools_take(&s, &seq, &n)) != 0)
		lost += r < 0;
	assert_int_equal(lost, 3 * CHUNKS - 1);
	assert_int_equal(s.earlier.count, (3 * CHUNKS - 1) * SPOOLS_RECORDS);
	for (unsigned i = 0; i < 4; i++) /* the opening bytes of three, and one chunk */
		spools_done(&s);
	spools_expect_nothing(&s);
	assert_int_equal(spools_files(&s, ".seg", NULL), 0);
}

static void each_byte_less(void **state)
{
	make_image();
	for (size_t n = 0; n < SIZE; n++) {
		int whole = chunk_at(n);

		write_image(image, n);
		s.earlier = (struct loss){0};
		assert_int_equal(spools_open(&s), 0);
		assert_string_equal(s.note, "");
		spools_close(&s);
		assert_int_equal(spools_open(&s), 0);
		assert_int_equal(spools_stats(&s).torn, 0); /* it was cut off */
		assert_int_equal(take_all(), whole < 0 ? 0 : (1u << whole) - 1);
		spool_disk.tick(s.ctx);
		if (s.earlier.count) {
			assert_int_equal(s.earlier.first_seq, 1 + whole * SPOOLS_RECORDS);
			assert_true(is_in_payload(n));
		}
		spools_close(&s);
		assert_int_equal(spools_files(&s, "", NULL), 1); /* the lock */
	}
	assert_int_equal(spools_open(&s), 0);
}

/* The size of one that was just being begun can be on the disk before its bytes. */
static void zeroes(void **state)
{
	make_image();
	memset(image, 0, SIZE);
	write_image(image, SIZE);
	assert_int_equal(spools_open(&s), 0);
	assert_string_equal(s.note, "");
	spools_expect_nothing(&s);
	assert_int_equal(spools_stats(&s).torn, 1);
	assert_int_equal(spools_files(&s, ".seg", NULL), 0);
}

/* ---- the cursor ---------------------------------------------------------------------------- */

static void leave_cursor(void)
{
	put_all();
	for (unsigned i = 0; i < 3; i++) { /* opening bytes and two chunks */
		uint64_t seq;
		size_t n;

		assert_int_equal(spools_take(&s, &seq, &n), 1);
		spools_done(&s);
	}
	spools_close(&s);
}

static void each_byte_of_the_cursor(void **state)
{
	char cursor[PATH_MAX];

	for (int at = -1; at < SPOOL_CURSOR; at++) {
		uint8_t byte;
		int fd;

		leave_cursor();
		assert_int_equal(spools_files(&s, "cursor", cursor), 1);
		if (at >= 0) {
			fd = open(cursor, O_RDONLY | O_CLOEXEC);
			assert_int_equal(pread(fd, &byte, 1, at), 1);
			close(fd);
			byte ^= 1;
			write_at(cursor, &byte, 1, at);
		} else {
			byte = 0;
		}
		assert_int_equal(spools_open(&s), 0);
		assert_int_equal(take_all(), at < 0 ? 12 : 15);
		assert_int_equal(s.earlier.count, 0);
		spools_close(&s);
		assert_int_equal(spools_files(&s, "cursor", NULL), 0);
	}
	assert_int_equal(spools_open(&s), 0);
}

static void expect_with_cursor(const struct spool_cursor *c, unsigned came)
{
	uint8_t bytes[SPOOL_CURSOR];
	char cursor[PATH_MAX];

	leave_cursor();
	assert_int_equal(spools_files(&s, "cursor", cursor), 1);
	spool_cursor_write(c, bytes);
	write_at(cursor, bytes, sizeof(bytes), 0);
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(take_all(), came);
	spools_close(&s);
}

/* Of another spool, or no more: everything comes once more. */
static void cursors_that_mean_nothing(void **state)
{
	struct spool_head head;
	uint64_t number;

	make_image();
	assert_true(spool_head_read(image, &head));
	number = head.number; /* of each that is the only one */
	assert_int_equal(unlink(path), 0);
	for (uint64_t offset = FIRST - 1; offset < SIZE + 2; offset++) {
		unsigned done = 0;

		for (unsigned i = 0; i < CHUNKS; i++)
			if (offset == (uint64_t)SECOND + (uint64_t)i * RECORD)
				done = (2u << i) - 1;
		expect_with_cursor(&(struct spool_cursor){number, head.stream, offset}, 15 & ~done);
	}
	expect_with_cursor(&(struct spool_cursor){number, head.stream + 1, SECOND}, 15);
	expect_with_cursor(&(struct spool_cursor){number + 7, head.stream, SECOND}, 15);
	expect_with_cursor(&(struct spool_cursor){number - 1, head.stream, SECOND}, 15);
	expect_with_cursor(&(struct spool_cursor){UINT64_MAX, head.stream, UINT64_MAX}, 15);
	assert_int_equal(spools_open(&s), 0);
}

/* No segment ever gets the number of one that a cursor could mean, or that is set aside. */
static void numbers_grow(void **state)
{
	struct spool_head head;

	leave_cursor();
	assert_int_equal(unlink(path), 0);
	make_image();
	assert_true(spool_head_read(image, &head));
	assert_int_equal(head.number, 2);
	write_at(path, "damaged", 7, 0);
	make_image();
	assert_true(spool_head_read(image, &head));
	assert_int_equal(head.number, 3);
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(take_all(), 15);
}

/* ---- files that are not ours --------------------------------------------------------------- */

static void files_of_others(void **state)
{
	char name[PATH_MAX], other[PATH_MAX];

	make_image();
	temp_path(name, "damage/spool-000000000001-copy.seg"); /* a copy, under a name of its own */
	write_at(name, image, SIZE, 0);
	temp_path(other, "damage/.cursor.tmp"); /* of one that was killed */
	write_at(other, "x", 1, 0);
	temp_path(other, "damage/notes.txt");
	write_at(other, "x", 1, 0);
	temp_path(other, "damage/spool-000000000002-folder.seg");
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(spools_open(&s), 0);
	assert_non_null(strstr(s.note, "copy.seg is damaged: set aside"));
	assert_non_null(strstr(s.note, "folder.seg is not one that we wrote: left alone"));
	assert_int_equal(take_all(), 15);
	assert_int_equal(rmdir(other), 0);
	assert_int_equal(spools_files(&s, "notes.txt", NULL), 1);
	assert_int_equal(spools_files(&s, ".tmp", NULL), 0);
	assert_int_equal(spools_files(&s, ".seg.bad", NULL), 1);
	spools_close(&s);
	assert_int_equal(spools_open(&s), 0); /* they are in nobody's way */
	assert_string_equal(s.note, "");
}

static void write_as(struct spool_head head, uint64_t number, uint64_t first_seq)
{
	char name[SPOOL_NAME], full[SPOOL_NAME + 8], other[PATH_MAX];

	head.number = number;
	head.first_seq = first_seq;
	spool_head_name(&head, name);
	snprintf(full, sizeof(full), "damage/%s", name);
	temp_path(other, full);
	spool_head_write(&head, image);
	write_at(other, image, SIZE, 0);
}

static void numbers_of_others(void **state)
{
	struct spool_head head;

	make_image();
	assert_true(spool_head_read(image, &head));
	write_as(head, head.number, head.first_seq + 1);
	write_as(head, UINT64_MAX, head.first_seq);
	write_as(head, UINT64_MAX / 2, head.first_seq);
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_files(&s, ".seg.bad", NULL), 3);
	assert_non_null(strstr(s.note, "set aside"));
	assert_int_equal(take_all(), 15);
	assert_int_equal(spools_put(&s, 1, BYTES), 0);
	assert_int_equal(take_all(), 1);
}

/* Somebody has removed them while we write. */
static void files_that_go(void **state)
{
	put_all();
	assert_int_equal(take_all(), 15);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(spools_put(&s, 1, BYTES),
			 0); /* until the next segment it is still there */
	assert_int_equal(take_all(), 1);
	assert_int_equal(s.lost_calls, 0);
}

static void files_that_are_cut(void **state)
{
	put_all();
	assert_int_equal(truncate(path, SECOND + 10), 0);
	assert_int_equal(take_all(), 1);
	assert_int_equal(s.lost.count, EVENTS - SPOOLS_RECORDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_byte_of_what_was_left),
		TEST(each_byte_of_what_is_written),
		TEST(a_row_of_damaged_chunks),
		TEST(each_byte_less),
		TEST(zeroes),
		TEST(each_byte_of_the_cursor),
		TEST(cursors_that_mean_nothing),
		TEST(numbers_grow),
		TEST(files_of_others),
		TEST(numbers_of_others),
		TEST(files_that_go),
		TEST(files_that_are_cut),
	};

	temp_folder();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
