/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A failure of power under a spool. Everything that is written is followed in a model of the disk,
 * which knows what was brought to it: from what a file system may have of that at any time, what
 * was put and is not done comes out again.
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
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/spools.h"
#include "tests/support/temp.h"

enum {
	KIB = 1024,
	MIB = 1024 * KIB,
	FDS = 1024,
	FILES = 256,
	NAMES = 16,
	CHUNKS = 14,
	BYTES = 20000 /* so that three are a segment */
};

/* ---- the disk ------------------------------------------------------------------------------ */

struct disk_file {
	uint8_t *p;
	size_t n, synced; /* so much of it is on the disk */
};

struct disk_folder {
	struct {
		char name[NAME_MAX + 1]; /* "" = unused */
		unsigned file;
	} entries[NAMES];
};

static struct disk_file files[FILES];
static unsigned files_n, file_of_fd[FDS]; /* 0 = none of them */
static struct disk_folder now, synced;    /* and what of it is on the disk */
static bool watching = true;
static bool unsynced[FDS]; /* something was written there */
static unsigned syncs;
static unsigned time_ms, time_step_ms; /* for each look at the clock */

static unsigned *folder_find(struct disk_folder *f, const char *name, bool make)
{
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < NAMES; i++) {
			if (!strcmp(f->entries[i].name, round ? "" : name)) {
				snprintf(f->entries[i].name, NAME_MAX, "%s", make ? name : "");
				return &f->entries[i].file;
			}
			if (round && !make)
				return NULL;
		}
	fail_msg("too many files");
	return NULL;
}

static void file_write(int fd, const void *p, size_t n, size_t offset)
{
	struct disk_file *f = &files[file_of_fd[fd]];

	unsynced[fd] = true;
	if (!watching || !file_of_fd[fd] || !n)
		return;
	if (offset + n > f->n) {
		f->p = realloc(f->p, offset + n);
		assert_non_null(f->p);
		f->n = offset + n;
	}
	memcpy(f->p + offset, p, n);
}

int openat(int folder, const char *name, int flags, ...)
{
	va_list args;
	mode_t mode = 0;
	int fd;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	fd = (int)syscall(SYS_openat, folder, name, flags, mode);
	if (fd < 0)
		return fd;
	file_of_fd[fd] = 0;
	unsynced[fd] = false;
	if (watching && flags & O_CREAT && strcmp(name, "lock") != 0) {
		assert_true(++files_n < FILES);
		*folder_find(&now, name, true) = files_n;
		file_of_fd[fd] = files_n;
	}
	return fd;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	unsigned file;

	if (watching) {
		file = *folder_find(&now, from, false);
		assert_int_equal(files[file].synced, files[file].n); /* or it could be empty */
		*folder_find(&now, to, true) = file;
	}
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

int unlinkat(int folder, const char *name, int flags)
{
	if (watching)
		folder_find(&now, name, false);
	return (int)syscall(SYS_unlinkat, folder, name, flags);
}

ssize_t write(int fd, const void *p, size_t n)
{
	if (fd > 2)
		file_write(fd, p, n, 0); /* only small files, at once */
	return syscall(SYS_write, fd, p, n);
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	size_t at = (size_t)offset;

	for (int i = 0; i < n; i++) {
		file_write(fd, iov[i].iov_base, iov[i].iov_len, at);
		at += iov[i].iov_len;
	}
	return syscall(SYS_pwritev, fd, iov, n, offset, 0);
}

int fdatasync(int fd)
{
	unsynced[fd] = false;
	syncs++;
	if (watching)
		files[file_of_fd[fd]].synced = files[file_of_fd[fd]].n;
	return 0;
}

int fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	if (watching && S_ISDIR(st.st_mode))
		synced = now;
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	time_ms += time_step_ms;
	*ret = (struct timespec){.tv_sec = 1000 + time_ms / 1000,
				 .tv_nsec = time_ms % 1000 * 1000000L};
	return 0;
}

static void disk_forget(void)
{
	for (unsigned i = 0; i <= files_n; i++)
		free(files[i].p);
	memset(files, 0, sizeof(files));
	memset(file_of_fd, 0, sizeof(file_of_fd));
	memset(unsynced, 0, sizeof(unsynced));
	memset(&now, 0, sizeof(now));
	memset(&synced, 0, sizeof(synced));
	files_n = syncs = 0;
	watching = true;
	time_step_ms = 0;
}

/* ---- the spool, and another one in what is left ---------------------------------------------- */

static struct spools s, after;

static int set_up(void **state)
{
	disk_forget();
	spools_init(&s, "power");
	spools_init(&after, "after");
	s.env.sync = SPOOL_SYNC_INTERVAL;
	return 0;
}

static int tear_down(void **state)
{
	spools_free(&s);
	spools_free(&after);
	spools_wipe(&s);
	spools_wipe(&after);
	disk_forget();
	return 0;
}

static uint64_t seq_of(unsigned i)
{
	return 1 + (uint64_t)i * SPOOLS_RECORDS;
}

/* Chunks from..behind come out of what there is, in their order. */
static void after_expect(unsigned done, unsigned put)
{
	unsigned next = UINT32_MAX;
	uint64_t seq;
	size_t n;
	int r;

	after.lost_calls = 0;
	assert_int_equal(spools_open(&after), 0);
	assert_string_equal(after.note, "");
	while ((r = spools_take(&after, &seq, &n)) == 1) {
		if (n && next == UINT32_MAX) {
			next = (unsigned)(seq - 1) / SPOOLS_RECORDS;
			assert_true(next <= done);
		}
		if (n)
			assert_int_equal(seq, seq_of(next++));
		spools_done(&after);
	}
	assert_int_equal(r, 0);
	if (s.env.sync == SPOOL_SYNC_BATCH)
		assert_int_equal(next == UINT32_MAX ? done : next, put);
	spools_close(&after);
}

/* What there may be of it: the names that it had or has, and of what is in them what was synced, or
 * all. */
static void power_fails(unsigned done, unsigned put)
{
	watching = false;
	for (unsigned variant = 0; variant < 4; variant++) {
		const struct disk_folder *f = variant & 1 ? &now : &synced;
		char path[PATH_MAX], name[NAME_MAX + 16];

		spools_wipe(&after);
		assert_int_equal(mkdir(after.folder, 0700), 0);
		for (unsigned i = 0; i < NAMES; i++) {
			const struct disk_file *file = &files[f->entries[i].file];
			size_t n = variant & 2 ? file->n : file->synced;
			int fd;

			if (!f->entries[i].name[0])
				continue;
			snprintf(name, sizeof(name), "after/%s", f->entries[i].name);
			temp_path(path, name);
			fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
			assert_true(fd >= 0);
			assert_int_equal(write(fd, file->p, n), n);
			close(fd);
		}
		after_expect(done, put);
	}
	watching = true;
}

/* After each step. */
static void at_any_time(void **state)
{
	unsigned done = 0, put = 0;

	for (unsigned round = 0; round < 3; round++) {
		disk_forget();
		s.env.sync = round < 2 ? SPOOL_SYNC_INTERVAL : SPOOL_SYNC_BATCH;
		time_step_ms = round ? 250 : 40; /* so that cursors are written */
		s.env.max_bytes = 290000;        /* of which a segment is a fourth part */
		assert_int_equal(spools_open(&s), 0);
		for (done = put = 0; put < CHUNKS;) {
			uint64_t seq;
			size_t n;

			if (put % 5 != 4 || done + 2 >= put) {
				assert_int_equal(spools_put(&s, seq_of(put), BYTES), 0);
				put++;
			}
			power_fails(done, put);
			if (put % 5 == 4 && spools_take(&s, &seq, &n) == 1) {
				spools_done(&s);
				done += n > 0;
			}
			power_fails(done, put);
			spool_disk.tick(s.ctx);
			power_fails(done, put);
		}
		assert_true(done > 5);
		assert_int_equal(spools_files(&s, "cursor", NULL), 1);
		assert_int_equal(s.lost_calls, 0);
		spools_close(&s);
		power_fails(done, put);
		spools_wipe(&s);
	}
	s.env.sync = SPOOL_SYNC_INTERVAL;
	assert_int_equal(spools_open(&s), 0);
}

/* ---- what is brought to the disk, and what is there of one that was not whole ---------------- */

static bool is_anything_unsynced(void)
{
	for (unsigned fd = 0; fd < FDS; fd++)
		if (unsynced[fd])
			return true;
	return false;
}

/* What is done is not worth it. */
static void each_mebibyte_is_on_the_disk(void **state)
{
	unsigned n = 0, before;

	s.env.max_bytes = 64 * MIB;
	assert_int_equal(spools_open(&s), 0);
	while (!n || is_anything_unsynced())
		assert_int_equal(spools_put(&s, seq_of(n++), 100 * KIB), 0);
	assert_int_equal(n, 11);
	assert_int_equal(spools_put(&s, seq_of(n++), 100 * KIB), 0);
	assert_true(is_anything_unsynced());
	spools_expect_opening(&s);
	spools_done(&s);
	for (unsigned i = 0; i < n; i++) {
		spools_expect(&s, seq_of(i), 100 * KIB, false);
		spools_done(&s);
	}
	before = syncs;
	while (n < 30) {
		assert_int_equal(spools_put(&s, seq_of(n), 100 * KIB), 0);
		spools_expect(&s, seq_of(n++), 100 * KIB, false);
		spools_done(&s);
	}
	assert_int_equal(syncs, before);
	assert_int_equal(spools_put(&s, seq_of(n), 100 * KIB), 0);
	spools_close(&s); /* it is when it has to be */
	assert_false(is_anything_unsynced());
	assert_int_equal(spools_open(&s), 0);
}

/* Whatever there is when a run ends, and what one that was killed has left. */
static void all_is_on_the_disk_between_runs(void **state)
{
	unsigned before;

	s.env.sync = SPOOL_SYNC_NONE;
	s.env.max_bytes = 290000;
	assert_int_equal(spools_open(&s), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(spools_put(&s, seq_of(i), BYTES), 0);
	assert_int_equal(syncs, 0);
	spools_close(&s);
	assert_int_equal(spools_files(&s, ".seg", NULL), 2);
	assert_int_equal(syncs, 2);
	s.env.sync = SPOOL_SYNC_BATCH;
	before = syncs;
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(syncs, before + 2);
}

/* After a second, or so much; but not for each chunk. */
static void the_cursor_is_written_now_and_then(void **state)
{
	s.env.max_bytes = 64 * MIB;
	assert_int_equal(spools_open(&s), 0);
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(spools_put(&s, seq_of(i), MIB), 0);
	spools_expect_opening(&s);
	spools_done(&s);
	for (unsigned i = 0; i < 12; i++)
		spools_expect(&s, seq_of(i), MIB, false);
	for (unsigned i = 0; i < 5; i++)
		spools_done(&s);
	time_ms += 99;
	spool_disk.tick(s.ctx);
	assert_int_equal(spools_files(&s, "cursor", NULL), 0);
	time_ms += 1;
	spool_disk.tick(s.ctx);
	assert_int_equal(spools_files(&s, "cursor", NULL), 1);
	power_fails(5, 12);
	assert_non_null(folder_find(&synced, "cursor", false));
	unlinkat(AT_FDCWD, temp_name("power/cursor"), 0);
	for (unsigned i = 0; i < 3; i++)
		spools_done(&s);
	time_ms += 999;
	spool_disk.tick(s.ctx);
	assert_int_equal(spools_files(&s, "cursor", NULL), 0);
	time_ms += 1;
	spool_disk.tick(s.ctx);
	assert_int_equal(spools_files(&s, "cursor", NULL), 1);
	time_ms += 5000;
	spool_disk.tick(s.ctx); /* nothing has changed */
	unlinkat(AT_FDCWD, temp_name("power/cursor"), 0);
	spool_disk.tick(s.ctx);
	assert_int_equal(spools_files(&s, "cursor", NULL), 0);
}

static size_t read_file(const char *path, uint8_t *p, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, p, size);

	assert_true(fd >= 0 && n > 0 && (size_t)n < size);
	close(fd);
	return (size_t)n;
}

static void write_file(const char *path, const uint8_t *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

/* Everything up to `synced` is on the disk; behind it is nothing, zeroes, or what was there once.
 */
static void power_fails_at(const char *path, const uint8_t *image, size_t n, size_t kept)
{
	static uint8_t damaged[4 * KIB];

	for (unsigned tail = 0; tail < 3; tail++) {
		memcpy(damaged, image, kept);
		if (tail)
			memset(damaged + kept, tail == 1 ? 0 : 0x5a, n - kept);
		write_file(path, damaged, tail ? n : kept);
		s.earlier = (struct loss){0};
		assert_int_equal(spools_open(&s), 0);
		assert_string_equal(s.note, "");
		spools_expect_opening(&s);
		spools_expect(&s, 1, 300, true);
		spools_expect(&s, 4, 300, true);
		if (kept == n)
			spools_expect(&s, 7, 300, true);
		while (spool_disk.next_size(s.ctx))
			assert_int_equal(spool_disk.next(s.ctx, s.out), -EBADMSG);
		assert_true(!s.earlier.count || s.earlier.first_seq == 7);
		spools_close(&s);
	}
}

/* Two chunks are on the disk, the third was just being put. */
static void power_fails_while_one_is_put(void **state)
{
	static uint8_t image[4 * KIB];
	char path[PATH_MAX];
	size_t two, three;

	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_put(&s, 1, 300), 0);
	assert_int_equal(spools_put(&s, 4, 300), 0);
	spools_files(&s, ".seg", path);
	two = read_file(path, image, sizeof(image));
	assert_int_equal(spools_put(&s, 7, 300), 0);
	three = read_file(path, image, sizeof(image));
	spools_close(&s);
	for (size_t kept = two; kept <= three; kept++)
		power_fails_at(path, image, three, kept);
	assert_int_equal(spools_open(&s), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(at_any_time),
		TEST(each_mebibyte_is_on_the_disk),
		TEST(all_is_on_the_disk_between_runs),
		TEST(the_cursor_is_written_now_and_then),
		TEST(power_fails_while_one_is_put),
	};

	temp_folder();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
