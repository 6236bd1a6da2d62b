/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/ends.h"

enum {
	MUCH = 1 << 20,
	PART = 100000,
};

static char *pattern(void)
{
	static char bytes[MUCH];

	for (unsigned i = 0; i < MUCH; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	return bytes;
}

static void set(int fd, int level, int name, int value)
{
	assert_int_equal(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

/* As much as the connection takes without anybody reading. */
static size_t fill(struct conn *c)
{
	struct iovec v = {.iov_base = pattern(), .iov_len = MUCH};
	size_t taken = 0;
	ssize_t r;

	while ((r = conn_write(c, &v, 1)) > 0)
		taken += (size_t)r;
	assert_int_equal(r, -EAGAIN);
	return taken;
}

/* Ends a connection with RST. */
static void cut(struct conn *c)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};

	assert_int_equal(setsockopt(conn_fd(c), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	conn_close(c);
}

/* What the peer sends from now on is thrown away as if this machine were gone. */
static void play_dead(struct conn *c)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &none};

	assert_int_equal(
		setsockopt(conn_fd(c), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

static void expect_why(const struct conn *c, const char *label, const char *text)
{
	char line[ADDRESS_TEXT + 64];

	snprintf(line, sizeof(line), "%s: %s", label, text);
	assert_string_equal(conn_why(c), line);
}

static void both_ends_are_named(void **state)
{
	struct ends e;

	ends_open(&e, NULL, NULL, NULL);
	assert_ptr_equal(strstr(conn_peer(e.client), "127.0.0.1:"), conn_peer(e.client));
	assert_ptr_equal(strstr(conn_peer(e.server), "127.0.0.1:"), conn_peer(e.server));
	assert_string_equal(conn_peer_name(e.client), "");
	assert_string_equal(conn_why(e.client), "");
	assert_int_equal(conn_handshake(e.client), 0);
	ends_close(&e);
	ends_open_unix(&e);
	assert_string_equal(conn_peer(e.client), "unix");
	ends_close(&e);
	conn_close(NULL);
}

/* Through a buffer that is as small as it can be, by three pieces at a time, one of them empty. */
static void exchange(struct ends *e)
{
	static char got[PART];
	char *bytes = pattern();
	size_t sent = 0, seen = 0, partial = 0;

	set(conn_fd(e->client), SOL_SOCKET, SO_SNDBUF, 1);
	while (seen < PART) {
		size_t third = (PART - sent) / 3;
		struct iovec v[3] = {{bytes + sent, third},
				     {bytes + sent + third, 0},
				     {bytes + sent + third, PART - sent - third}};
		ssize_t r = sent < PART ? conn_write(e->client, v, 3) : -EAGAIN;

		assert_true(r > 0 || r == -EAGAIN);
		partial += r > 0 && (size_t)r < PART - sent;
		sent += r > 0 ? (size_t)r : 0;
		assert_true(ends_wait(e->server, POLLIN));
		r = conn_read(e->server, got + seen, PART - seen);
		assert_true(r > 0);
		seen += (size_t)r;
	}
	assert_true(partial > 0);
	assert_memory_equal(got, bytes, PART);
}

static void partial_writes_lose_nothing(void **state)
{
	struct ends e;

	ends_open(&e, NULL, NULL, NULL);
	exchange(&e);
	ends_close(&e);
	ends_open_unix(&e);
	exchange(&e);
	ends_close(&e);
}

static void thousands_of_pieces_are_written(void **state)
{
	static struct iovec v[5000];
	static char got[5000];
	char *bytes = pattern();
	struct ends e;
	ssize_t r;

	for (unsigned i = 0; i < 5000; i++)
		v[i] = (struct iovec){bytes + i, 1};
	ends_open(&e, NULL, NULL, NULL);
	for (unsigned at = 0; at < 5000; at += (unsigned)r) {
		r = conn_write(e.client, v + at, 5000 - at);
		assert_true(r > 0);
	}
	assert_int_equal(ends_read(e.server, got, sizeof(got)), sizeof(got));
	assert_memory_equal(got, bytes, sizeof(got));
	ends_close(&e);
}

static void an_end_is_told_and_reading_goes_on(void **state)
{
	char got[8];
	struct ends e;

	ends_open(&e, NULL, NULL, NULL);
	ends_write(e.client, "ask", 3);
	assert_int_equal(conn_shutdown(e.client), 0);
	assert_int_equal(conn_shutdown(e.client), 0);
	assert_int_equal(ends_read(e.server, got, 3), 3);
	assert_int_equal(ends_read(e.server, got, 1), 0);
	ends_write(e.server, "answer", 6);
	assert_int_equal(ends_read(e.client, got, 6), 6);
	assert_int_equal(conn_acked(e.client), 3);
	ends_close(&e);
}

static void a_reset_is_said_with_the_peer(void **state)
{
	struct iovec v = {"x", 1};
	char peer[ADDRESS_TEXT], got[1];
	struct ends e;

	ends_open(&e, NULL, NULL, NULL);
	snprintf(peer, sizeof(peer), "%s", conn_peer(e.client));
	cut(e.server);
	assert_int_equal(ends_read(e.client, got, 1), -ECONNRESET);
	expect_why(e.client, peer, "Connection reset by peer");
	/* It stays like that, and no signal comes of it. */
	assert_int_equal(conn_write(e.client, &v, 1), -ECONNRESET);
	assert_int_equal(conn_read(e.client, got, 1), -ECONNRESET);
	assert_int_equal(conn_shutdown(e.client), -ECONNRESET);
	assert_int_equal(conn_handshake(e.client), -ECONNRESET);
	assert_false(conn_pending(e.client));
	conn_close(e.client);
}

static void the_name_that_was_dialled_is_what_is_named(void **state)
{
	char label[ADDRESS_TEXT], got[1];
	struct ends e;

	ends_open(&e, NULL, NULL, "collector");
	snprintf(label, sizeof(label), "collector:%s", strrchr(conn_peer(e.client), ':') + 1);
	cut(e.server);
	assert_int_equal(ends_read(e.client, got, 1), -ECONNRESET);
	expect_why(e.client, label, "Connection reset by peer");
	conn_close(e.client);
}

static void who_left_before_it_was_looked_at_has_the_name_that_was_dialled(void **state)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};
	struct iovec v = {"x", 1};
	struct conn *c;
	int a, b;

	ends_sockets(&a, &b);
	assert_int_equal(setsockopt(b, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	close(b);
	assert_int_equal(conn_new(a, NULL, "collector", &c), 0);
	assert_string_equal(conn_peer(c), "collector");
	assert_int_equal(conn_write(c, &v, 1), -ECONNRESET);
	expect_why(c, "collector", "Connection reset by peer");
	conn_close(c);
}

static void writing_to_who_has_left_is_no_signal(void **state)
{
	struct iovec v = {"x", 1};
	struct ends e;

	ends_open_unix(&e);
	conn_close(e.server);
	assert_int_equal(conn_write(e.client, &v, 1), -EPIPE);
	expect_why(e.client, "unix", "it has hung up");
	conn_close(e.client);
}

static void acked_is_what_the_peer_has(void **state)
{
	uint64_t taken, before, now;
	struct ends e;
	int there;

	ends_open(&e, NULL, NULL, NULL);
	set(conn_fd(e.server), SOL_SOCKET, SO_RCVBUF, 65536);
	set(conn_fd(e.client), SOL_SOCKET, SO_SNDBUF, 262144);
	assert_int_equal(conn_acked(e.client), 0);
	taken = fill(e.client);
	before = conn_acked(e.client);
	assert_true(before < taken);
	assert_int_equal(ioctl(conn_fd(e.server), FIONREAD, &there), 0);
	assert_true(before <= (uint64_t)there);
	for (uint64_t seen = 0; seen < taken;) {
		static char got[65536];
		ssize_t r;

		assert_true(ends_wait(e.server, POLLIN));
		r = conn_read(e.server, got, sizeof(got));
		assert_true(r > 0);
		seen += (uint64_t)r;
		now = conn_acked(e.client);
		assert_true(now >= before && now <= taken);
		before = now;
	}
	while (conn_acked(e.client) < taken)
		poll(NULL, 0, 1); /* the last acknowledgement may take its time */
	assert_int_equal(conn_acked(e.client), taken);
	ends_close(&e);
}

static void a_reset_acks_nothing_that_was_not_there(void **state)
{
	uint64_t taken, before;
	struct ends e;
	char got[1];
	int there;

	ends_open(&e, NULL, NULL, NULL);
	set(conn_fd(e.server), SOL_SOCKET, SO_RCVBUF, 4096);
	taken = fill(e.client);
	before = conn_acked(e.client);
	assert_int_equal(ioctl(conn_fd(e.server), FIONREAD, &there), 0);
	cut(e.server);
	assert_int_equal(ends_read(e.client, got, 1), -ECONNRESET);
	assert_true(conn_acked(e.client) >= before);
	assert_true(conn_acked(e.client) <= (uint64_t)there);
	assert_true(conn_acked(e.client) < taken);
	conn_close(e.client);
}

/* The very last bytes count although the failure came before anybody asked for them. */
static void what_arrived_before_a_reset_is_acked_after_it(void **state)
{
	struct ends e;
	char got[5];

	ends_open(&e, NULL, NULL, NULL);
	ends_write(e.client, "hello", 5);
	assert_int_equal(ends_read(e.server, got, 5), 5);
	cut(e.server);
	assert_int_equal(ends_read(e.client, got, 1), -ECONNRESET);
	assert_int_equal(conn_acked(e.client), 5);
	conn_close(e.client);
}

static void a_unix_peer_has_what_it_has_read(void **state)
{
	static char got[65536];
	uint64_t taken, seen = 0, now, before = 0;
	struct ends e;

	ends_open_unix(&e);
	taken = fill(e.client);
	assert_int_equal(conn_acked(e.client), 0);
	while (seen < taken) {
		ssize_t r = conn_read(e.server, got, 1000);

		assert_true(r > 0);
		seen += (uint64_t)r;
		now = conn_acked(e.client);
		assert_true(now >= before && now <= seen);
		before = now;
	}
	assert_int_equal(conn_acked(e.client), taken);
	ends_write(e.client, "more", 4);
	assert_int_equal(ends_read(e.server, got, 4), 4);
	conn_close(e.server); /* it had read everything */
	assert_int_equal(conn_acked(e.client), taken + 4);
	conn_close(e.client);
}

static void a_unix_peer_that_leaves_drops_what_it_has_not_read(void **state)
{
	static char got[65536];
	struct ends e;

	ends_open_unix(&e);
	ends_write(e.client, "first", 5);
	assert_int_equal(ends_read(e.server, got, 5), 5);
	assert_int_equal(conn_acked(e.client), 5);
	ends_write(e.client, "second", 6);
	ends_write(e.server, "last words", 10);
	conn_close(e.server);
	assert_int_equal(conn_acked(e.client), 5);
	/* What it said before can be read all the same, then its end is known. */
	assert_int_equal(ends_read(e.client, got, 10), 10);
	assert_int_equal(ends_read(e.client, got, 1), -ECONNRESET);
	assert_int_equal(conn_acked(e.client), 5);
	expect_why(e.client, "unix", "Connection reset by peer");
	conn_close(e.client);
}

/* The limits of socket_tune(), which take half a minute, shortened. */
static void hurry(const struct conn *c)
{
	set(conn_fd(c), IPPROTO_TCP, TCP_KEEPIDLE, 1);
	set(conn_fd(c), IPPROTO_TCP, TCP_KEEPINTVL, 1);
	set(conn_fd(c), IPPROTO_TCP, TCP_USER_TIMEOUT, 1000);
}

static void a_dead_peer_is_noticed_while_nothing_is_written(void **state)
{
	struct ends e;
	char got[1];

	ends_open(&e, NULL, NULL, NULL);
	hurry(e.client);
	play_dead(e.server);
	assert_int_equal(ends_read(e.client, got, 1), -ETIMEDOUT);
	expect_why(e.client, conn_peer(e.client), "Connection timed out");
	ends_close(&e);
}

static void a_dead_peer_is_noticed_while_writing(void **state)
{
	struct ends e;
	char got[1];

	ends_open(&e, NULL, NULL, NULL);
	ends_write(e.client, "alive", 5);
	assert_int_equal(ends_read(e.server, &got, 1), 1);
	hurry(e.client);
	play_dead(e.server);
	ends_write(e.client, "lost", 4);
	assert_true(ends_wait(e.client, 0 + POLLIN));
	assert_int_equal(ends_read(e.client, got, 1), -ETIMEDOUT);
	assert_int_equal(conn_acked(e.client), 5);
	ends_close(&e);
}

static void a_peer_that_never_reads_is_noticed(void **state)
{
	struct ends e;
	uint64_t acked;
	char got[1];

	ends_open(&e, NULL, NULL, NULL);
	hurry(e.client);
	set(conn_fd(e.server), SOL_SOCKET, SO_RCVBUF, 4096);
	fill(e.client);
	acked = conn_acked(e.client);
	assert_int_equal(ends_read(e.client, got, 1), -ETIMEDOUT);
	assert_true(conn_acked(e.client) >= acked);
	ends_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_are_named),
		cmocka_unit_test(partial_writes_lose_nothing),
		cmocka_unit_test(thousands_of_pieces_are_written),
		cmocka_unit_test(an_end_is_told_and_reading_goes_on),
		cmocka_unit_test(a_reset_is_said_with_the_peer),
		cmocka_unit_test(the_name_that_was_dialled_is_what_is_named),
		cmocka_unit_test(who_left_before_it_was_looked_at_has_the_name_that_was_dialled),
		cmocka_unit_test(writing_to_who_has_left_is_no_signal),
		cmocka_unit_test(acked_is_what_the_peer_has),
		cmocka_unit_test(a_reset_acks_nothing_that_was_not_there),
		cmocka_unit_test(what_arrived_before_a_reset_is_acked_after_it),
		cmocka_unit_test(a_unix_peer_has_what_it_has_read),
		cmocka_unit_test(a_unix_peer_that_leaves_drops_what_it_has_not_read),
		cmocka_unit_test(a_dead_peer_is_noticed_while_nothing_is_written),
		cmocka_unit_test(a_dead_peer_is_noticed_while_writing),
		cmocka_unit_test(a_peer_that_never_reads_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
