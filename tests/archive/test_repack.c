/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "capture/archive/repack.h"
#include "capture/archive/verify.h"
#include "tests/support/archives.h"
#include "tests/support/temp.h"

/* Packs files of the temporary folder. */
static int pack(const char *const *names, unsigned n, const char *out, struct repack_config cfg,
		struct repack_report *ret)
{
	char paths[4][256], to[256];
	const char *in[4];
	struct err err = {""};
	int r;

	for (unsigned i = 0; i < n; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", temp_folder(), names[i]);
		in[i] = paths[i];
	}
	snprintf(to, sizeof(to), "%s/%s", temp_folder(), out);
	cfg.in = in;
	cfg.n = n;
	cfg.out = to;
	if (!cfg.level)
		cfg.level = 3;
	r = repack_files(&cfg, ret, &err);
	if (r < 0)
		assert_true(err.text[0]);
	return r;
}

static bool is_there(const char *name)
{
	return access(temp_name(name), F_OK) == 0;
}

/* The contents of that file are those. */
static void assert_contents(const char *name, struct bytes contents)
{
	struct bytes file = archives_load(temp_name(name)), now = archives_contents(file);

	assert_int_equal(now.n, contents.n);
	assert_memory_equal(now.p, contents.p, now.n);
	free((char *)now.p);
	free((char *)file.p);
}

static void assert_verified(const char *name)
{
	struct verify_report report;
	struct verify *v;
	struct err err;

	assert_int_equal(verify_new(&v, &err), 0);
	verify_file(v, temp_name(name), &report);
	if (report.state != VERIFY_OK)
		fail_msg("%s: %s", name, report.why.text);
	assert_int_equal(report.index, strcmp(report.format, "pcapng") != 0);
	verify_free(v);
}

static struct bytes put_sample(const char *path, const char *format, const char *name)
{
	struct bytes contents, file;

	contents = strcmp(format, "pb") ? archives_load(path) : archives_replay(path, format);
	file = contents;

	if (strstr(name, ".zst"))
		file = archives_compress(format, contents, 4);
	temp_file(name, file.p, file.n);
	if (file.p != contents.p)
		free((char *)file.p);
	return contents;
}

static void test_every_format(void **state)
{
	static const char *const samples[][3] = {
		{"samples/raw/bash.raw", "pb", "a.pb.zst"},
		{"samples/golden/bash.jsonl", "jsonl", "a.jsonl"},
		{"samples/golden/openssl.pcapng", "pcapng", "a.pcapng.zst"},
		{"samples/golden/bash.txt", "text", "a.txt.zst"},
		{"samples/raw/bash.raw", "raw", "a.raw"},
	};

	for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct bytes contents = put_sample(samples[i][0], samples[i][1], samples[i][2]);
		struct repack_report report;
		char out[64];

		snprintf(out, sizeof(out), "out.%s.zst", samples[i][1]);
		if (!strcmp(samples[i][1], "text"))
			snprintf(out, sizeof(out), "out.txt.zst");
		assert_int_equal(pack(&samples[i][2], 1, out, (struct repack_config){0}, &report),
				 0);
		assert_int_equal(report.raw_size, contents.n);
		assert_int_equal(report.frames, 1); /* small ones are joined */
		assert_contents(out, contents);
		assert_verified(out);
		assert_true(is_there(samples[i][2]));
		free((char *)contents.p);
	}
}

/* Frames end where those of the input do, and only there. */
static void test_frames(void **state)
{
	struct bytes sample = archives_load("samples/golden/exec.jsonl");
	size_t copies = 12 * 1024 * 1024 / sample.n;
	char *p = malloc(copies * sample.n);
	struct bytes contents = {p, copies * sample.n}, file;
	struct repack_report report;
	const char *name = "large.jsonl.zst";
	unsigned lines = 0;

	assert_non_null(p);
	for (size_t i = 0; i < copies; i++)
		memcpy(p + i * sample.n, sample.p, sample.n);
	for (size_t i = 0; i < sample.n; i++)
		lines += sample.p[i] == '\n';
	file = archives_compress("jsonl", contents, lines);
	temp_file(name, file.p, file.n);
	assert_int_equal(pack(&name, 1, "o4.jsonl.zst", (struct repack_config){0}, &report), 0);
	assert_in_range(report.frames, 3, 4);
	assert_int_equal(pack(&name, 1, "o64.jsonl.zst",
			      (struct repack_config){.wide = true, .level = 5}, &report),
			 0);
	assert_int_equal(report.frames, 1);
	free((char *)file.p);

	/* in one frame nothing begins but the run: so it stays */
	file = archives_compress("jsonl", (struct bytes){p, 200 * sample.n}, 1000000);
	temp_file("one.jsonl.zst", file.p, file.n);
	name = "one.jsonl.zst";
	assert_int_equal(pack(&name, 1, "o1.jsonl.zst", (struct repack_config){0}, &report), 0);
	assert_in_range(report.frames, 1, 2);
	free((char *)file.p);
	free((char *)sample.p);
	free(p);
}

/* Two recordings, given in the wrong order. */
static void test_several(void **state)
{
	const char *names[] = {"exec.pb.zst", "bash.pb"};
	struct bytes exec = put_sample("samples/raw/exec.raw", "pb", names[0]);
	struct bytes bash = put_sample("samples/raw/bash.raw", "pb", names[1]);
	struct repack_report report;
	struct bytes now, file;

	assert_int_equal(pack(names, 2, "two.pb.zst", (struct repack_config){.level = 19}, &report),
			 0);
	assert_verified("two.pb.zst");
	file = archives_load(temp_name("two.pb.zst"));
	now = archives_contents(file);
	assert_int_equal(now.n, exec.n + bash.n);
	/* which of them is the earlier one does not depend on the order */
	assert_int_equal(pack((const char *[]){names[1], names[0]}, 2, "two2.pb.zst",
			      (struct repack_config){.level = 19}, &report),
			 0);
	assert_contents("two2.pb.zst", now);
	free((char *)now.p);
	free((char *)file.p);
	free((char *)exec.p);
	free((char *)bash.p);
}

static void test_remove(void **state)
{
	const char *name = "gone.jsonl.zst";
	struct bytes contents = put_sample("samples/golden/bash.jsonl", "jsonl", name);
	struct repack_report report;

	temp_file("gone.jsonl.zst.idx", "x", 1);
	assert_int_equal(
		pack(&name, 1, "kept.jsonl.zst", (struct repack_config){.remove = true}, &report),
		0);
	assert_contents("kept.jsonl.zst", contents);
	assert_false(is_there(name));
	assert_false(is_there("gone.jsonl.zst.idx"));
	free((char *)contents.p);
}

/* Whatever is refused leaves everything as it was. */
static void test_refused(void **state)
{
	const char *pb = "r.pb.zst", *jsonl = "r.jsonl", *torn = "torn.pb", *bad = "bad.pb.zst";
	struct bytes contents = put_sample("samples/raw/bash.raw", "pb", pb), file;
	struct bytes lines = put_sample("samples/golden/bash.jsonl", "jsonl", jsonl);
	const struct repack_config remove = {.remove = true};
	struct repack_report report;
	int fd;

	temp_file(torn, contents.p, contents.n - 1);
	file = archives_compress("pb", contents, 4);
	((char *)file.p)[file.n / 3] ^= 1;
	temp_file(bad, file.p, file.n);
	free((char *)file.p);
	temp_file("there.pb.zst", "x", 1);

	assert_int_equal(pack(&pb, 1, "there.pb.zst", remove, &report), -EEXIST);
	assert_int_equal(pack(&pb, 1, pb, remove, &report), -EEXIST);
	assert_int_equal(pack(&pb, 1, "out.pb", remove, &report), -EINVAL);
	assert_int_equal(pack((const char *[]){pb, jsonl}, 2, "o.pb.zst", remove, &report),
			 -EINVAL);
	assert_int_equal(pack((const char *[]){pb, pb}, 2, "o.pb.zst", remove, &report), -EINVAL);
	assert_int_equal(pack(&torn, 1, "o.pb.zst", remove, &report), -EBADMSG);
	assert_int_equal(pack(&bad, 1, "o.pb.zst", remove, &report), -EBADMSG);
	assert_int_equal(pack((const char *[]){"none.pb"}, 1, "o.pb.zst", remove, &report),
			 -ENOENT);
	assert_int_equal(pack(&pb, 1, "none/o.pb.zst", remove, &report), -ENOENT);
	fd = open(temp_name(pb), O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(pack(&pb, 1, "o.pb.zst", remove, &report), -EBUSY);
	close(fd);
	assert_true(is_there(pb) && is_there(jsonl) && is_there(torn) && is_there(bad));
	assert_false(is_there("o.pb.zst"));
	assert_false(is_there(".o.pb.zst.repack"));
	free((char *)contents.p);
	free((char *)lines.p);
}

static void test_no_room(void **state)
{
	const char *name = "full.jsonl.zst";
	struct bytes contents = put_sample("samples/golden/exec.jsonl", "jsonl", name);
	struct rlimit limit, none = {.rlim_cur = 500};
	struct repack_report report;
	int r;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	none.rlim_max = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &none);
	r = pack(&name, 1, "o.jsonl.zst", (struct repack_config){.remove = true}, &report);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(r, -EFBIG);
	assert_true(is_there(name));
	assert_false(is_there("o.jsonl.zst"));
	assert_false(is_there(".o.jsonl.zst.repack"));
	/* what a killed one left is in nobody's way */
	temp_file(".o.jsonl.zst.repack", "garbage", 7);
	assert_int_equal(pack(&name, 1, "o.jsonl.zst", (struct repack_config){0}, &report), 0);
	assert_contents("o.jsonl.zst", contents);
	free((char *)contents.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_format), cmocka_unit_test(test_frames),
		cmocka_unit_test(test_several),      cmocka_unit_test(test_remove),
		cmocka_unit_test(test_refused),      cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
