/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes through TLS, and what is known of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/ends.h"
#include "tests/support/temp.h"

enum {
	MUCH = 1 << 20,
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

static void shake(struct ends *e)
{
	int a, b;

	ends_handshake(e, &a, &b);
	assert_int_equal(a, 0);
	assert_int_equal(b, 0);
}

static void open_ends(struct ends *e)
{
	ends_open(e, client, server, "localhost");
	shake(e);
}

/* Up to 40 pieces of what follows `at`, most of them tiny, some of them none. */
static unsigned cut_pieces(size_t at, struct iovec v[40])
{
	unsigned n = 0;

	for (; n < 40 && at < MUCH; n++) {
		size_t size = rand() % 8 == 0 ? (size_t)rand() % 50000 : (size_t)rand() % 300;

		size = size < MUCH - at ? size : MUCH - at;
		v[n] = (struct iovec){.iov_base = bytes + at, .iov_len = size};
		at += size;
	}
	return n;
}

static ssize_t write_some(struct conn *c, size_t *at, size_t least)
{
	struct iovec v[40] = {{0}};
	unsigned n = cut_pieces(*at, v);
	size_t all = 0;
	ssize_t r;

	/* What a call could not write comes again: all of it, in other pieces, and more. */
	for (unsigned i = 0; i < n; i++)
		all += v[i].iov_len;
	if (all < least) {
		v[0] = (struct iovec){.iov_base = bytes + *at, .iov_len = MUCH - *at};
		n = 1;
	}
	r = conn_write(c, v, n);
	assert_true(r >= 0 || r == -EAGAIN);
	*at += r > 0 ? (size_t)r : 0;
	return r;
}

static void pieces_of_any_size_arrive_through_small_buffers(void **state)
{
	size_t there = 0, back = 0, seen = 0, heard = 0;
	unsigned again = 0;
	struct ends e;

	srand(7);
	ends_open(&e, client, server, "localhost");
	shrink(conn_fd(e.client), SO_SNDBUF, 20000);
	shrink(conn_fd(e.server), SO_SNDBUF, 20000);
	shake(&e);
	while (seen < MUCH || heard < MUCH) {
		ssize_t r;

		if (there < MUCH)
			again += write_some(e.client, &there, MUCH) == -EAGAIN;
		if (back < MUCH)
			again += write_some(e.server, &back, MUCH) == -EAGAIN;
		r = conn_read(e.server, got, 1 + (size_t)rand() % 40000);
		assert_true(r > 0 || r == -EAGAIN);
		if (r > 0)
			assert_memory_equal(got, bytes + seen, (size_t)r);
		seen += r > 0 ? (size_t)r : 0;
		r = conn_read(e.client, got, 1 + (size_t)rand() % 40000);
		assert_true(r > 0 || r == -EAGAIN);
		if (r > 0)
			assert_memory_equal(got, bytes + heard, (size_t)r);
		heard += r > 0 ? (size_t)r : 0;
	}
	assert_true(again > 10);
	ends_close(&e);
}

/* A peer of OpenSSL's own. */
struct raw {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	struct conn *conn; /* ours */
	unsigned records;  /* of data that came from us */
};

static void count_records(int write, int version, int type, const void *p, size_t n, SSL *ssl,
			  void *arg)
{
	if (!write && type == SSL3_RT_HEADER && *(const uint8_t *)p == SSL3_RT_APPLICATION_DATA)
		++*(unsigned *)arg;
}

static void raw_open_on(struct raw *r, int version, int a, int b)
{
	int accepted = 0, shaken = -EAGAIN;

	memset(r, 0, sizeof(*r));
	r->ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_num_tickets(r->ctx, 0);
	SSL_CTX_set_mode(r->ctx,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_max_proto_version(r->ctx, version);
	assert_int_equal(
		SSL_CTX_use_certificate_file(r->ctx, temp_name("server.pem"), SSL_FILETYPE_PEM), 1);
	assert_int_equal(
		SSL_CTX_use_PrivateKey_file(r->ctx, temp_name("server.key"), SSL_FILETYPE_PEM), 1);
	r->ssl = SSL_new(r->ctx);
	r->fd = b;
	assert_int_equal(conn_new(a, client, "localhost", &r->conn), 0);
	SSL_set_fd(r->ssl, r->fd);
	while (accepted != 1 || shaken != 0) {
		if (shaken != 0)
			shaken = conn_handshake(r->conn);
		if (accepted != 1)
			accepted = SSL_accept(r->ssl);
		assert_true(shaken == 0 || shaken == -EAGAIN);
	}
	SSL_set_msg_callback(r->ssl, count_records);
	SSL_set_msg_callback_arg(r->ssl, &r->records);
}

static void raw_open(struct raw *r, int version)
{
	int a, b;

	ends_sockets(&a, &b);
	raw_open_on(r, version, a, b);
}

static void raw_close(struct raw *r)
{
	conn_close(r->conn);
	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
	close(r->fd);
}

static void tiny_pieces_share_records(void **state)
{
	static struct iovec v[4000];
	struct raw r;
	size_t seen = 0, n;

	raw_open(&r, 0);
	for (unsigned i = 0; i < 4000; i++)
		v[i] = (struct iovec){.iov_base = bytes + 10 * i, .iov_len = 10};
	assert_int_equal(conn_write(r.conn, v, 4000), 40000);
	while (seen < 40000)
		if (SSL_read_ex(r.ssl, got + seen, MUCH - seen, &n) == 1)
			seen += n;
	assert_memory_equal(got, bytes, 40000);
	assert_int_equal(r.records, 3);
	raw_close(&r);
}

/* New keys are asked for while records of ours wait, and while we have nothing to read. */
static void keys_change_while_writing(void **state)
{
	size_t there = 0, seen = 0, n;
	unsigned changes = 0, again = 0;
	struct raw r;

	srand(8);
	raw_open(&r, 0);
	shrink(conn_fd(r.conn), SO_SNDBUF, 20000);
	while (seen < MUCH) {
		char one;

		if (there < MUCH)
			again += write_some(r.conn, &there, MUCH) == -EAGAIN;
		if (changes < 50 && rand() % 2 && SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED)) {
			changes++;
			assert_int_equal(SSL_write_ex(r.ssl, "k", 1, &n), 1);
		}
		if (rand() % 2) {
			ssize_t got_n = conn_read(r.conn, &one, 1);

			if (!(got_n == -EAGAIN || (got_n == 1 && one == 'k')))
				fprintf(stderr, "%zd %c %s changes %u there %zu\n", got_n, one,
					conn_why(r.conn), changes, there);
			assert_true(got_n == -EAGAIN || (got_n == 1 && one == 'k'));
		}
		if (SSL_read_ex(r.ssl, got, 1 + (size_t)rand() % 30000, &n) == 1) {
			assert_memory_equal(got, bytes + seen, n);
			seen += n;
		} else {
			assert_int_equal(SSL_get_error(r.ssl, 0), SSL_ERROR_WANT_READ);
		}
	}
	assert_true(changes > 10);
	assert_true(again > 10);
	raw_close(&r);
}

/* A peer that asks for new keys and does not read our answers cannot fill our memory. */
static void answers_that_nobody_reads_have_an_end(void **state)
{
	struct raw r;
	ssize_t n = -EAGAIN;
	unsigned asked = 0;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	raw_open_on(&r, 0, fd[0], fd[1]);
	shrink(fd[0], SO_SNDBUF, 1);
	for (; n == -EAGAIN && asked < 100000; asked++) {
		size_t done;

		if (SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
			(void)SSL_write_ex(r.ssl, "k", 1, &done);
		do {
			n = conn_read(r.conn, got, sizeof(got));
		} while (n > 0);
	}
	assert_int_equal(n, -ENOBUFS);
	assert_true(asked > 1000);
	raw_close(&r);
}

static void a_renegotiation_is_refused(void **state)
{
	struct raw r;
	size_t n;

	raw_open(&r, TLS1_2_VERSION);
	SSL_renegotiate(r.ssl);
	SSL_do_handshake(r.ssl);
	ends_write(r.conn, "still here", 10);
	assert_int_equal(conn_read(r.conn, got, 1), -EAGAIN);
	while (SSL_read_ex(r.ssl, got, 10, &n) != 1 &&
	       SSL_get_error(r.ssl, 0) == SSL_ERROR_WANT_READ)
		;
	ends_write(r.conn, "and here", 8);
	raw_close(&r);
}

static void a_farewell_ends_one_direction(void **state)
{
	struct ends e;

	open_ends(&e);
	ends_write(e.client, "ask", 3);
	assert_int_equal(conn_shutdown(e.client), 0);
	assert_int_equal(conn_shutdown(e.client), 0);
	assert_int_equal(ends_read(e.server, got, 3), 3);
	assert_int_equal(ends_read(e.server, got, 1), 0);
	assert_int_equal(conn_read(e.server, got, 1), 0);
	ends_write(e.server, "answer", 6);
	assert_int_equal(conn_shutdown(e.server), 0);
	assert_int_equal(ends_read(e.client, got, 6), 6);
	assert_memory_equal(got, "answer", 6);
	assert_int_equal(ends_read(e.client, got, 1), 0);
	assert_int_equal(conn_acked(e.client), 3);
	ends_close(&e);
}

static void what_was_received_already_is_known(void **state)
{
	struct ends e;

	open_ends(&e);
	assert_false(conn_pending(e.server));
	ends_write(e.client, "first", 5);
	ends_write(e.client, "second", 6);
	assert_true(ends_wait(e.server, POLLIN));
	assert_int_equal(conn_read(e.server, got, 2), 2);
	/* Nothing is left in the socket, which poll(2) would tell of. */
	assert_true(conn_pending(e.server));
	assert_int_equal(ends_read(e.server, got, 9), 9);
	assert_memory_equal(got, "rstsecond", 9);
	assert_int_equal(conn_read(e.server, got, 1), -EAGAIN);
	assert_false(conn_pending(e.server));
	ends_close(&e);
}

static void all_is_acked_in_the_end(void **state)
{
	struct ends e;
	uint64_t before = 0;
	size_t at = 0, seen = 0;

	srand(10);
	open_ends(&e);
	while (seen < MUCH) { /* in more records than are remembered one by one */
		ssize_t n = at < MUCH ? write_some(e.client, &at, MUCH) : 0;

		if (at < MUCH && n > 0 && rand() % 50)
			continue;
		n = conn_read(e.server, got, sizeof(got));
		assert_true(n > 0 || n == -EAGAIN);
		seen += n > 0 ? (size_t)n : 0;
		assert_true(conn_acked(e.client) >= before);
		before = conn_acked(e.client);
		assert_true(before <= at);
	}
	while (conn_acked(e.client) < MUCH)
		poll(NULL, 0, 1);
	assert_int_equal(conn_acked(e.client), MUCH);
	ends_close(&e);
}

/* With TLS 1.3 a client may write before it hears that it was refused. */
static void a_refusal_is_understood_while_writing(void **state)
{
	char cert[PATH_MAX], key[PATH_MAX];
	struct tls *strict;
	struct ends e;
	ssize_t r = 0;
	int s = -EAGAIN;

	temp_path(cert, "server.pem");
	temp_path(key, "server.key");
	assert_int_equal(tls_server_new(&(struct tls_cfg){.cert = cert, .key = key, .ca = cert},
					&strict, NULL),
			 0);
	ends_open(&e, client, strict, "localhost");
	tls_free(strict);
	while (s == -EAGAIN) {
		(void)conn_handshake(e.client);
		s = conn_handshake(e.server);
	}
	assert_int_equal(s, -EACCES);
	assert_int_equal(conn_handshake(e.client), 0);
	conn_close(e.server);
	e.server = NULL;
	for (int i = 0; i < 100 && r >= 0; i++) {
		struct iovec v = {.iov_base = bytes, .iov_len = 1000};

		r = conn_write(e.client, &v, 1);
		poll(NULL, 0, 1);
	}
	assert_non_null(strstr(conn_why(e.client), "it wants a certificate of ours (cert=)"));
	assert_int_equal(r, -EACCES);
	ends_close(&e);
}

static void a_reset_is_said_over_tls_as_well(void **state)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};
	struct ends e;

	open_ends(&e);
	setsockopt(conn_fd(e.server), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	conn_close(e.server);
	e.server = NULL;
	assert_int_equal(ends_read(e.client, got, 1), -ECONNRESET);
	assert_non_null(strstr(conn_why(e.client), ": Connection reset by peer"));
	assert_int_equal(conn_write(e.client, &(struct iovec){bytes, 1}, 1), -ECONNRESET);
	assert_int_equal(conn_acked(e.client), 0);
	ends_close(&e);
}

static void hundreds_of_connections_leave_nothing(void **state)
{
	unsigned before = ends_descriptors();

	for (int i = 0; i < 200; i++) {
		struct ends e;

		ends_open(&e, client, server, "localhost");
		if (i % 4) {
			shake(&e);
			ends_write(e.client, bytes, 1000);
			if (i % 2)
				assert_int_equal(ends_read(e.server, got, 1000), 1000);
		} else {
			(void)conn_handshake(e.client);
			(void)conn_handshake(e.server);
		}
		ends_close(&e);
	}
	assert_int_equal(ends_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size_arrive_through_small_buffers),
		cmocka_unit_test(tiny_pieces_share_records),
		cmocka_unit_test(keys_change_while_writing),
		cmocka_unit_test(answers_that_nobody_reads_have_an_end),
		cmocka_unit_test(a_renegotiation_is_refused),
		cmocka_unit_test(a_farewell_ends_one_direction),
		cmocka_unit_test(what_was_received_already_is_known),
		cmocka_unit_test(all_is_acked_in_the_end),
		cmocka_unit_test(a_refusal_is_understood_while_writing),
		cmocka_unit_test(a_reset_is_said_over_tls_as_well),
		cmocka_unit_test(hundreds_of_connections_leave_nothing),
	};

	return cmocka_run_group_tests(tests, prepare, finish);
}
