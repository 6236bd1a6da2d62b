/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A spool on a disk that fails: writes that are short, interrupted, or find no room; fsyncs and
 * reads that fail. What was taken comes out, or is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/spools.h"
#include "tests/support/temp.h"

enum {
	KIB = 1024,
	MIB = 1024 * KIB,
	CHUNKS = 20,
	BYTES = 5000,
	FDS = 1024
};

/* ---- calls that fail ----------------------------------------------------------------------- */

static struct {
	int in, error;  /* the call after so many fails so; 0 = none does */
	unsigned times; /* and so many after it */
	size_t short_n; /* bytes that are written at most; 0 = all */
} writing, syncing, reading, cutting;
static bool failed_sync[FDS];
static uint64_t free_bytes; /* of a file system of 100 MiB; 0 = the real ones */

static bool call_fails(int *in, int error, unsigned *times)
{
	if (!*in || --*in)
		return false;
	if (*times) {
		--*times;
		*in = 1;
	}
	errno = error;
	return true;
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	struct iovec first = iov[0];

	if (call_fails(&writing.in, writing.error, &writing.times)) {
		if (writing.error != EINTR) /* a part may be there */
			syscall(SYS_pwrite64, fd, first.iov_base, first.iov_len / 2, offset);
		errno = writing.error;
		return -1;
	}
	if (writing.short_n && first.iov_len > writing.short_n)
		first.iov_len = writing.short_n;
	if (writing.short_n)
		return syscall(SYS_pwritev, fd, &first, 1, offset, 0);
	return syscall(SYS_pwritev, fd, iov, n, offset, 0);
}

ssize_t pread(int fd, void *p, size_t n, off_t offset)
{
	if (call_fails(&reading.in, reading.error, &reading.times))
		return -1;
	if (reading.short_n && n > reading.short_n)
		n = reading.short_n;
	return syscall(SYS_pread64, fd, p, n, offset);
}

int fdatasync(int fd)
{
	assert_false(failed_sync[fd]); /* what it would say means nothing */
	if (call_fails(&syncing.in, syncing.error, &syncing.times)) {
		failed_sync[fd] = true;
		return -1;
	}
	return 0;
}

int fsync(int fd)
{
	return 0;
}

int ftruncate(int fd, off_t size)
{
	if (call_fails(&cutting.in, cutting.error, &cutting.times))
		return -1;
	return (int)syscall(SYS_ftruncate, fd, size);
}

int close(int fd)
{
	if (fd >= 0 && fd < FDS)
		failed_sync[fd] = false;
	return (int)syscall(SYS_close, fd);
}

int fstatvfs(int fd, struct statvfs *ret)
{
	assert_true(fd >= 0);
	*ret = (struct statvfs){.f_frsize = 1,
				.f_blocks = 100 * MIB,
				.f_bavail = free_bytes ? free_bytes : 100 * MIB};
	return 0;
}

/* ---- the spool ----------------------------------------------------------------------------- */

static struct spools s;

static int set_up(void **state)
{
	spools_init(&s, "faults");
	s.env.sync = SPOOL_SYNC_INTERVAL;
	s.env.max_bytes = 300 * KIB;
	return 0;
}

static void all_is_well(void)
{
	memset(&writing, 0, sizeof(writing));
	memset(&reading, 0, sizeof(reading));
	memset(&syncing, 0, sizeof(syncing));
	memset(&cutting, 0, sizeof(cutting));
	free_bytes = 0;
}

static int tear_down(void **state)
{
	all_is_well();
	spools_free(&s);
	spools_wipe(&s);
	return 0;
}

static uint64_t seq_of(unsigned i)
{
	return 1 + (uint64_t)i * SPOOLS_RECORDS;
}

/* Puts all chunks; those that are refused stay out: a bit for each that is in. */
static uint32_t put_all(int want_error)
{
	uint32_t in = 0;

	for (unsigned i = 0; i < CHUNKS; i++) {
		int r = spools_put(&s, seq_of(i), BYTES);

		assert_true(r == 0 || r == want_error);
		in |= r == 0 ? 1u << i : 0;
		spool_disk.tick(s.ctx);
	}
	return in;
}

/* These come out, and nothing else. */
static void expect_chunks(uint32_t in, bool again)
{
	spools_expect_opening(&s);
	for (unsigned i = 0; i < CHUNKS; i++)
		if (in & 1u << i)
			spools_expect(&s, seq_of(i), BYTES, again);
	assert_int_equal(spool_disk.next_size(s.ctx), 0);
	assert_int_equal(spools_stats(&s).events, SPOOLS_RECORDS * __builtin_popcount(in));
}

static void expect_chunks_now_and_later(uint32_t in)
{
	expect_chunks(in, false);
	spools_close(&s);
	all_is_well();
	assert_int_equal(spools_open(&s), 0);
	assert_string_equal(s.note, "");
	assert_int_equal(spools_stats(&s).torn, 0);
	expect_chunks(in, true);
	assert_int_equal(s.lost_calls, 0);
}

static const uint32_t all = (1u << CHUNKS) - 1;

/* ---- writing ------------------------------------------------------------------------------- */

static void short_and_interrupted_writes(void **state)
{
	writing.short_n = 700;
	writing.in = 1;
	writing.error = EINTR;
	writing.times = 5;
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(put_all(0), all);
	reading.short_n = 300;
	expect_chunks_now_and_later(all);
}

/* Wherever it is: what was refused is not there, and everything else is. */
static void writes_that_fail(void **state)
{
	static const int errors[] = {ENOSPC, EDQUOT, EFBIG, EIO};

	for (unsigned e = 0; e < 4; e++)
		for (int in = 1; in <= CHUNKS; in++) {
			writing.error = errors[e];
			writing.in = in;
			writing.times = 1;
			assert_int_equal(spools_open(&s), 0);
			assert_int_equal(put_all(e < 3 ? -ENOSPC : -EIO), all & ~(3u << (in - 1)));
			expect_chunks_now_and_later(all & ~(3u << (in - 1)));
			spools_close(&s);
			spools_wipe(&s);
		}
	assert_int_equal(spools_open(&s), 0);
}

/* Even where the half cannot be cut off. */
static void cuts_that_fail(void **state)
{
	writing.error = ENOSPC;
	writing.in = 4;
	cutting.error = EIO;
	cutting.in = 1;
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(put_all(-ENOSPC), all & ~8u);
	assert_int_equal(spools_files(&s, ".seg", NULL), 3);
	expect_chunks(all & ~8u, false);
	spools_close(&s);
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_stats(&s).torn, 1);
	expect_chunks(all & ~8u, true);
}

/* The disk has no room for a while, as others fill it. */
static void little_space_left(void **state)
{
	s.env.max_bytes = 1000 * MIB;
	assert_int_equal(spools_open(&s), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(spools_put(&s, seq_of(i), MIB), 0);
	free_bytes = 6 * MIB + 1000; /* 5 are for others */
	assert_int_equal(spools_put(&s, seq_of(8), MIB), 0);
	free_bytes = 5 * MIB;
	assert_int_equal(spools_put(&s, seq_of(9), MIB), -ENOSPC);
	assert_int_equal(spools_put(&s, seq_of(9), 10), -ENOSPC);
	free_bytes = 7 * MIB;
	assert_int_equal(spools_put(&s, seq_of(9), MIB), 0);
	assert_int_equal(s.lost_calls, 0);
	assert_int_equal(spools_stats(&s).events, 10 * SPOOLS_RECORDS);
}

/* The oldest goes to make room, but not all of it for others. */
static void little_space_and_segments_to_give(void **state)
{
	unsigned i = 0;

	s.env.max_bytes = 80 * MIB;
	assert_int_equal(spools_open(&s), 0);
	while (spools_files(&s, ".seg", NULL) < 3)
		assert_int_equal(spools_put(&s, seq_of(i++), 4 * MIB), 0);
	free_bytes = 5 * MIB;
	assert_int_equal(spools_put(&s, seq_of(i), 4 * MIB), -ENOSPC);
	assert_int_equal(spools_put(&s, seq_of(i), 4 * MIB), -ENOSPC);
	assert_int_equal(spools_files(&s, ".seg", NULL), 2);
	assert_int_equal(s.lost_calls, 1);
	assert_int_equal(s.lost.first_seq, 1);
	free_bytes = 90 * MIB;
	assert_int_equal(spools_put(&s, seq_of(i++), 4 * MIB), 0);
	assert_int_equal(spools_stats(&s).events + s.lost.count, i * SPOOLS_RECORDS);
}

static void syncs_that_fail(void **state)
{
	for (int in = 1; in < CHUNKS; in++) {
		s.env.sync = SPOOL_SYNC_BATCH;
		assert_int_equal(spools_open(&s), 0);
		syncing.error = EIO;
		syncing.in = in;
		assert_int_equal(put_all(0), all); /* it is there, for all that we know */
		assert_int_equal(spools_stats(&s).sync_failed, 1);
		assert_int_equal(spools_files(&s, ".seg", NULL), in < 6 || in > 14 ? 3 : 2);
		expect_chunks_now_and_later(all);
		spools_close(&s);
		spools_wipe(&s);
	}
	assert_int_equal(spools_open(&s), 0);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* What cannot be read is lost, told, and passed over. */
static void reads_that_fail(void **state)
{
	for (int in = 1; in < 2 * CHUNKS; in++) {
		uint64_t seq, events = 0;
		size_t n;
		int r;

		s.lost = (struct loss){0};
		assert_int_equal(spools_open(&s), 0);
		assert_int_equal(put_all(0), all);
		reading.error = EIO;
		reading.in = in;
		while ((r = spools_take(&s, &seq, &n)) != 0) {
			if (r < 0)
				continue;
			assert_true(!n || seq == events + s.lost.count + 1);
			events += n ? SPOOLS_RECORDS : 0;
			spools_done(&s);
		}
		assert_true(s.lost.count > 0);
		assert_int_equal(events + s.lost.count, CHUNKS * SPOOLS_RECORDS);
		spools_expect_nothing(&s);
		spools_close(&s);
		all_is_well();
		assert_int_equal(spools_files(&s, ".seg", NULL), 0);
	}
	assert_int_equal(spools_open(&s), 0);
}

/* At the start it may be better later: nothing is cut off then. */
static void recovery_that_cannot_read(void **state)
{
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(put_all(0), all);
	spools_close(&s);
	for (int in = 1; in < 8; in++) {
		reading.error = EIO;
		reading.in = in;
		reading.times = 100;
		if (spools_open(&s) == 0) {
			assert_string_not_equal(s.note, "");
			spools_close(&s);
		}
		all_is_well();
		assert_int_equal(spools_files(&s, ".bad", NULL), 0);
	}
	assert_int_equal(spools_open(&s), 0);
	expect_chunks(all, true);
}

/* ---- a disk that is really full ------------------------------------------------------------ */

static void fill_tmpfs(void)
{
	unsigned i, other;
	int r = 0;

	spools_wipe(&s);
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mkdir(s.folder, 0700) < 0 ||
	    mount("none", s.folder, "tmpfs", 0, "size=4m,mode=700") < 0)
		_exit(77);
	s.env.max_bytes = 1000 * MIB;
	assert_int_equal(spools_open(&s), 0);
	for (i = 0; r == 0; i++)
		r = spools_put(&s, seq_of(i), 100 * KIB);
	assert_int_equal(r, -ENOSPC);
	assert_true(i > 35 && i < 42);
	assert_int_equal(spools_put(&s, seq_of(i - 1), 100 * KIB), -ENOSPC);
	assert_int_equal(s.lost_calls, 0);
	spools_expect_opening(&s);
	for (unsigned out = 0; out < i - 1; out++) {
		spools_expect(&s, seq_of(out), 100 * KIB, false);
		spools_done(&s);
	}
	spools_done(&s);
	spools_expect_nothing(&s);
	for (other = 0; other < 10; other++) {
		r = spools_put(&s, seq_of(i + other), 100 * KIB);
		assert_int_equal(r, 0); /* what is done makes room */
		spools_expect(&s, seq_of(i + other), 100 * KIB, false);
		spools_done(&s);
	}
	spools_close(&s);
	assert_int_equal(spools_files(&s, ".seg", NULL), 0);
	_exit(0);
}

static void a_full_disk(void **state)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		fill_tmpfs();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(spools_open(&s), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(short_and_interrupted_writes),
		TEST(writes_that_fail),
		TEST(cuts_that_fail),
		TEST(little_space_left),
		TEST(little_space_and_segments_to_give),
		TEST(syncs_that_fail),
		TEST(reads_that_fail),
		TEST(recovery_that_cannot_read),
		TEST(a_full_disk),
	};

	temp_folder();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
