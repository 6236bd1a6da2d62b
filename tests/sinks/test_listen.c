/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/base/elapsed.h"
#include "tests/support/drive.h"

enum {
	ROOM = 4 * 1024 * 1024
};

static uint8_t parcel[ROOM], got[ROOM];

/* A sink that listens. */
struct stage {
	struct drive d;
	char target[32];
	unsigned port;
};

static void stage_open(struct stage *s, const char *format, const char *keys)
{
	s->port = drive_free_port();
	snprintf(s->target, sizeof(s->target), "127.0.0.1:%u", s->port);
	drive_open(&s->d, "tcp-listen", s->target, format, keys);
	assert_int_equal(drive_begin(&s->d), 0);
}

/* Lets the sink do what there is to do. */
static void stage_settle(struct stage *s)
{
	while (drive_service(&s->d, 30) == 0)
		;
}

static int stage_join(struct stage *s, int rcvbuf)
{
	int fd = drive_connect(s->port, rcvbuf);

	stage_settle(s);
	return fd;
}

static void put(struct stage *s, uint64_t number, const char *text, size_t opening_n)
{
	assert_int_equal(drive_put(&s->d, number, text, strlen(text), opening_n), 0);
}

/* What has come is this, and the connection is open still. */
static void assert_reads(int fd, const char *text)
{
	bool over;
	size_t n = drive_read(fd, got, ROOM - 1, &over);

	got[n] = 0;
	assert_string_equal((char *)got, text);
	assert_false(over);
}

static void assert_state(struct stage *s, const char *text)
{
	stage_settle(s);
	assert_string_equal(s->d.ops->state(s->d.ctx), text);
}

static void each_begins_behind_the_opening_bytes(void **state)
{
	struct stage s;
	int a, b;

	stage_open(&s, "jsonl", NULL);
	put(&s, 1, "{opening}\n{1}\n", 10); /* nobody listens: that is no loss */
	assert_int_equal(s.d.done, 1);
	a = stage_join(&s, 0);
	put(&s, 2, "{2}\n", 0);
	b = stage_join(&s, 0);
	put(&s, 3, "{less}\n{3}\n", 7);
	assert_state(&s, "2 readers");
	assert_reads(a, "{opening}\n{2}\n{less}\n{3}\n");
	assert_reads(b, "{opening}\n{less}\n{3}\n");
	close(a);
	put(&s, 4, "{4}\n", 0);
	put(&s, 5, "{5}\n", 0);
	assert_state(&s, "1 reader");
	assert_reads(b, "{4}\n{5}\n");
	assert_int_equal(s.d.refreshed, 0);
	drive_close(&s.d);
	close(b);
}

static void protobuf_goes_behind_a_u32(void **state)
{
	struct stage s;
	bool over;
	int a;

	stage_open(&s, "pb", NULL);
	assert_int_equal(drive_put(&s.d, 0, "\2op\0\0", 5, 5), 0);
	a = stage_join(&s, 0);
	assert_int_equal(drive_put(&s.d, 1, "\3abc", 4, 0), 0);
	assert_int_equal(drive_read(a, got, ROOM, &over), 21);
	assert_memory_equal(got, "\0\0\0\2op\0\0\0\0\0\0\0\0\0\0\0\3abc", 21);
	drive_close(&s.d);
	close(a);
}

static void a_newcomer_awaits_a_generation(void **state)
{
	struct stage s;
	int a, b;

	stage_open(&s, "pcapng", NULL);
	put(&s, 1, "[one]a", 5);
	a = stage_join(&s, 0);
	assert_int_not_equal(s.d.refreshed, 0);
	put(&s, 2, "b", 0);
	assert_reads(a, "");
	put(&s, 3, "[two]c", 5);
	b = stage_join(&s, 0);
	put(&s, 4, "d", 0);
	put(&s, 5, "[three]e", 7);
	assert_reads(a, "[two]cd[three]e");
	assert_reads(b, "[three]e");
	drive_close(&s.d);
	close(a);
	close(b);
}

static void who_is_too_far_behind_is_cut_off(void **state)
{
	size_t total = 0, most = 0;
	struct stage s;
	bool over = false;
	int slow, quick;
	char c;

	stage_open(&s, "jsonl", "backlog=1M");
	slow = stage_join(&s, 4096);
	quick = stage_join(&s, 0);
	memset(parcel, 'x', 100000);
	for (uint64_t i = 1; i <= 150; i++) {
		parcel[0] = (uint8_t)i;
		assert_int_equal(drive_put(&s.d, i, parcel, 100000, 0), 0);
		while (most < i * 100000) {
			size_t n = drive_read(quick, got, i * 100000 - most, &over);

			assert_false(over);
			most += n;
			drive_service(&s.d, 0);
		}
		assert_int_equal(got[0] == (uint8_t)i || most % 100000, 1);
	}
	assert_int_equal(s.d.done, 150);
	assert_state(&s, "1 reader, 1 cut off");
	while (!over)
		total += drive_read(slow, got, ROOM, &over);
	assert_true(total < most);
	assert_int_equal(recv(slow, &c, 1, 0), 0); /* the reset has been told */
	drive_close(&s.d);
	close(slow);
	close(quick);
}

static void places_are_limited(void **state)
{
	struct stage s;
	bool over;
	int a, b, c;

	stage_open(&s, "jsonl", "readers=1");
	a = stage_join(&s, 0);
	b = stage_join(&s, 0);
	assert_int_equal(drive_read(b, got, ROOM, &over), 0);
	assert_true(over);
	assert_state(&s, "1 reader, 1 refused");
	/* Whoever has ended what it sends may have gone: it is the first to give its place. */
	shutdown(a, SHUT_WR);
	stage_settle(&s);
	put(&s, 1, "{1}\n", 0);
	assert_reads(a, "{1}\n");
	c = stage_join(&s, 0);
	assert_state(&s, "1 reader, 1 refused");
	put(&s, 2, "{2}\n", 0);
	assert_reads(c, "{2}\n");
	assert_int_equal(drive_read(a, got, ROOM, &over), 0);
	assert_true(over);
	drive_close(&s.d);
	close(a);
	close(b);
	close(c);
}

/* They wait at the door, and nothing spins meanwhile. */
static void no_descriptor_is_left_for_a_reader(void **state)
{
	struct rlimit limit, few;
	struct stage s;
	unsigned turns = 0;
	int64_t until;
	int a, top;

	stage_open(&s, "jsonl", NULL);
	a = drive_connect(s.port, 0);
	top = open("/dev/null", O_RDONLY | O_CLOEXEC);
	getrlimit(RLIMIT_NOFILE, &limit);
	few = limit;
	few.rlim_cur = (rlim_t)top + 1;
	setrlimit(RLIMIT_NOFILE, &few);
	until = elapsed_ms() + 400;
	while (elapsed_ms() < until)
		turns += drive_service(&s.d, 50) == 0;
	setrlimit(RLIMIT_NOFILE, &limit);
	close(top);
	assert_true(turns < 10);
	assert_state(&s, "0 readers");
	until = elapsed_ms() + 5000;
	while (!strcmp(s.d.ops->state(s.d.ctx), "0 readers") && elapsed_ms() < until)
		drive_service(&s.d, 200);
	put(&s, 1, "{1}\n", 0);
	assert_reads(a, "{1}\n");
	drive_close(&s.d);
	close(a);
}

/* Who takes something gets all of it, who takes nothing for a second does not. */
static void the_end_waits_for_those_who_move(void **state)
{
	int64_t begin = elapsed_ms();
	size_t total = 0;
	struct stage s;
	bool over = false;
	int slow, stalled, r;

	stage_open(&s, "jsonl", NULL);
	slow = stage_join(&s, 4096);
	stalled = stage_join(&s, 4096);
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(drive_put(&s.d, i, parcel, ROOM, 0), 0);
	while ((r = s.d.ops->end(s.d.ctx)) == -EAGAIN) {
		total += drive_read(slow, got, 50000, &over);
		assert_false(over);
	}
	assert_int_equal(r, 0);
	assert_true(elapsed_ms() - begin < 15000);
	assert_string_equal(s.d.ops->state(s.d.ctx), "0 readers, 1 cut off");
	while (!over)
		total += drive_read(slow, got, ROOM, &over);
	assert_int_equal(total, 3 * (size_t)ROOM);
	drive_close(&s.d);
	close(slow);
	close(stalled);
}

static void a_unix_socket_does_as_well(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stage s;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "/tmp/penstock-listen-%d", getpid());
	drive_open(&s.d, "unix-listen", sun.sun_path, "jsonl", NULL);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	stage_settle(&s);
	put(&s, 1, "{1}\n", 0);
	assert_reads(fd, "{1}\n");
	close(fd);
	assert_state(&s, "0 readers"); /* a unix socket tells at once */
	drive_close(&s.d);
	assert_int_equal(access(sun.sun_path, F_OK), -1);
}

static void targets_are_checked(void **state)
{
	static const struct {
		const char *sink, *target;
		int r;
		bool bare;
	} v[] = {
		{"tcp-listen", "127.0.0.1:4000", 0, false},
		{"tcp-listen", "*:4000", 0, true},
		{"tcp-listen", "10.0.0.1:4000", 0, true},
		{"tcp-listen", "127.0.0.1:4000,127.0.0.1:4001", -EINVAL, false},
		{"tcp-listen", "127.0.0.1", -EINVAL, false},
		{"tcps-listen", "*:4000", -EINVAL, false}, /* without a certificate */
		{"unix-listen", "/run/x", 0, false},
	};

	for (unsigned i = 0; i < sizeof(v) / sizeof(*v); i++) {
		const struct sink_ops *ops = sink_by_name(v[i].sink);
		uint64_t cfg[32] = {0};
		struct err err = {""};
		bool bare = false;

		assert_int_equal(ops->check(cfg, v[i].target, &bare, &err), v[i].r);
		assert_int_equal(bare, v[i].bare);
		assert_int_equal(*err.text != 0, v[i].r != 0);
	}
}

static int set_up(void **state)
{
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_begins_behind_the_opening_bytes),
		cmocka_unit_test(protobuf_goes_behind_a_u32),
		cmocka_unit_test(a_newcomer_awaits_a_generation),
		cmocka_unit_test(who_is_too_far_behind_is_cut_off),
		cmocka_unit_test(places_are_limited),
		cmocka_unit_test(no_descriptor_is_left_for_a_reader),
		cmocka_unit_test(the_end_waits_for_those_who_move),
		cmocka_unit_test(a_unix_socket_does_as_well),
		cmocka_unit_test(targets_are_checked),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
