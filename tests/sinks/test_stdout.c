/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/sink.h"

extern const struct sink_ops sink_stdout;

static const struct sink_env env = {.target = "-", .uid = (uid_t)-1, .gid = (gid_t)-1};

/* Each test puts something else in the place of fd 1; cmocka's own lines are written between. */
struct stage {
	int saved;
	_Alignas(max_align_t) char ctx[64];
	struct err err;
};

static void stage_enter(struct stage *s, int fd)
{
	memset(s, 0, sizeof(*s));
	fflush(stdout);
	s->saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	if (fd >= 0)
		dup2(fd, STDOUT_FILENO);
	else
		close(STDOUT_FILENO);
}

static void stage_leave(struct stage *s)
{
	dup2(s->saved, STDOUT_FILENO);
	close(s->saved);
}

static int put(struct stage *s, const void *p, size_t n, size_t *done)
{
	const struct parcel parcel = {.p = p, .n = n, .number = 1};

	*done = 0;
	return sink_stdout.write(s->ctx, &parcel, done);
}

static void a_pipe_is_left_blocking_and_never_blocks(void **state)
{
	static char big[200000];
	struct stage s;
	struct sink_wait wait = {.fd = -1};
	size_t done = 0, gone_done = 0;
	int p[2], opened, r, flags, gone, size;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	size = fcntl(p[1], F_GETPIPE_SZ);
	stage_enter(&s, p[1]);
	close(p[1]);
	opened = sink_stdout.open(s.ctx, NULL, &env, &s.err);
	r = put(&s, big, sizeof(big), &done); /* nobody reads: more than the pipe holds */
	sink_stdout.wait(s.ctx, true, &wait);
	flags = fcntl(STDOUT_FILENO, F_GETFL);
	close(p[0]);
	gone = put(&s, big, sizeof(big), &gone_done);
	sink_stdout.close(s.ctx);
	stage_leave(&s);

	assert_int_equal(opened, 0);
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(done, size);
	assert_false(flags & O_NONBLOCK);
	assert_int_equal(wait.fd, STDOUT_FILENO);
	assert_int_equal(wait.events, POLLOUT);
	assert_int_equal(gone, -EPIPE);
}

/* O_APPEND as after `>>`: what was there before must survive the cutting back. */
static void a_full_file_keeps_what_was_whole(void **state)
{
	const struct rlimit limit = {16, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
	char path[] = "/tmp/penstock-stdout-XXXXXX", got[32] = "";
	struct stage s;
	size_t done = 0;
	int fd = mkostemp(path, O_APPEND | O_CLOEXEC), first, second, third;

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, "before ", 7), 7);
	stage_enter(&s, fd);
	(void)lseek(fd, 0, SEEK_SET);
	assert_int_equal(sink_stdout.open(s.ctx, NULL, &env, &s.err), 0);
	setrlimit(RLIMIT_FSIZE, &limit);
	first = put(&s, "12345", 5, &done);
	second = put(&s, "abcdefgh", 8, &done);
	setrlimit(RLIMIT_FSIZE, &none);
	third = put(&s, "x", 1, &done);
	sink_stdout.close(s.ctx);
	stage_leave(&s);

	assert_int_equal(first, 0);
	assert_int_equal(second, -EFBIG);
	assert_int_equal(third, 0);
	assert_int_equal(pread(fd, got, sizeof(got), 0), 13);
	assert_memory_equal(got, "before 12345x", 13);
	close(fd);
}

static void a_closed_or_unwritable_stdout_is_refused(void **state)
{
	struct stage s;
	int fd, r;

	stage_enter(&s, -1);
	r = sink_stdout.open(s.ctx, NULL, &env, &s.err);
	stage_leave(&s);
	assert_int_equal(r, -EBADF);
	assert_string_equal(s.err.text, "standard output is closed");

	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	stage_enter(&s, fd);
	r = sink_stdout.open(s.ctx, NULL, &env, &s.err);
	stage_leave(&s);
	assert_int_equal(r, -EBADF);
	close(fd);
}

static int set_up(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return sink_stdout.ctx_size <= sizeof(((struct stage *)0)->ctx) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_is_left_blocking_and_never_blocks),
		cmocka_unit_test(a_full_file_keeps_what_was_whole),
		cmocka_unit_test(a_closed_or_unwritable_stdout_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
