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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/archive/recover.h"
#include "capture/archive/verify.h"
#include "tests/support/archives.h"
#include "tests/support/temp.h"

/* An archive of a sample, to be cut. */
struct sample {
	const char *path, *format, *name;
	unsigned records; /* in a frame */
	struct bytes contents, file;
};

enum {
	PLAIN = 2500, /* bytes of what is not compressed: more of the same tells no more */
	LAST = 100    /* what ends a file in good order is no larger */
};

static int folder = -1;
/* From cut to cut, a prime: fewer where each takes ten times as long. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static size_t step = 67;
#else
static size_t step = 3;
#endif

static void sample_open(struct sample *s)
{
	bool zstd = strstr(s->name, ".zst");

	s->contents = archives_load(s->path);
	if (zstd)
		s->file = archives_compress(s->format, s->contents, s->records);
	else
		s->file = archives_load(s->path);
	if (folder < 0)
		folder = open(temp_folder(), O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder >= 0);
}

static void sample_close(struct sample *s)
{
	free((char *)s->contents.p);
	free((char *)s->file.p);
}

static void put_file(const char *name, struct bytes b)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, b.p, b.n), b.n);
	close(fd);
}

static bool is_there(const char *name)
{
	return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct bytes file_now(const struct sample *s)
{
	return archives_load(temp_name(s->name));
}

static void assert_verified(const struct sample *s)
{
	struct verify_report report;
	struct verify *v;
	struct err err;

	assert_int_equal(verify_new(&v, &err), 0);
	verify_file(v, temp_name(s->name), &report);
	if (report.state != VERIFY_OK)
		fail_msg("%s: %s", s->name, report.why.text);
	verify_free(v);
}

/* The index stands beside the name that the file is to have, and is right. */
static void assert_indexed(const struct sample *s)
{
	char name[64], index[80];
	struct verify_report report;
	struct verify *v;
	struct err err;

	snprintf(name, sizeof(name), "%.*s", (int)(strlen(s->name) - strlen(".part")), s->name);
	snprintf(index, sizeof(index), "%s.idx", name);
	assert_true(is_there(index));
	assert_int_equal(linkat(folder, s->name, folder, name, 0), 0);
	assert_int_equal(verify_new(&v, &err), 0);
	verify_file(v, temp_name(name), &report);
	verify_free(v);
	assert_int_equal(report.state, VERIFY_OK);
	assert_true(report.index);
	assert_int_equal(unlinkat(folder, name, 0), 0);
	assert_int_equal(unlinkat(folder, index, 0), 0);
}

static void assert_same(struct bytes a, struct bytes b)
{
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.p, b.p, a.n);
}

/* Recovered, nothing that was whole is lost, and its end is told; once more changes nothing. */
static void check_recovered(const struct sample *s, struct bytes torn)
{
	struct bytes had = archives_contents(torn), mended, again, has;
	size_t whole = archives_whole(s->format, had);
	struct err err = {""};

	put_file(s->name, torn);
	if (recover_file(folder, s->name, &err) < 0)
		fail_msg("%s, %zu of %zu bytes: %s", s->name, torn.n, s->file.n, err.text);
	assert_int_equal(is_there(s->name), whole > 0);
	if (whole) {
		mended = file_now(s);
		has = archives_contents(mended);
		assert_in_range(has.n, whole, whole + 1000);
		assert_memory_equal(has.p, had.p, whole);
		if (s->contents.n - whole > LAST)
			assert_non_null(memmem(has.p + whole, has.n - whole, "tail_torn", 9));
		assert_int_equal(archives_whole(s->format, has), has.n);
		assert_verified(s);
		if (strstr(s->name, ".zst") && strcmp(s->format, "pcapng") != 0)
			assert_indexed(s);
		assert_int_equal(recover_file(folder, s->name, &err), 0);
		again = file_now(s);
		assert_same(again, mended);
		free((char *)mended.p);
		free((char *)again.p);
		free((char *)has.p);
	}
	free((char *)had.p);
}

static void check_every_cut(struct sample s)
{
	sample_open(&s);
	if (!strstr(s.name, ".zst") && s.file.n > PLAIN)
		s.file.n = s.contents.n = archives_whole(s.format, (struct bytes){s.file.p, PLAIN});
	for (size_t n = 0; n <= s.file.n; n += step)
		check_recovered(&s, (struct bytes){s.file.p, n});
	sample_close(&s);
}

#define BASH(FORMAT, ENDING)                                                                       \
	((struct sample){"samples/golden/bash." ENDING, FORMAT, ".bash." ENDING ".part", 4})
#define BASH_ZST(FORMAT, ENDING)                                                                   \
	((struct sample){"samples/golden/bash." ENDING, FORMAT, ".bash." ENDING ".zst.part", 4})

static void test_pb(void **state)
{
	check_every_cut(BASH("pb", "pb"));
}

static void test_pb_zst(void **state)
{
	check_every_cut(BASH_ZST("pb", "pb"));
}

static void test_pcapng(void **state)
{
	check_every_cut(BASH("pcapng", "pcapng"));
}

static void test_pcapng_zst(void **state)
{
	check_every_cut(BASH_ZST("pcapng", "pcapng"));
}

static void test_text(void **state)
{
	check_every_cut(BASH("text", "txt"));
	check_every_cut(BASH_ZST("text", "txt"));
}

static void test_jsonl(void **state)
{
	check_every_cut(BASH("jsonl", "jsonl"));
}

static void test_jsonl_zst(void **state)
{
	check_every_cut(BASH_ZST("jsonl", "jsonl"));
}

/* Packets, processes and losses of another recording, at some cuts. */
static void test_others(void **state)
{
	static const struct sample samples[] = {
		{"samples/golden/openssl.pcapng", "pcapng", "o.pcapng.zst.part", 1},
		{"samples/golden/openssl.pb", "pb", "o.pb.zst.part", 7},
		{"samples/golden/exec.jsonl", "jsonl", "o.jsonl.part", 1},
		{"samples/raw/openssl.raw", "raw", "o.raw.zst.part", 16},
	};

	for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct sample s = samples[i];

		sample_open(&s);
		for (size_t n = 0; n <= s.file.n; n += 60 * step + n % 61)
			check_recovered(&s, (struct bytes){s.file.p, n});
		sample_close(&s);
	}
}

/* Power failed: the file is as long as it should be, and its end was never written. */
static void test_zeroes_at_the_end(void **state)
{
	static const struct sample samples[] = {BASH("pb", "pb"), BASH_ZST("pb", "pb"),
						BASH_ZST("jsonl", "jsonl"),
						BASH_ZST("pcapng", "pcapng")};

	for (unsigned i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct sample s = samples[i];
		struct err err = {""};

		sample_open(&s);
		memset((char *)s.file.p + s.file.n / 2, 0, s.file.n - s.file.n / 2);
		put_file(s.name, s.file);
		if (recover_file(folder, s.name, &err) < 0)
			fail_msg("%s: %s", s.name, err.text);
		assert_verified(&s);
		sample_close(&s);
	}
}

/* Damage with something whole behind it is nothing that recovery may cut off. */
static void test_damage_in_the_middle(void **state)
{
	struct sample s = BASH_ZST("pb", "pb");
	struct bytes now;
	struct err err;

	sample_open(&s);
	((char *)s.file.p)[100] ^= 0x55;
	put_file(s.name, s.file);
	assert_int_equal(recover_file(folder, s.name, &err), -EBADMSG);
	now = file_now(&s);
	assert_same(now, s.file);
	free((char *)now.p);
	sample_close(&s);
}

static void test_none_of_ours(void **state)
{
	const struct bytes other = BYTES("#!/bin/sh\nexit 0\n");
	struct err err;

	folder = folder < 0 ? open(temp_folder(), O_PATH | O_DIRECTORY | O_CLOEXEC) : folder;
	put_file("x.part", other);
	assert_int_equal(recover_file(folder, "x.part", &err), -EBADMSG);
	assert_true(is_there("x.part"));
	assert_int_equal(recover_file(folder, "none.part", &err), -ENOENT);
	assert_int_equal(symlinkat("x.part", folder, "link.pb.part"), 0);
	assert_int_equal(recover_file(folder, "link.pb.part", &err), -ELOOP);
}

/* Nothing is changed when there is no room, and nothing is left behind. */
static void test_no_room(void **state)
{
	struct sample s = BASH_ZST("jsonl", "jsonl");
	struct rlimit limit, none = {.rlim_cur = 100};
	struct bytes torn, now;
	struct err err;
	int r;

	sample_open(&s);
	torn = (struct bytes){s.file.p, s.file.n * 2 / 3};
	put_file(s.name, torn);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	none.rlim_max = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &none);
	r = recover_file(folder, s.name, &err);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(r, -EFBIG);
	now = file_now(&s);
	assert_same(now, torn);
	assert_false(is_there(".bash.jsonl.zst.part.mend"));
	free((char *)now.p);
	check_recovered(&s, torn);
	sample_close(&s);
}

/* Killed at any moment, the next call comes to the same end. */
static void test_killed(void **state)
{
	struct sample s = BASH_ZST("pb", "pb");
	struct bytes torn, once, now;
	struct err err;

	sample_open(&s);
	torn = (struct bytes){s.file.p, s.file.n * 3 / 4};
	put_file(s.name, torn);
	assert_int_equal(recover_file(folder, s.name, &err), 0);
	once = file_now(&s);
	for (unsigned i = 0; i < 100; i += (unsigned)step) {
		pid_t pid;

		put_file(s.name, torn);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid) {
			recover_file(folder, s.name, &err);
			_exit(0);
		}
		usleep(i * 20);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(recover_file(folder, s.name, &err), 0);
		now = file_now(&s);
		assert_same(now, once);
		free((char *)now.p);
	}
	free((char *)once.p);
	sample_close(&s);
}

static void test_raw(void **state)
{
	struct sample s = {"samples/raw/bash.raw", "raw", "bash.raw.part", 4};

	check_every_cut(s);
	s.name = "bash.raw.zst.part";
	check_every_cut(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pb),
		cmocka_unit_test(test_pb_zst),
		cmocka_unit_test(test_pcapng),
		cmocka_unit_test(test_pcapng_zst),
		cmocka_unit_test(test_jsonl),
		cmocka_unit_test(test_jsonl_zst),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_zeroes_at_the_end),
		cmocka_unit_test(test_damage_in_the_middle),
		cmocka_unit_test(test_none_of_ours),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_raw),
	};

	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0); /* thousands of files that are waited for */
	if (getenv("ALLOC_FAIL"))
		step = 97; /* once more for each allocation, see tests/alloc */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
