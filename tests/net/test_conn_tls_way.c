/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of TLS when something happens on its way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/ends.h"

enum {
	MUCH = 1 << 20,
	RECORD = 16384,
};

static char bytes[MUCH], got[MUCH];
static struct tls *client, *server;

static int prepare(void **state)
{
	ends_contexts(&client, &server);
	for (unsigned i = 0; i < MUCH; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	return 0;
}

static int finish(void **state)
{
	tls_free(client);
	tls_free(server);
	return 0;
}

static void shrink(int fd, int name, int size)
{
	assert_int_equal(setsockopt(fd, SOL_SOCKET, name, &size, sizeof(size)), 0);
}

/* Takes what has come at one socket to the other one: so many bytes at most. */
static size_t carry(int from, int to, size_t most)
{
	static char some[MUCH];
	ssize_t n = recv(from, some, most < MUCH ? most : MUCH, MSG_DONTWAIT);

	if (n <= 0)
		return 0;
	assert_int_equal(send(to, some, (size_t)n, 0), n);
	return (size_t)n;
}

/* A client and a server with somebody between them: [0] is the client's side. */
static void open_through(struct ends *e, int between[2])
{
	int a, b, r = -EAGAIN, s = -EAGAIN;

	ends_sockets(&a, &between[0]);
	ends_sockets(&between[1], &b);
	assert_int_equal(conn_new(a, client, "localhost", &e->client), 0);
	assert_int_equal(conn_new(b, server, NULL, &e->server), 0);
	while (r == -EAGAIN || s == -EAGAIN) {
		if (r == -EAGAIN)
			r = conn_handshake(e->client);
		if (s == -EAGAIN)
			s = conn_handshake(e->server);
		carry(between[0], between[1], MUCH);
		carry(between[1], between[0], MUCH);
		/* Who has failed says nothing more, and the other one would wait. */
		assert_true(r == 0 || r == -EAGAIN);
		assert_true(s == 0 || s == -EAGAIN);
	}
	assert_int_equal(r, 0);
	assert_int_equal(s, 0);
}

static void close_through(struct ends *e, int between[2])
{
	for (int i = 0; i < 2; i++)
		if (between[i] >= 0)
			close(between[i]);
	ends_close(e);
}

static void a_stream_that_is_cut_is_whole_up_to_there(void **state)
{
	srand(9);
	for (int i = 0; i < 100; i++) {
		size_t cut = (size_t)rand() % 61000, seen = 0;
		ssize_t n;
		struct ends e;
		int between[2];

		open_through(&e, between);
		ends_write(e.client, bytes, 60000);
		for (size_t left = cut; left;) {
			struct pollfd p = {.fd = between[0], .events = POLLIN};

			if (poll(&p, 1, 50) == 0)
				break; /* the whole stream is shorter */
			left -= carry(between[0], between[1], left);
		}
		close(between[1]);
		between[1] = -1;
		while ((n = ends_read(e.server, got + seen, 1)) == 1)
			seen++;
		assert_int_equal(n, -ECONNRESET);
		assert_non_null(
			strstr(conn_why(e.server), "it hung up without the farewell of TLS"));
		assert_memory_equal(got, bytes, seen);
		/* Whole records, of which each is a little larger on its way. */
		assert_true(seen % RECORD == 0 || seen == 60000);
		assert_true(seen <= cut &&
			    seen + RECORD + 22 * 4 + 1 > (cut < 60000 ? cut : 60000));
		close_through(&e, between);
	}
}

static void acked_is_what_can_be_decrypted(void **state)
{
	for (int i = 0; i < 10; i++) {
		struct iovec v = {.iov_base = bytes, .iov_len = MUCH};
		size_t at = 0, seen = 0;
		uint64_t acked;
		struct ends e;
		int between[2], there;
		ssize_t n;

		open_through(&e, between);
		shrink(conn_fd(e.client), SO_SNDBUF, 100000 + 10000 * i);
		shrink(between[0], SO_RCVBUF, 30000);
		while ((n = conn_write(e.client, &v, 1)) > 0) {
			at += (size_t)n;
			v = (struct iovec){.iov_base = bytes + at, .iov_len = MUCH - at};
		}
		assert_int_equal(n, -EAGAIN);
		poll(NULL, 0, 60); /* the last acknowledgement takes its time */
		acked = conn_acked(e.client);
		assert_true(acked < at);
		/* What the other kernel has now, and not a byte more, goes on. */
		assert_int_equal(ioctl(between[0], FIONREAD, &there), 0);
		assert_int_equal(carry(between[0], between[1], (size_t)there), there);
		close(between[1]);
		between[1] = -1;
		while ((n = ends_read(e.server, got + seen, 1)) == 1)
			seen++;
		assert_true(acked <= seen);
		assert_true(acked + 3 * RECORD > seen); /* nor is it far from the truth */
		close_through(&e, between);
	}
}

static void a_record_that_was_changed_is_noticed(void **state)
{
	struct ends e;
	int between[2];
	char some[256];
	ssize_t n;

	open_through(&e, between);
	ends_write(e.client, "precious", 8);
	assert_int_equal(poll(&(struct pollfd){.fd = between[0], .events = POLLIN}, 1, 1000), 1);
	n = recv(between[0], some, sizeof(some), 0);
	assert_true(n > 8);
	some[n / 2] ^= 1;
	assert_int_equal(send(between[1], some, (size_t)n, 0), n);
	assert_int_equal(ends_read(e.server, got, 1), -EPROTO);
	assert_int_not_equal(*conn_why(e.server), 0);
	close_through(&e, between);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_that_is_cut_is_whole_up_to_there),
		cmocka_unit_test(acked_is_what_can_be_decrypted),
		cmocka_unit_test(a_record_that_was_changed_is_noticed),
	};

	return cmocka_run_group_tests(tests, prepare, finish);
}
