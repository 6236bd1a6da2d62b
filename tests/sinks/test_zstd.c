/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "capture/base/seek_table.h"
#include "capture/filter.h"
#include "capture/index.h"

extern const struct filter_ops filter_zstd;

/* A filter at work, and what it made of a medium. */
struct work {
	void *ctx, *cfg;
	uint8_t *p;
	size_t n;
};

static void work_begin(struct work *w, bool frames)
{
	const struct filter_env env = {.frames = frames};
	struct err err = {""};

	*w = (struct work){.ctx = calloc(1, filter_zstd.ctx_size),
			   .cfg = calloc(1, filter_zstd.cfg_size),
			   .p = malloc(64 << 20)};
	assert_int_equal(opt_defaults(filter_zstd.options, w->cfg, &err), 0);
	assert_int_equal(filter_zstd.open(w->ctx, w->cfg, &env, &err), 0);
	filter_zstd.begin(w->ctx);
}

static void work_take(struct work *w, struct bytes made)
{
	memcpy(w->p + w->n, made.p, made.n);
	w->n += made.n;
}

static void work_put(struct work *w, const char *text, bool opens, unsigned pressure)
{
	struct chunk c = {.opens = opens, .records = 1, .first_seq = 1, .last_seq = 1};
	struct bytes made;

	assert_int_equal(filter_zstd.put(w->ctx, &c, text, strlen(text), pressure, &made), 0);
	work_take(w, made);
}

static void work_end(struct work *w)
{
	struct bytes made;

	assert_int_equal(filter_zstd.end(w->ctx, &made), 0);
	work_take(w, made);
}

static void work_done(struct work *w)
{
	filter_zstd.close(w->ctx);
	free(w->ctx);
	free(w->cfg);
	free(w->p);
}

/* What a reader gets of the first n bytes, which need not be all. */
static void assert_reads(const struct work *w, size_t n, const char *want)
{
	size_t cap = strlen(want) + 1024;
	char *text = calloc(1, cap);
	ZSTD_DCtx *dctx = ZSTD_createDCtx();
	ZSTD_inBuffer in = {w->p, n, 0};
	ZSTD_outBuffer out = {text, cap, 0};

	while (in.pos < in.size)
		assert_false(ZSTD_isError(ZSTD_decompressStream(dctx, &out, &in)));
	assert_string_equal(text, want);
	ZSTD_freeDCtx(dctx);
	free(text);
}

static uint32_t read32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void test_every_chunk_can_be_read_when_it_was_put(void **state)
{
	struct work w;

	work_begin(&w, true);
	work_put(&w, "one ", true, 0);
	assert_reads(&w, w.n, "one ");
	work_put(&w, "two ", false, 0);
	assert_reads(&w, w.n, "one two ");
	work_put(&w, "three", true, 0);
	assert_reads(&w, w.n, "one two three");
	work_end(&w);
	assert_reads(&w, w.n, "one two three");
	work_done(&w);
}

static void test_the_seek_table_tells_the_frames(void **state)
{
	const uint8_t *table, *end;
	struct index *index;
	const struct index_frame *frames;
	struct err err = {""};
	const char *extension;
	struct bytes blob;
	struct work w;

	work_begin(&w, true);
	work_put(&w, "first frame", true, 0);
	work_put(&w, "second", true, 0);
	work_put(&w, " frame", false, 0);
	work_end(&w);
	end = w.p + w.n;
	table = end - SEEK_TABLE_HEAD - 2 * SEEK_TABLE_ENTRY - SEEK_TABLE_FOOTER;
	assert_int_equal(read32(table), SEEK_TABLE_SKIPPABLE);
	assert_int_equal(read32(end - 4), SEEK_TABLE_MAGIC);
	assert_int_equal(read32(end - 9), 2);
	assert_int_equal(read32(table + 8) + read32(table + 20), table - w.p);
	assert_int_equal(read32(table + 12), 11);
	assert_int_equal(read32(table + 24), 12);
	assert_int_equal(ZSTD_findFrameCompressedSize(w.p, w.n), read32(table + 8));
	/* the index says the same */
	filter_zstd.beside(w.ctx, &extension, &blob);
	assert_string_equal(extension, "idx");
	if (index_read(blob, &index, &err))
		fail_msg("%s", err.text);
	assert_int_equal(index_archive_size(index), w.n);
	assert_int_equal(index_frames(index, &frames), 2);
	assert_int_equal(frames[1].offset, read32(table + 8));
	assert_int_equal(frames[1].raw_size, 12);
	assert_int_equal(frames[1].checksum, read32(table + 28));
	assert_int_equal(frames[1].events, 2);
	index_free(index);
	work_done(&w);
}

/* Wireshark 4.0 takes no second frame, and no skippable one. */
static void test_one_frame_where_readers_know_no_more(void **state)
{
	const char *extension;
	struct bytes blob;
	struct work w;

	work_begin(&w, false);
	work_put(&w, "one", true, 0);
	work_put(&w, "two", true, 100);
	work_end(&w);
	assert_int_equal(ZSTD_findFrameCompressedSize(w.p, w.n), w.n);
	assert_reads(&w, w.n, "onetwo");
	filter_zstd.beside(w.ctx, &extension, &blob);
	assert_int_equal(blob.n, 0);
	work_done(&w);
}

static unsigned level_of(unsigned pressure)
{
	const struct index_frame *frames;
	struct index *index;
	const char *extension;
	struct err err = {""};
	struct bytes blob;
	struct work w;
	unsigned level;

	work_begin(&w, true);
	work_put(&w, "text", true, pressure);
	work_end(&w);
	filter_zstd.beside(w.ctx, &extension, &blob);
	if (index_read(blob, &index, &err))
		fail_msg("%s", err.text);
	index_frames(index, &frames);
	level = frames[0].level;
	index_free(index);
	work_done(&w);
	return level;
}

static void test_frames_are_made_faster_when_the_queue_fills(void **state)
{
	assert_int_equal(level_of(0), 3);
	assert_int_equal(level_of(24), 3);
	assert_int_equal(level_of(25), 2);
	assert_int_equal(level_of(50), 1);
	assert_int_equal(level_of(100), 1);
}

static void test_a_medium_without_anything_is_a_frame_of_nothing(void **state)
{
	struct work w;

	work_begin(&w, true);
	work_end(&w);
	assert_true(w.n > 0);
	assert_reads(&w, w.n, "");
	work_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_chunk_can_be_read_when_it_was_put),
		cmocka_unit_test(test_the_seek_table_tells_the_frames),
		cmocka_unit_test(test_one_frame_where_readers_know_no_more),
		cmocka_unit_test(test_frames_are_made_faster_when_the_queue_fills),
		cmocka_unit_test(test_a_medium_without_anything_is_a_frame_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
