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

static int folder = -1;

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
		if (whole < s->contents.n)
			assert_non_null(memmem(has.p + whole, has.n - whole, "tail_torn", 9));
		assert_int_equal(archives_whole(s->format, has), has.n);
		assert_verified(s);
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
	for (size_t n = 0; n <= s.file.n; n++)
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
		cmocka_unit_test(test_pb),     cmocka_unit_test(test_pb_zst),
		cmocka_unit_test(test_pcapng), cmocka_unit_test(test_pcapng_zst),
		cmocka_unit_test(test_text),   cmocka_unit_test(test_raw),
	};

	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1); /* thousands of files that are waited for */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
