/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "capture/archive/verify.h"
#include "capture/base/seek_table.h"
#include "capture/index.h"
#include "tests/support/archives.h"
#include "tests/support/temp.h"

/* From byte to byte: each of them, but where it takes ten times as long. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static size_t step = 13;
#else
static size_t step = 1;
#endif

static struct verify_report report_of(const char *name, struct bytes file)
{
	struct verify_report report;
	struct verify *v;
	struct err err;

	assert_int_equal(verify_new(&v, &err), 0);
	verify_file(v, temp_file(name, file.p, file.n), &report);
	verify_free(v);
	return report;
}

static void assert_state(const char *name, struct bytes file, enum verify_state state)
{
	struct verify_report report = report_of(name, file);

	if (report.state != state)
		fail_msg("%s: %d: %s", name, report.state, report.why.text);
}

static void assert_wrong(const char *name, struct bytes file, const char *why)
{
	struct verify_report report = report_of(name, file);

	assert_int_equal(report.state, VERIFY_WRONG);
	if (!strstr(report.why.text, why))
		fail_msg("%s: '%s' is not about '%s'", name, report.why.text, why);
}

struct sample {
	const char *path, *format, *name;
};

static const struct sample samples[] = {
	{"samples/golden/bash.pb", "pb", "bash.pb"},
	{"samples/golden/bash.jsonl", "jsonl", "bash.jsonl"},
	{"samples/golden/bash.pcapng", "pcapng", "bash.pcapng"},
	{"samples/golden/bash.txt", "text", "bash.txt"},
	{"samples/raw/bash.raw", "raw", "bash.raw"},
};
enum {
	SAMPLES = sizeof(samples) / sizeof(samples[0])
};

static const char *name_zst(const struct sample *s)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s.zst", s->name);
	return name;
}

static void test_samples(void **state)
{
	static const char *const paths[] = {
		"samples/golden/exec.pb",        "samples/golden/exec.jsonl",
		"samples/golden/exec.pcapng",    "samples/golden/exec.txt",
		"samples/golden/openssl.pb",     "samples/golden/openssl.jsonl",
		"samples/golden/openssl.pcapng", "samples/golden/openssl.txt",
		"samples/raw/exec.raw",          "samples/raw/openssl.raw",
		"samples/raw/sendfile.raw",
	};
	struct verify_report report;
	struct verify *v;
	struct err err;

	assert_int_equal(verify_new(&v, &err), 0);
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		verify_file(v, paths[i], &report);
		if (report.state != VERIFY_OK)
			fail_msg("%s: %s", paths[i], report.why.text);
		assert_true(report.records > 10);
		assert_int_equal(report.size, report.raw_size);
	}
	verify_free(v);
}

static void test_counts(void **state)
{
	struct bytes contents = archives_load("samples/golden/bash.jsonl");
	struct bytes file = archives_compress("jsonl", contents, 5);
	struct verify_report report = report_of("bash.jsonl.zst", file);

	assert_int_equal(report.state, VERIFY_OK);
	assert_string_equal(report.format, "jsonl");
	assert_int_equal(report.records, 13);
	assert_int_equal(report.events, 13);
	assert_int_equal(report.frames, 3);
	assert_true(report.zstd && report.seektable && !report.index);
	assert_int_equal(report.raw_size, contents.n);
	assert_int_equal(report.size, file.n);
	free((char *)contents.p);
	free((char *)file.p);
}

/* A bit that is turned anywhere is found, or the contents are what they were. */
static void check_flips(const struct sample *s, struct bytes contents, struct bytes file)
{
	char *p = (char *)file.p;

	for (size_t i = 0; i < file.n; i += step) {
		char before = p[i];
		struct bytes now;
		bool whole;

		p[i] = (char)(before ^ (1 << i % 8));
		if (report_of(name_zst(s), file).state == VERIFY_OK) {
			now = archives_decompress(file, &whole);
			assert_int_equal(now.n, contents.n);
			assert_memory_equal(now.p, contents.p, now.n);
			free((char *)now.p);
		}
		p[i] = before;
	}
	assert_state(name_zst(s), file, VERIFY_OK);
}

static void check_cuts(const struct sample *s, struct bytes file)
{
	for (size_t n = 0; n < file.n; n += step)
		assert_state(name_zst(s), (struct bytes){file.p, n}, VERIFY_UNFINISHED);
}

static void test_flips_and_cuts(void **state)
{
	for (unsigned i = 0; i < SAMPLES; i++) {
		struct bytes contents = archives_load(samples[i].path);
		struct bytes file = archives_compress(samples[i].format, contents, 4);

		check_flips(&samples[i], contents, file);
		check_cuts(&samples[i], file);
		free((char *)contents.p);
		free((char *)file.p);
	}
}

/* What is not compressed has no checksums: nothing worse happens than that it is found, or not. */
static void test_plain(void **state)
{
	for (unsigned i = 0; i < SAMPLES; i++) {
		struct bytes file = archives_load(samples[i].path);
		size_t whole;

		for (size_t n = 1; n < file.n; n += 7 * step) {
			whole = archives_whole(samples[i].format, (struct bytes){file.p, n});
			assert_state(samples[i].name, (struct bytes){file.p, n},
				     whole == n ? VERIFY_OK : VERIFY_UNFINISHED);
		}
		for (size_t n = 0; n < file.n; n += 7 * step) {
			((char *)file.p)[n] ^= (char)(1 << n % 8);
			report_of(samples[i].name, file);
			((char *)file.p)[n] ^= (char)(1 << n % 8);
		}
		free((char *)file.p);
	}
}

static struct bytes joined(struct bytes a, struct bytes b)
{
	char *p = malloc(a.n + b.n + 1);

	assert_non_null(p);
	memcpy(p, a.p, a.n);
	memcpy(p + a.n, b.p, b.n);
	return (struct bytes){p, a.n + b.n};
}

static void test_what_stands_behind(void **state)
{
	struct bytes contents = archives_load("samples/golden/bash.pb");
	struct bytes file = archives_compress("pb", contents, 100);
	struct bytes garbage = joined(file, BYTES("garbage")), twice = joined(file, file);
	struct bytes skippable = joined(file, BYTES("\x50\x2a\x4d\x18\4\0\0\0abcd"));

	assert_wrong("x.pb.zst", garbage, "no frame begins");
	assert_wrong("x.pb.zst", twice, "behind the seek table");
	assert_wrong("x.pb.zst", skippable, "no seek table");
	free((char *)garbage.p);
	free((char *)twice.p);
	free((char *)skippable.p);
	free((char *)file.p);
	free((char *)contents.p);
}

/* The table is right by itself, and wrong about the frames. */
static void test_lying_table(void **state)
{
	struct bytes contents = archives_load("samples/golden/bash.pb");
	struct bytes file = archives_compress("pb", contents, 4);
	char *foot = (char *)file.p + file.n - SEEK_TABLE_FOOTER, *entries;
	uint32_t n;

	memcpy(&n, foot, sizeof(n));
	assert_true(n > 2);
	entries = foot - n * SEEK_TABLE_ENTRY;
	for (unsigned i = 0; i < n * SEEK_TABLE_ENTRY; i++) {
		entries[i] ^= 1;
		assert_wrong("x.pb.zst", file, "seek table is wrong");
		entries[i] ^= 1;
	}
	assert_state("x.pb.zst", file, VERIFY_OK);
	free((char *)file.p);
	free((char *)contents.p);
}

static void test_pcapng_has_one_frame(void **state)
{
	struct bytes contents = archives_load("samples/golden/bash.pcapng");
	struct bytes file = archives_compress("pcapng", contents, 1), twice = joined(file, file);

	assert_wrong("x.pcapng.zst", twice, "second frame");
	free((char *)twice.p);
	free((char *)file.p);
	free((char *)contents.p);
}

static char *block_find(struct bytes file, uint32_t type, unsigned number)
{
	for (size_t at = 0; at < file.n;) {
		uint32_t head[2];

		memcpy(head, file.p + at, sizeof(head));
		if (head[0] == type && !number--)
			return (char *)file.p + at;
		at += head[1];
	}
	fail_msg("no block of type %u", type);
	return NULL;
}

/* Changes a word of a block, looks, and changes it back. */
static void check_word(struct bytes file, uint32_t type, unsigned number, size_t at, uint32_t value,
		       const char *why)
{
	char *word = block_find(file, type, number) + at;
	uint32_t before;

	memcpy(&before, word, sizeof(before));
	memcpy(word, &value, sizeof(value));
	assert_wrong("x.pcapng", file, why);
	memcpy(word, &before, sizeof(before));
}

static void test_pcapng_blocks(void **state)
{
	struct bytes file = archives_load("samples/golden/openssl.pcapng");

	check_word(file, 0x0a0d0d0a, 0, 12, 2, "section header");
	check_word(file, 1, 0, 8, 113, "not Ethernet");
	check_word(file, 1, 1, 12, 65535, "another size");
	check_word(file, 1, 0, 16, 0xffff0002, "longer than the block");
	check_word(file, 6, 0, 8, 7, "of interface 7");
	check_word(file, 6, 0, 20, 300000, "larger than it can be");
	check_word(file, 5, 0, 8, 9, "of interface 9");
	check_word(file, 9, 0, 8, 0x41414141, "begin with its time");
	check_word(file, 0x0bad, 0, 12, 1 << 20, "custom block");
	check_word(file, 0x0bad, 0, 18, 0xffffffff, "at byte ");
	assert_state("x.pcapng", file, VERIFY_OK);
	free((char *)file.p);
}

/* ---- sequence numbers ---------------------------------------------------------------------- */

static void count_missing(const struct verify_missing *m, void *arg)
{
	*(uint64_t *)arg += m->n;
	assert_non_null(m->path);
}

static uint64_t missing_in(const char *first, const char *second)
{
	const char *texts[] = {first, second};
	struct verify_report report;
	uint64_t missing = 0;
	struct verify *v;
	struct err err;

	assert_int_equal(verify_new(&v, &err), 0);
	for (unsigned i = 0; i < 2 && texts[i]; i++) {
		verify_file(v, temp_file("seq.jsonl", texts[i], strlen(texts[i])), &report);
		if (report.state != VERIFY_OK)
			fail_msg("%s", report.why.text);
	}
	verify_runs(v, count_missing, &missing);
	verify_free(v);
	return missing;
}

#define META(SEQ)                                                                                  \
	"{\"time\":\"2026-11-24T14:19:27.967596334Z\",\"time_unix_nano\":1795529967596334272,"     \
	"\"time_boot_ns\":1000,\"seq\":" #SEQ ",\"type\":\"meta\",\"probe\":\"core\","             \
	"\"stream_info\":{\"pid\":1,\"host_name\":\"vm\",\"run_id\":5}}\n"
#define EXIT(SEQ)                                                                                  \
	"{\"time\":\"2026-11-24T14:19:27.967596334Z\",\"time_unix_nano\":1795529967596334272,"     \
	"\"time_boot_ns\":1000,\"seq\":" #SEQ ",\"type\":\"exit\",\"probe\":\"core\","             \
	"\"exit\":{\"code\":0,\"lifetime_ns\":5}}\n"
#define LOSS(SEQ, COUNT, FIRST, LAST)                                                              \
	"{\"time\":\"2026-11-24T14:19:27.967596334Z\",\"time_unix_nano\":1795529967596334272,"     \
	"\"time_boot_ns\":1000,\"seq\":" #SEQ ",\"type\":\"loss\",\"probe\":\"core\","             \
	"\"loss\":{\"count\":" #COUNT ",\"unit\":\"events\",\"probe\":\"output\","                 \
	"\"reason\":\"queue_full\",\"first_unix_nano\":5,\"last_unix_nano\":6,"                    \
	"\"first_seq\":" #FIRST ",\"last_seq\":" #LAST "}}\n"

static void test_holes(void **state)
{
	assert_int_equal(missing_in(META(1) EXIT(2) EXIT(3), NULL), 0);
	assert_int_equal(missing_in(META(1) EXIT(2) EXIT(5), NULL), 2);
	assert_int_equal(missing_in(META(1) EXIT(2) EXIT(5) LOSS(6, 2, 3, 4), NULL), 0);
	assert_int_equal(missing_in(META(1) EXIT(2) EXIT(5) LOSS(6, 1, 3, 3), NULL), 1);
	/* the report comes in the next file */
	assert_int_equal(missing_in(META(1) EXIT(2) EXIT(5), META(1) LOSS(6, 2, 3, 4)), 0);
	/* a file begins where the one before it ended */
	assert_int_equal(missing_in(META(1) EXIT(2), META(1) EXIT(70) EXIT(71)), 0);
	/* what opens a frame is told again */
	assert_int_equal(missing_in(META(1) EXIT(2) META(1) EXIT(3), NULL), 0);
}

static void test_order(void **state)
{
	assert_wrong("x.jsonl", BYTES(META(1) EXIT(2) EXIT(4) EXIT(3)), "event 3 comes behind");
	assert_wrong("x.jsonl", BYTES(META(1) EXIT(2) EXIT(2)), "event 2 comes behind");
}

/* ---- what asks for too much ---------------------------------------------------------------- */

/* A gigabyte of nothing in a few kilobytes. */
static void test_bomb(void **state)
{
	static char zeroes[1 << 20];
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	ZSTD_outBuffer out = {malloc(1 << 20), 1 << 20, 0};
	ZSTD_inBuffer in = {0};

	assert_true(zstd && out.dst);
	for (unsigned i = 0; i < 1024; i++) {
		in = (ZSTD_inBuffer){zeroes, sizeof(zeroes), 0};
		while (in.pos < in.size)
			assert_false(ZSTD_isError(
				ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_continue)));
	}
	assert_int_equal(ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_end), 0);
	assert_wrong("bomb.txt.zst", (struct bytes){out.dst, out.pos}, "no record begins");
	assert_wrong("bomb.pb.zst", (struct bytes){out.dst, out.pos}, "no record");
	ZSTD_freeCCtx(zstd);
	free(out.dst);
}

static void test_window(void **state)
{
	/* a frame that asks for a window of 2 GiB; a skippable one of 4 GiB */
	assert_wrong("x.pb.zst", BYTES("\x28\xb5\x2f\xfd\4\xa8\1\0\0"), "memory");
	assert_wrong("x.pb.zst", BYTES("\x5e\x2a\x4d\x18\xff\xff\xff\xff"), "skippable");
}

static void test_none_of_ours(void **state)
{
	struct verify_report report;
	struct verify *v;
	struct err err;

	assert_wrong("x.sh", BYTES("#!/bin/sh\nexit 0\n"), "no recording");
	assert_state("x.jsonl", BYTES(""), VERIFY_UNFINISHED);
	assert_state("x.txt", BYTES("a line\n"), VERIFY_OK);
	assert_wrong("x.txt", BYTES("a line\n\xff\n"), "no UTF-8");
	assert_int_equal(verify_new(&v, &err), 0);
	verify_file(v, "/dev/null", &report);
	assert_int_equal(report.state, VERIFY_WRONG);
	verify_file(v, temp_folder(), &report);
	assert_int_equal(report.state, VERIFY_WRONG);
	verify_file(v, temp_name("nothing"), &report);
	assert_int_equal(report.state, VERIFY_WRONG);
	verify_free(v);
}

/* ---- the index ----------------------------------------------------------------------------- */

static void test_index(void **state)
{
	struct bytes contents = archives_load("samples/golden/bash.jsonl");
	struct bytes file = archives_compress("jsonl", contents, 100), blob;
	struct index_frame frame = {.raw_size = contents.n, .level = 3};
	size_t end = file.n - (SEEK_TABLE_HEAD + SEEK_TABLE_ENTRY + SEEK_TABLE_FOOTER);
	struct index_writer *w;
	struct err err;
	char *copy;

	frame.size = end;
	memcpy(&frame.checksum, file.p + end - 4, 4);
	assert_int_equal(index_writer_new(&w, &err), 0);
	index_writer_begin(w);
	index_writer_frame(w, &frame);
	assert_int_equal(index_writer_blob(w, file.n, &blob), 0);
	temp_file("i.jsonl.zst.idx", blob.p, blob.n);
	assert_true(report_of("i.jsonl.zst", file).index);
	assert_state("i.jsonl.zst", file, VERIFY_OK);

	copy = malloc(blob.n);
	assert_non_null(copy);
	for (size_t i = 0; i < blob.n; i++) {
		memcpy(copy, blob.p, blob.n);
		copy[i] ^= 4;
		temp_file("i.jsonl.zst.idx", copy, blob.n);
		assert_wrong("i.jsonl.zst", file, "its index");
	}
	free(copy);
	assert_int_equal(index_writer_blob(w, file.n + 1, &blob), 0);
	temp_file("i.jsonl.zst.idx", blob.p, blob.n);
	assert_wrong("i.jsonl.zst", file, "its index is of a file");
	index_writer_free(w);
	free((char *)file.p);
	free((char *)contents.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_flips_and_cuts),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_what_stands_behind),
		cmocka_unit_test(test_lying_table),
		cmocka_unit_test(test_pcapng_has_one_frame),
		cmocka_unit_test(test_pcapng_blocks),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_none_of_ours),
		cmocka_unit_test(test_index),
	};

	if (getenv("ALLOC_FAIL"))
		step = 97; /* once more for each allocation, see tests/alloc */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
