/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A writer is killed at each of its calls that change something, one after the other, and so is the
 * one that goes on with what it left: nothing that was put and is not done is missing afterwards,
 * everything is in its order, and what was done comes again only since the last cursor.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/spools.h"
#include "tests/support/temp.h"

enum {
	KILLED = 99,
	CHUNKS = 12,
	BYTES = 20000, /* so that three are a segment */
	STEPS = 300    /* more than a child makes */
};

static struct shared {
	unsigned put, done, cursor; /* chunks that were; and that were done at the last cursor */
} * shared;

/* ---- calls that count ---------------------------------------------------------------------- */

static int steps_left;    /* until the child dies; 0 = it does not */
static unsigned position; /* chunks that are done as far as this process has come */

static void one_step(void)
{
	if (steps_left && !--steps_left)
		_exit(KILLED);
}

int openat(int folder, const char *name, int flags, ...)
{
	va_list args;
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
		one_step();
	}
	return (int)syscall(SYS_openat, folder, name, flags, mode);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	int r;

	one_step();
	r = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
	if (position > shared->cursor)
		shared->cursor = position;
	return r;
}

int unlinkat(int folder, const char *name, int flags)
{
	one_step();
	return (int)syscall(SYS_unlinkat, folder, name, flags);
}

int mkdir(const char *path, mode_t mode)
{
	one_step();
	return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int ftruncate(int fd, off_t size)
{
	one_step();
	return (int)syscall(SYS_ftruncate, fd, size);
}

/* Half of what is written can be there when a writer is killed. */
ssize_t write(int fd, const void *p, size_t n)
{
	if (steps_left == 1 && n > 1)
		syscall(SYS_write, fd, p, n / 2);
	one_step();
	return syscall(SYS_write, fd, p, n);
}

/* Or a part that ends where one of its pieces does, or in the midst of the last. */
ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	static unsigned turn;

	if (steps_left == 1) {
		int pieces = (int)(shared->put + turn++) % (n + 1);
		ssize_t r = syscall(SYS_pwritev, fd, iov, pieces, offset, 0);

		if (pieces < n && r >= 0)
			syscall(SYS_pwrite64, fd, iov[pieces].iov_base, iov[pieces].iov_len / 2,
				offset + r);
	}
	one_step();
	return syscall(SYS_pwritev, fd, iov, n, offset, 0);
}

int fdatasync(int fd)
{
	one_step();
	return 0;
}

int fsync(int fd)
{
	one_step();
	return 0;
}

/* Time flies, so that cursors are written. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static unsigned calls;

	calls++;
	*ret = (struct timespec){.tv_sec = 1000 + calls / 3};
	return 0;
}

/* ---- a writer and its child ---------------------------------------------------------------- */

static struct spools s;

static uint64_t seq_of(unsigned i)
{
	return 1 + (uint64_t)i * SPOOLS_RECORDS;
}

/* Takes chunks out and says that they are done, so many behind those that were done; all of them
 * are the right ones. */
static void drain(unsigned n)
{
	unsigned next = shared->done;
	uint64_t seq;
	size_t len;

	while (n && spools_take(&s, &seq, &len) == 1) {
		if (!len) {
			spools_done(&s);
			continue;
		}
		if (seq > seq_of(next))
			_exit(5);
		position = (unsigned)(seq - 1) / SPOOLS_RECORDS + 1;
		spools_done(&s);
		if (seq == seq_of(next)) {
			shared->done = ++next;
			n--;
		}
	}
}

static void write_chunks(void)
{
	if (spools_open(&s) < 0)
		_exit(1);
	for (unsigned i = 0; i < CHUNKS; i++) {
		if (spools_put(&s, seq_of(i), BYTES) < 0)
			_exit(2);
		shared->put++;
		if (i % 3 == 2)
			drain(2);
		spool_disk.tick(s.ctx);
	}
	spools_close(&s);
	_exit(s.lost_calls ? 3 : 0);
}

static void go_on(void)
{
	if (spools_open(&s) < 0)
		_exit(1);
	drain(3);
	spools_close(&s);
	_exit(s.lost.count ? 3 : 0);
}

/* True when it was killed. */
static bool run_child(void (*run)(void), int steps)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		steps_left = steps;
		s.lost_calls = 0;
		run();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != KILLED)
		assert_int_equal(WEXITSTATUS(status), 0);
	return WEXITSTATUS(status) == KILLED;
}

/* ---- what is there afterwards -------------------------------------------------------------- */

static void expect_all(void)
{
	unsigned from = UINT32_MAX, next = 0;
	uint64_t seq;
	size_t len;
	int r;

	s.lost = s.earlier = (struct loss){0};
	assert_int_equal(spools_open(&s), 0);
	assert_string_equal(s.note, "");
	assert_int_equal(spools_files(&s, ".tmp", NULL), 0);
	while ((r = spools_take(&s, &seq, &len)) == 1) {
		if (len && from == UINT32_MAX)
			from = next = (unsigned)(seq - 1) / SPOOLS_RECORDS;
		if (len)
			assert_int_equal(seq, seq_of(next++));
		assert_true(s.out->again);
		spools_done(&s);
	}
	assert_int_equal(r, 0);
	if (from == UINT32_MAX)
		from = next = shared->put;
	assert_true(from >= shared->cursor);
	assert_true(from <= shared->done + 1); /* one can be done and not be counted here */
	assert_true(next == shared->put || next == shared->put + 1);
	/* What was not put is no loss, unless its head is there. */
	assert_int_equal(s.lost.count, 0);
	assert_true(!s.earlier.count || s.earlier.first_seq == seq_of(shared->put));
	spools_expect_nothing(&s);
	spools_close(&s);
	assert_int_equal(spools_files(&s, ".seg", NULL) + spools_files(&s, ".bad", NULL), 0);
}

static void wipe(void)
{
	spools_wipe(&s);
	*shared = (struct shared){0};
}

static void a_killed_writer_loses_nothing(void **state)
{
	static const enum spool_sync syncs[] = {SPOOL_SYNC_INTERVAL, SPOOL_SYNC_BATCH};

	for (unsigned i = 0; i < 2; i++) {
		bool killed = true;
		int n;

		s.env.sync = syncs[i];
		for (n = 1; n < STEPS && killed; n++) {
			wipe();
			killed = run_child(write_chunks, n);
			expect_all();
		}
		assert_true(n > 40 && !killed);
	}
	assert_true(shared->cursor > 0); /* there were some */
}

/* Where the writer was killed with something left, and wherever the next one is then. */
static void who_goes_on_can_be_killed_too(void **state)
{
	bool written = false;

	s.env.sync = SPOOL_SYNC_INTERVAL;
	for (int n = 3; n < STEPS && !written; n += 5) {
		bool killed = true;
		int m;

		for (m = 1; m < STEPS && killed; m++) {
			wipe();
			written = !run_child(write_chunks, n);
			killed = run_child(go_on, m);
			expect_all();
		}
		assert_false(killed);
	}
	assert_true(written);
}

static int set_up(void **state)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	assert_true(shared != MAP_FAILED);
	spools_init(&s, "kill");
	s.env.max_bytes = 280000; /* of which a segment is a fourth part */
	return 0;
}

static int tear_down(void **state)
{
	spools_free(&s);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_writer_loses_nothing),
		cmocka_unit_test(who_goes_on_can_be_killed_too),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
