/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/archive/raw.h"
#include "capture/encoder.h"
#include "tests/support/records.h"
#include "tests/support/temp.h"

extern const struct encoder_ops encoder_raw;

/* Collects what a raw encoder writes, and what a source reads, to compare them. */
struct tape {
	struct chunk *chunk;
	struct out out;
	unsigned records;
	const char *path;
};

static int write_record(const struct rec *rec, void *arg)
{
	struct tape *t = arg;

	t->records++;
	return encoder_raw.tap(NULL, rec, rec->len, &t->out);
}

static void record(struct tape *t)
{
	struct records r;

	*t = (struct tape){.chunk = chunk_map_new(1, CHUNK_SIZE)};
	assert_non_null(t->chunk);
	t->out.tail = t->chunk;
	encoder_raw.preamble(NULL, NULL, &t->out);
	records_start(&r, write_record, t);
	records_line(&r, records_task(1, 0, 0, "bash"), 5, 0, BYTES("odd length"), 0);
	records_line_end(&r, records_task(1, 0, 0, "bash"), 5, 0);
	records_bare(&r, REC_STOP);
}

static void save(struct tape *t, size_t n)
{
	t->path = temp_file("recording", t->chunk->p, n);
}

static int open_source(const char *path, struct source *ret, struct err *err)
{
	struct stream *stream;
	int r = stream_open(path, &stream, err);

	if (!r)
		r = raw_source_open(stream, ret, err);
	if (r == -EBADMSG)
		stream_close(stream);
	return r;
}

static void discard(struct tape *t)
{
	chunk_map_free(t->chunk, 1);
}

static int compare_record(const struct rec *rec, void *arg)
{
	size_t *at = ((void **)arg)[1];
	struct tape *t = ((void **)arg)[0];

	assert_memory_equal(rec, t->chunk->p + *at, rec->len);
	*at += raw_padded(rec->len);
	t->records--;
	return 0;
}

static void test_round_trip(void **state)
{
	struct tape t;
	struct source s;
	struct err err = {""};
	size_t at = RAW_MAGIC_SIZE;
	uint64_t torn;
	int r;

	record(&t);
	save(&t, t.chunk->len);
	assert_int_equal(open_source(t.path, &s, &err), 0);
	do
		r = s.ops->read(s.ctx, 2, compare_record, (void *[]){&t, &at}, &err);
	while (r == SOURCE_MORE);
	assert_int_equal(r, SOURCE_END);
	assert_int_equal(t.records, 0);
	assert_int_equal(at, t.chunk->len);
	assert_false(raw_source_torn(&s, &torn));
	s.ops->close(s.ctx);
	discard(&t);
}

static int count_record(const struct rec *rec, void *arg)
{
	++*(unsigned *)arg;
	return 0;
}

/* Cut anywhere: what is whole is read, the rest is told. */
static void test_cut_anywhere(void **state)
{
	struct tape t;
	struct err err = {""};

	record(&t);
	for (size_t n = RAW_MAGIC_SIZE; n < t.chunk->len; n += 3) {
		struct source s;
		unsigned records = 0;
		int r;

		save(&t, n);
		assert_int_equal(open_source(t.path, &s, &err), 0);
		r = s.ops->read(s.ctx, 100, count_record, &records, &err);
		assert_int_equal(r, SOURCE_END);
		assert_true(records < t.records);
		s.ops->close(s.ctx);
		unlink(t.path);
	}
	discard(&t);
}

static void test_damage_in_the_middle(void **state)
{
	struct tape t;
	struct source s;
	struct err err = {""};
	unsigned records = 0;
	uint32_t bad = 7;

	record(&t);
	memcpy(t.chunk->p + RAW_MAGIC_SIZE, &bad, sizeof(bad));
	save(&t, t.chunk->len);
	assert_int_equal(open_source(t.path, &s, &err), 0);
	assert_int_equal(s.ops->read(s.ctx, 100, count_record, &records, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "damaged"));
	s.ops->close(s.ctx);
	discard(&t);
}

static void test_not_a_recording(void **state)
{
	struct source s;
	struct err err = {""};

	assert_int_equal(open_source("/nonexistent/x.raw", &s, &err), -ENOENT);
	assert_int_equal(open_source("/etc/passwd", &s, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "/etc/passwd"));
	assert_int_equal(open_source("/etc", &s, &err), -EISDIR);
}

/* A recorder that began anew after a gap wrote the magic once more. */
static void test_magic_in_the_middle(void **state)
{
	struct tape t;
	struct source s;
	struct err err = {""};
	unsigned records = 0;

	record(&t);
	encoder_raw.preamble(NULL, NULL, &t.out);
	encoder_raw.tap(NULL, &(struct rec){.len = 16, .kind = REC_STOP}, 16, &t.out);
	save(&t, t.chunk->len);
	assert_int_equal(open_source(t.path, &s, &err), 0);
	assert_int_equal(s.ops->read(s.ctx, 100, count_record, &records, &err), SOURCE_END);
	assert_int_equal(records, t.records + 1);
	s.ops->close(s.ctx);
	discard(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),           cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_damage_in_the_middle), cmocka_unit_test(test_not_a_recording),
		cmocka_unit_test(test_magic_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
