/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/sink.h"
#include "tests/support/temp.h"

extern const struct sink_ops sink_file;

enum {
	CTX_MAX = 16384,
	NOBODY = 65534
};

struct sink {
	_Alignas(max_align_t) char ctx[CTX_MAX], cfg[CTX_MAX];
	char path[PATH_MAX];
	struct sink_env env;
	uint64_t number, done; /* of the last parcel, and of the last that is done */
	struct err err;
};

static void note_done(void *arg, uint64_t number)
{
	struct sink *s = arg;

	assert_true(number >= s->done && number <= s->number);
	s->done = number;
}

static const char *in_dir(struct sink *s, const char *name)
{
	snprintf(s->path, sizeof(s->path), "%s", temp_name(name));
	return s->path;
}

static int open_as(struct sink *s, const char *name, uid_t uid)
{
	s->env = (struct sink_env){.target = in_dir(s, name),
				   .uid = uid,
				   .gid = (gid_t)uid,
				   .done = note_done,
				   .done_arg = s};
	memset(s->ctx, 0, sizeof(s->ctx));
	s->number = s->done = 0;
	s->err.text[0] = '\0';
	return sink_file.open(s->ctx, s->cfg, &s->env, &s->err);
}

static int open_sink(struct sink *s, const char *name)
{
	memset(s->cfg, 0, sizeof(s->cfg));
	return open_as(s, name, (uid_t)-1);
}

static int write_text(struct sink *s, const char *text)
{
	const struct parcel parcel = {
		.p = (const uint8_t *)text, .n = strlen(text), .number = ++s->number};
	size_t done = 0;
	int r = sink_file.write(s->ctx, &parcel, &done);

	assert_int_equal(done, r ? 0 : parcel.n);
	return r;
}

static void assert_refused(struct sink *s, const char *name, int code, const char *text)
{
	assert_int_equal(open_sink(s, name), code);
	assert_non_null(strstr(s->err.text, text));
	assert_non_null(strstr(s->err.text, name));
	sink_file.close(s->ctx);
}

static void new_file_is_private_and_whole(void **state)
{
	struct sink s;
	struct stat st;

	assert_int_equal(open_sink(&s, "new"), 0);
	assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), 0);
	assert_int_equal(write_text(&s, "one "), 0);
	assert_int_equal(write_text(&s, "two"), 0);
	assert_int_equal(s.done, 2);
	temp_expect(s.path, "one two"); /* before any sync: a follower sees it */
	assert_int_equal(sink_file.sync(s.ctx), 0);
	assert_int_equal(sink_file.end(s.ctx), 0);
	sink_file.close(s.ctx);
	assert_int_equal(stat(s.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* A run that fails to start destroys nothing; one that starts leaves nothing of the last one. */
static void earlier_file_survives_until_the_medium_begins(void **state)
{
	struct sink s;
	struct stat st;

	temp_write(in_dir(&s, "old"), "what was here before, and longer");
	assert_int_equal(chmod(s.path, 0644), 0);
	assert_int_equal(open_sink(&s, "old"), 0);
	temp_expect(s.path, "what was here before, and longer");
	assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), 0);
	temp_expect(s.path, "");
	assert_int_equal(write_text(&s, "new"), 0);
	assert_int_equal(write_text(&s, "er"), 0);
	sink_file.close(s.ctx);
	temp_expect(s.path, "newer");
	assert_int_equal(stat(s.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* After a failure the medium is begun anew, in a file of its own. */
static void a_second_medium_follows_the_first(void **state)
{
	struct sink s;

	assert_int_equal(open_sink(&s, "again"), 0);
	assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), 0);
	assert_int_equal(write_text(&s, "first "), 0);
	assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), 0);
	assert_int_equal(write_text(&s, "second"), 0);
	sink_file.close(s.ctx);
	temp_expect(s.path, "second");
	temp_expect(temp_name("again-000001"), "first ");
}

static void what_is_no_place_for_output_is_refused(void **state)
{
	struct sink s;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char other[PATH_MAX];

	temp_write(in_dir(&s, "victim"), "precious");
	snprintf(other, sizeof(other), "%s", temp_name("link"));
	assert_int_equal(symlink(s.path, other), 0);
	assert_refused(&s, "link", -ELOOP, "symbolic link");
	temp_expect(in_dir(&s, "victim"), "precious");

	snprintf(other, sizeof(other), "%s", temp_name("dangling"));
	assert_int_equal(symlink("/tmp/penstock-nowhere", other), 0);
	assert_refused(&s, "dangling", -ELOOP, "symbolic link");

	snprintf(other, sizeof(other), "%s", temp_name("second-name"));
	assert_int_equal(link(in_dir(&s, "victim"), other), 0);
	assert_refused(&s, "second-name", -EMLINK, "hard links");
	temp_expect(in_dir(&s, "victim"), "precious");

	assert_int_equal(mkdir(in_dir(&s, "folder"), 0700), 0);
	assert_refused(&s, "folder", -EISDIR, "is a folder");
	assert_refused(&s, "none/x", -ENOENT, "no folder");

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", temp_name("socket"));
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	assert_refused(&s, "socket", -ENODEV, "neither a regular file nor a FIFO");
	assert_refused(&s, "../../../../../../../../dev/null", -ENODEV,
		       "neither a regular file nor a FIFO");
}

static void one_writer_at_a_time(void **state)
{
	struct sink s, second;

	assert_int_equal(open_sink(&s, "busy"), 0);
	assert_int_equal(write_text(&s, "mine"), 0);
	assert_refused(&second, "busy", -EBUSY, "being written by another penstock");
	temp_expect(s.path, "mine");
	sink_file.close(s.ctx);
	assert_int_equal(open_sink(&second, "busy"), 0);
	sink_file.close(second.ctx);
}

static void owners(void **state)
{
	struct sink s;
	struct stat st;

	if (geteuid() != 0)
		skip();
	memset(s.cfg, 0, sizeof(s.cfg));
	assert_int_equal(open_as(&s, "given", NOBODY), 0);
	assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), 0);
	sink_file.close(s.ctx);
	assert_int_equal(stat(s.path, &st), 0);
	assert_int_equal(st.st_uid, NOBODY);
	assert_int_equal(st.st_gid, NOBODY);

	assert_refused(&s, "given", -EEXIST, "belongs to somebody else");
	assert_int_equal(open_as(&s, "given", NOBODY), 0);
	sink_file.close(s.ctx);
}

static void a_strangers_fifo_in_a_public_folder_is_refused(void **state)
{
	struct sink s;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(in_dir(&s, "public"), 0700), 0);
	assert_int_equal(chmod(s.path, 01777), 0);
	assert_int_equal(mkfifo(in_dir(&s, "public/trap"), 0666), 0);
	assert_int_equal(chown(s.path, NOBODY, NOBODY), 0);
	assert_refused(&s, "public/trap", -EEXIST, "somebody else's FIFO");
	assert_int_equal(chmod(in_dir(&s, "public"), 0755), 0);
	assert_int_equal(open_sink(&s, "public/trap"), 0);
	sink_file.close(s.ctx);
}

static void a_full_disk_leaves_whole_writes(void **state)
{
	const struct rlimit limit = {10, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
	struct sink s;

	assert_int_equal(open_sink(&s, "full"), 0);
	assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(write_text(&s, "12345678"), 0);
	assert_int_equal(write_text(&s, "abcdefgh"), -EFBIG); /* two bytes of it went in */
	assert_int_equal(s.done, 1);
	temp_expect(s.path, "12345678");
	assert_int_equal(write_text(&s, "ab"), 0);
	assert_int_equal(write_text(&s, "c"), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(write_text(&s, "cd"), 0);
	sink_file.close(s.ctx);
	temp_expect(s.path, "12345678abcd");
}

/* Each reader is a medium of its own. */
static void a_fifo_waits_for_each_reader(void **state)
{
	struct sink_wait wait = {0};
	struct sink s;
	char got[16] = "";
	int reader;

	assert_int_equal(mkfifo(in_dir(&s, "fifo"), 0644), 0);
	assert_int_equal(open_sink(&s, "fifo"), 0);
	assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), -EAGAIN);
	sink_file.wait(s.ctx, true, &wait);
	assert_int_equal(wait.fd, -1);
	assert_true(wait.timeout_ms > 0 && wait.timeout_ms <= 1000);

	for (int i = 0; i < 2; i++) {
		reader = open(s.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		assert_true(reader >= 0);
		assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), 0);
		assert_int_equal(write_text(&s, "hello"), 0);
		assert_int_equal(s.done, s.number);
		assert_int_equal(sink_file.sync(s.ctx), 0);
		assert_int_equal(read(reader, got, sizeof(got)), 5);
		assert_memory_equal(got, "hello", 5);
		close(reader);
		assert_int_equal(write_text(&s, "lost"), -EPIPE);
		assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), -EAGAIN);
	}
	sink_file.close(s.ctx);
}

/* That a reader has left is known without a write. */
static void a_fifo_sees_its_reader_leave(void **state)
{
	struct sink_wait wait = {0};
	struct pollfd p;
	struct sink s;
	int reader;

	assert_int_equal(mkfifo(in_dir(&s, "left"), 0600), 0);
	assert_int_equal(open_sink(&s, "left"), 0);
	reader = open(s.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), 0);
	sink_file.wait(s.ctx, false, &wait);
	assert_true(wait.fd >= 0);
	assert_int_equal(sink_file.service(s.ctx), 0);
	close(reader);
	p = (struct pollfd){.fd = wait.fd, .events = wait.events};
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(sink_file.service(s.ctx), -EPIPE);
	assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), -EAGAIN);
	sink_file.close(s.ctx);
}

static void a_slow_fifo_keeps_its_progress(void **state)
{
	static uint8_t big[300000], got[sizeof(big)];
	const struct parcel parcel = {.p = big, .n = sizeof(big), .number = 1};
	struct sink s;
	size_t done = 0, before, taken = 0;
	int reader, r;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 31 >> 3);
	assert_int_equal(mkfifo(in_dir(&s, "slow"), 0600), 0);
	reader = open(s.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	assert_int_equal(open_sink(&s, "slow"), 0);
	assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), 0);
	s.number = 1;
	do {
		ssize_t n;

		before = done;
		assert_int_equal(s.done, 0);
		r = sink_file.write(s.ctx, &parcel, &done);
		assert_true(r == 0 || (r == -EAGAIN && done > before));
		while ((n = read(reader, got + taken, sizeof(got) - taken)) > 0)
			taken += (size_t)n;
	} while (r == -EAGAIN);
	assert_int_equal(s.done, 1);
	assert_int_equal(taken, sizeof(big));
	assert_memory_equal(got, big, sizeof(big));
	close(reader);
	sink_file.close(s.ctx);
}

/* What the disk has not confirmed is not done. */
static void sync_data_is_an_option(void **state)
{
	const struct opt *row = opt_find(sink_file.options, "sync");
	const struct parcel end = {.p = (const uint8_t *)"end", .n = 3};
	struct sink s = {0};
	size_t done = 0;

	assert_non_null(row);
	assert_int_equal(opt_set(row, s.cfg, "sometimes", "sync", &s.err), -EINVAL);
	assert_int_equal(opt_set(row, s.cfg, "data", "sync", &s.err), 0);
	assert_int_equal(open_as(&s, "durable", (uid_t)-1), 0);
	assert_int_equal(sink_file.begin(s.ctx, &(struct sink_medium){0}), 0);
	assert_int_equal(write_text(&s, "x"), 0);
	assert_int_equal(s.done, 0);
	/* the last bytes of an archive, which nobody counts, do not make it less */
	assert_int_equal(sink_file.write(s.ctx, &end, &done), 0);
	assert_int_equal(sink_file.sync(s.ctx), 0);
	assert_int_equal(s.done, 1);
	sink_file.close(s.ctx);
}

static int set_up(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	assert_true(sink_file.ctx_size <= CTX_MAX && sink_file.cfg_size <= CTX_MAX);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_file_is_private_and_whole),
		cmocka_unit_test(earlier_file_survives_until_the_medium_begins),
		cmocka_unit_test(a_second_medium_follows_the_first),
		cmocka_unit_test(what_is_no_place_for_output_is_refused),
		cmocka_unit_test(one_writer_at_a_time),
		cmocka_unit_test(owners),
		cmocka_unit_test(a_strangers_fifo_in_a_public_folder_is_refused),
		cmocka_unit_test(a_full_disk_leaves_whole_writes),
		cmocka_unit_test(a_fifo_waits_for_each_reader),
		cmocka_unit_test(a_fifo_sees_its_reader_leave),
		cmocka_unit_test(a_slow_fifo_keeps_its_progress),
		cmocka_unit_test(sync_data_is_an_option),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
