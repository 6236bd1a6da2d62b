/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/net/conn.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "capture/base/cleanup.h"
#include "capture/net/conn_inside.h"
#include "capture/net/socket.h"

enum {
	IOV_MOST = 1024, /* of one system call */
};

int conn_fail(struct conn *c, int failure, const char *text)
{
	assert(failure < 0 && failure != -EAGAIN);
	if (!c->failure) {
		c->failure = failure;
		snprintf(c->why, sizeof(c->why), "%s: %s", c->label, text);
	}
	return c->failure;
}

int conn_fail_errno(struct conn *c, int error)
{
	return conn_fail(c, -error, error == EPIPE ? "it has hung up" : strerror(error));
}

/* Who is at the other end, and what that is called when something is wrong. */
static void conn_find_peer(struct conn *c, const char *host)
{
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);
	struct address named = {.path = ""};
	const char *port = NULL;

	if (getpeername(c->fd, (struct sockaddr *)&ss, &n) == 0) {
		port = strrchr(socket_text(&ss, n, c->peer), ':');
	} else { /* it has left already: what is known of our own end says what kind it is */
		snprintf(c->peer, sizeof(c->peer), "%s", host && *host ? host : "?");
		n = sizeof(ss);
		(void)getsockname(c->fd, (struct sockaddr *)&ss, &n);
	}
	c->local = ss.ss_family == AF_UNIX;
	snprintf(c->label, sizeof(c->label), "%s", c->peer);
	if (host && *host && port && !c->local) {
		snprintf(named.host, sizeof(named.host), "%s", host);
		snprintf(named.port, sizeof(named.port), "%s", port + 1);
		address_text(&named, c->label);
	}
}

int conn_new(int fd, struct tls *tls, const char *host, struct conn **ret)
{
	struct conn *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	c->fd = fd;
	conn_find_peer(c, host);
	if (tls)
		r = conn_tls_new(c, tls, host);
	if (r < 0) {
		conn_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

ssize_t conn_send_raw(struct conn *c, const struct iovec *v, unsigned n)
{
	struct msghdr m = {.msg_iov = (struct iovec *)v, .msg_iovlen = n < IOV_MOST ? n : IOV_MOST};
	ssize_t r;

	do {
		r = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	c->sent += (uint64_t)r;
	return r;
}

ssize_t conn_recv_raw(struct conn *c, void *p, size_t n)
{
	ssize_t r;

	do {
		r = recv(c->fd, p, n, MSG_DONTWAIT);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	return r;
}

int conn_handshake(struct conn *c)
{
	if (c->failure || !c->tls)
		return c->failure;
	return conn_tls_handshake(c);
}

ssize_t conn_write(struct conn *c, const struct iovec *v, unsigned n)
{
	ssize_t r;

	if (c->failure)
		return c->failure;
	if (c->tls)
		return conn_tls_write(c, v, n);
	r = conn_send_raw(c, v, n);
	return r >= 0 || r == -EAGAIN ? r : conn_fail_errno(c, (int)-r);
}

ssize_t conn_read(struct conn *c, void *p, size_t n)
{
	ssize_t r;

	if (c->failure)
		return c->failure;
	if (c->tls)
		return conn_tls_read(c, p, n);
	r = conn_recv_raw(c, p, n);
	if (r == 0 && n && c->cut)
		r = -c->cut;
	return r >= 0 || r == -EAGAIN ? r : conn_fail_errno(c, (int)-r);
}

short conn_events(const struct conn *c, short want)
{
	return c->tls ? conn_tls_events(c, want) : want;
}

bool conn_pending(const struct conn *c)
{
	return c->tls && !c->failure && conn_tls_pending(c);
}

int conn_fd(const struct conn *c)
{
	return c->fd;
}

/* A unix socket whose reader left before it had read everything drops what lay there, and says so
 * with an error that can be asked for once. What the peer had said before that can still be read.
 */
static bool conn_is_cut_off(struct conn *c)
{
	int error = 0;
	socklen_t n = sizeof(error);

	if (c->failure || c->cut)
		return true;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	c->cut = error;
	return error;
}

/* How much of what the socket took has arrived. That of a TCP socket holds also after a failure:
 * what was not acknowledged stays counted. That of a unix socket is memory, which is more than the
 * bytes in it. */
static void conn_ask_acked(struct conn *c)
{
	int left = 0;
	uint64_t acked;

	if (ioctl(c->fd, SIOCOUTQ, &left) < 0 || left < 0 || (c->local && conn_is_cut_off(c)))
		return;
	if (c->shut && left && !c->local && !c->tls)
		left--; /* the end of the stream counts as one */
	acked = (uint64_t)left < c->sent ? c->sent - (uint64_t)left : 0;
	if (acked > c->acked)
		c->acked = acked;
}

uint64_t conn_acked(struct conn *c)
{
	if (c->acked < c->sent)
		conn_ask_acked(c);
	return c->tls ? conn_tls_acked(c, c->acked) : c->acked;
}

int conn_shutdown(struct conn *c)
{
	int r = 0;

	if (c->failure || c->shut)
		return c->failure;
	if (c->tls)
		r = conn_tls_shutdown(c);
	else if (shutdown(c->fd, SHUT_WR) < 0)
		r = conn_fail_errno(c, errno);
	c->shut = r == 0;
	return r;
}

const char *conn_peer(const struct conn *c)
{
	return c->peer;
}

const char *conn_peer_name(const struct conn *c)
{
	return c->tls ? conn_tls_peer_name(c) : "";
}

const char *conn_why(const struct conn *c)
{
	return c->why;
}

void conn_close(struct conn *c)
{
	if (!c)
		return;
	conn_tls_free(c);
	close(c->fd);
	free(c);
}
