/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/base/elapsed.h"
#include "tests/support/certs.h"
#include "tests/support/temp.h"

int ends_dial(struct dial *d)
{
	int r, fd, timeout;
	short events;

	while ((r = dial_step(d)) == -EAGAIN) {
		struct pollfd p;

		dial_wait(d, &fd, &events, &timeout);
		p = (struct pollfd){.fd = fd, .events = events};
		poll(&p, 1, timeout);
	}
	return r;
}

int ends_dial_text(const char *text)
{
	struct address_list list;
	struct dial *d;
	int r;

	assert_int_equal(address_parse(text, NULL, &list, NULL), 0);
	d = dial_new(&list);
	assert_non_null(d);
	r = ends_dial(d);
	dial_free(d);
	return r;
}

static int ends_accept(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, ENDS_PATIENCE_MS), 1);
	return listener_accept(fd);
}

void ends_sockets(int *ret_client, int *ret_server)
{
	struct address a = {.host = "127.0.0.1", .port = "0"};
	struct listener l = {.n = 0};
	char text[ADDRESS_TEXT];

	assert_int_equal(listener_open(&a, (uid_t)-1, (gid_t)-1, &l, NULL), 0);
	*ret_client = ends_dial_text(listener_text(&l, text));
	*ret_server = ends_accept(l.fd[0]);
	listener_close(&l);
	assert_true(*ret_client >= 0);
	assert_true(*ret_server >= 0);
}

void ends_contexts(struct tls **ret_client, struct tls **ret_server)
{
	char cert[PATH_MAX], key[PATH_MAX];

	certs_make("server", &(struct cert_plan){.cn = "localhost", .san = "DNS:localhost"});
	temp_path(cert, "server.pem");
	temp_path(key, "server.key");
	assert_int_equal(tls_client_new(&(struct tls_cfg){.ca = cert}, ret_client, NULL), 0);
	assert_int_equal(
		tls_server_new(&(struct tls_cfg){.cert = cert, .key = key}, ret_server, NULL), 0);
}

void ends_open(struct ends *e, struct tls *client, struct tls *server, const char *host)
{
	int a, b;

	ends_sockets(&a, &b);
	*e = (struct ends){.client = NULL};
	assert_int_equal(conn_new(a, client, host, &e->client), 0);
	assert_int_equal(conn_new(b, server, NULL, &e->server), 0);
}

void ends_open_unix(struct ends *e)
{
	int fd[2];

	*e = (struct ends){.client = NULL};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(conn_new(fd[0], NULL, NULL, &e->client), 0);
	assert_int_equal(conn_new(fd[1], NULL, NULL, &e->server), 0);
}

void ends_close(struct ends *e)
{
	conn_close(e->client);
	conn_close(e->server);
}

void ends_handshake(struct ends *e, int *ret_client, int *ret_server)
{
	int64_t until = elapsed_ms() + ENDS_PATIENCE_MS;
	int a = -EAGAIN, b = -EAGAIN;

	while (a == -EAGAIN || b == -EAGAIN) {
		struct pollfd p[2] = {{.fd = -1}, {.fd = -1}};

		if (a == -EAGAIN)
			a = conn_handshake(e->client);
		if (b == -EAGAIN)
			b = conn_handshake(e->server);
		/* Who was refused hangs up, so that the other one does not wait. */
		if (a < 0 && a != -EAGAIN)
			shutdown(conn_fd(e->client), SHUT_WR);
		if (b < 0 && b != -EAGAIN)
			shutdown(conn_fd(e->server), SHUT_WR);
		if (a == -EAGAIN)
			p[0] = (struct pollfd){.fd = conn_fd(e->client),
					       .events = conn_events(e->client, POLLIN)};
		if (b == -EAGAIN)
			p[1] = (struct pollfd){.fd = conn_fd(e->server),
					       .events = conn_events(e->server, POLLIN)};
		if (a == -EAGAIN || b == -EAGAIN)
			poll(p, 2, 100);
		assert_true(elapsed_ms() < until);
	}
	*ret_client = a;
	*ret_server = b;
}

bool ends_wait(struct conn *c, short want)
{
	struct pollfd p = {.fd = conn_fd(c), .events = conn_events(c, want)};

	assert_int_not_equal(p.events, 0);
	return conn_pending(c) || poll(&p, 1, ENDS_PATIENCE_MS) == 1;
}

ssize_t ends_read(struct conn *c, void *p, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t r = conn_read(c, (char *)p + got, n - got);

		if (r == -EAGAIN)
			assert_true(ends_wait(c, POLLIN));
		else if (r <= 0)
			return r;
		else
			got += (size_t)r;
	}
	return (ssize_t)got;
}

void ends_write(struct conn *c, const void *p, size_t n)
{
	struct iovec v = {.iov_base = (void *)p, .iov_len = n};

	while (v.iov_len) {
		ssize_t r = conn_write(c, &v, 1);

		if (r == -EAGAIN) {
			assert_true(ends_wait(c, POLLOUT));
			continue;
		}
		assert_true(r > 0);
		v.iov_base = (char *)v.iov_base + r;
		v.iov_len -= (size_t)r;
	}
}

ssize_t ends_drain(struct conn *c)
{
	static char dropped[65536];
	ssize_t r;

	do {
		r = ends_read(c, dropped, sizeof(dropped));
	} while (r > 0);
	return r;
}

unsigned ends_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}
