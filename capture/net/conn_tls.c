/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/cleanup.h"
#include "capture/net/conn_inside.h"
#include "capture/net/tls_inside.h"

enum {
	RECORD = SSL3_RT_MAX_PLAIN_LENGTH, /* most bytes that are encrypted together */
	MARKS = 64,
};

/* When the socket had taken so many bytes, so many of those that were written were among them. */
struct conn_mark {
	uint64_t sent;
	uint64_t written;
};

struct conn_tls {
	SSL *ssl;
	struct tls_peer peer;
	bool ready; /* the handshake is over */
	bool ended; /* the socket has no more bytes */
	bool dry;   /* there is nothing to read that was received already */
	int error;  /* errno of the socket */
	short handshake_wants, read_wants, write_wants;
	size_t again; /* bytes that must come again: they are encrypted already */
	uint64_t written;
	uint64_t acked;
	unsigned marks_n;
	struct conn_mark marks[MARKS];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *bio_method;

/* How OpenSSL reaches the socket: no signal when it is closed, bytes counted, errors kept. */
static int bio_write(BIO *b, const char *p, int n)
{
	struct conn *c = BIO_get_data(b);
	struct iovec v = {.iov_base = (void *)p, .iov_len = (size_t)n};
	ssize_t r = conn_send_raw(c, &v, 1);

	BIO_clear_retry_flags(b);
	if (r == -EAGAIN)
		BIO_set_retry_write(b);
	else if (r < 0)
		c->tls->error = (int)-r;
	return r < 0 ? -1 : (int)r;
}

static int bio_read(BIO *b, char *p, int n)
{
	struct conn *c = BIO_get_data(b);
	ssize_t r = conn_recv_raw(c, p, (size_t)n);

	BIO_clear_retry_flags(b);
	if (r == -EAGAIN)
		BIO_set_retry_read(b);
	else if (r < 0)
		c->tls->error = (int)-r;
	else if (r == 0)
		c->tls->ended = true;
	return r < 0 ? -1 : (int)r;
}

static long bio_ctrl(BIO *b, int command, long number, void *p)
{
	const struct conn *c = BIO_get_data(b);

	if (command == BIO_CTRL_EOF)
		return c->tls->ended;
	return command == BIO_CTRL_FLUSH;
}

static void bio_make_method(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "penstock");
	if (!bio_method)
		return;
	BIO_meth_set_write(bio_method, bio_write);
	BIO_meth_set_read(bio_method, bio_read);
	BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

int conn_tls_new(struct conn *c, struct tls *tls, const char *host)
{
	struct conn_tls *t;
	BIO *bio = NULL;

	pthread_once(&once, bio_make_method);
	t = calloc(1, sizeof(*t));
	c->tls = t;
	if (!t)
		return -ENOMEM;
	t->ssl = tls_begin(tls, host, &t->peer);
	if (t->ssl && bio_method)
		bio = BIO_new(bio_method);
	if (!bio)
		return -ENOMEM; /* conn_tls_free() has the rest */
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	t->handshake_wants = POLLIN | POLLOUT;
	t->read_wants = POLLIN;
	t->write_wants = POLLOUT;
	return 0;
}

void conn_tls_free(struct conn *c)
{
	if (!c->tls)
		return;
	SSL_free(c->tls->ssl);
	free(c->tls);
}

/* Says why OpenSSL failed. */
static int conn_tls_explain(struct conn *c)
{
	struct conn_tls *t = c->tls;
	unsigned long e = ERR_peek_error();
	char text[TLS_TEXT];
	const char *why;
	int code = -EPROTO;

	if (t->peer.error)
		return conn_fail(c, -EACCES, tls_peer_text(&t->peer, text));
	if (!e && t->error)
		return conn_fail_errno(c, t->error);
	if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
		return conn_fail_errno(c, ENOMEM);
	why = ERR_GET_LIB(e) == ERR_LIB_SSL
		      ? tls_reason_text(ERR_GET_REASON(e), &t->peer, !t->ready, &code)
		      : NULL;
	if (!why)
		why = e ? ERR_reason_error_string(e) : NULL;
	return conn_fail(c, code, why ? why : "TLS has failed");
}

/* What a call of OpenSSL that did not succeed means. */
static int conn_tls_result(struct conn *c, int r, short *wants)
{
	switch (SSL_get_error(c->tls->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		*wants = POLLIN;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		*wants = POLLOUT;
		return -EAGAIN;
	default:
		return conn_tls_explain(c);
	}
}

int conn_tls_handshake(struct conn *c)
{
	struct conn_tls *t = c->tls;
	int r;

	if (t->ready)
		return 0;
	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	if (r != 1)
		return conn_tls_result(c, r, &t->handshake_wants);
	t->ready = true;
	return 0;
}

/* Where in the pieces of a write we are. */
struct pieces {
	const struct iovec *v;
	size_t at; /* in *v */
	size_t left;
};

/* The next bytes that are encrypted together, as many as `most`: where they lie, or, when that is
 * in several pieces, copied together. */
static const void *pieces_gather(const struct pieces *pieces, size_t most, char copy[RECORD])
{
	const struct iovec *v = pieces->v;
	size_t at = pieces->at, n = 0, part;

	assert(most > 0 && most <= RECORD && most <= pieces->left);
	for (; at == v->iov_len; v++)
		at = 0;
	if (v->iov_len - at >= most)
		return (const char *)v->iov_base + at;
	for (; n < most; n += part, v++, at = 0) {
		part = v->iov_len - at < most - n ? v->iov_len - at : most - n;
		if (part)
			memcpy(copy + n, (const char *)v->iov_base + at, part);
	}
	return copy;
}

static void pieces_advance(struct pieces *pieces, size_t n)
{
	pieces->left -= n;
	for (; n > pieces->v->iov_len - pieces->at; pieces->v++, pieces->at = 0)
		n -= pieces->v->iov_len - pieces->at;
	pieces->at += n;
}

/* Remembers how far the socket is. When there is no room every second mark goes: those that stay
 * say the same, if later. */
static void conn_tls_mark(struct conn *c)
{
	struct conn_tls *t = c->tls;

	if (t->marks_n == MARKS) {
		for (unsigned i = 0; i < MARKS / 2; i++)
			t->marks[i] = t->marks[2 * i + 1];
		t->marks_n = MARKS / 2;
	}
	t->marks[t->marks_n++] = (struct conn_mark){.sent = c->sent, .written = t->written};
}

/* The peer has closed. It may have told why before that, which is more than the system knows. */
static int conn_tls_explain_write(struct conn *c, int r)
{
	struct conn_tls *t = c->tls;
	char any;

	if (SSL_get_error(t->ssl, r) == SSL_ERROR_SYSCALL && t->error) {
		ERR_clear_error();
		(void)SSL_peek(t->ssl, &any, sizeof(any));
		if (ERR_GET_REASON(ERR_peek_error()) < SSL_AD_REASON_OFFSET)
			ERR_clear_error();
	}
	return conn_tls_explain(c);
}

/* One record. How much of it; -EAGAIN: it must come again. */
static ssize_t conn_tls_write_record(struct conn *c, const void *p, size_t n)
{
	struct conn_tls *t = c->tls;
	size_t done = 0;
	int r, error;

	ERR_clear_error();
	r = SSL_write_ex(t->ssl, p, n, &done);
	t->again = 0;
	t->write_wants = POLLOUT;
	if (r == 1) {
		t->written += done;
		conn_tls_mark(c);
		return (ssize_t)done;
	}
	error = SSL_get_error(t->ssl, r);
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		return conn_tls_explain_write(c, r);
	t->again = n;
	return conn_tls_result(c, r, &t->write_wants);
}

ssize_t conn_tls_write(struct conn *c, const struct iovec *v, unsigned n)
{
	struct conn_tls *t = c->tls;
	struct pieces pieces = {.v = v};
	char copy[RECORD];
	ssize_t taken = 0, r = conn_tls_handshake(c);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++)
		pieces.left += v[i].iov_len;
	assert(pieces.left >= t->again);
	while (pieces.left) {
		size_t most = t->again ? t->again : pieces.left < RECORD ? pieces.left : RECORD;

		r = conn_tls_write_record(c, pieces_gather(&pieces, most, copy), most);
		if (r < 0)
			return taken ? taken : r;
		taken += r;
		pieces_advance(&pieces, (size_t)r);
	}
	return taken;
}

ssize_t conn_tls_read(struct conn *c, void *p, size_t n)
{
	struct conn_tls *t = c->tls;
	size_t got = 0, some;
	ssize_t r = conn_tls_handshake(c);

	if (r < 0)
		return r;
	t->read_wants = POLLIN;
	while (got < n && r == 0) {
		ERR_clear_error();
		some = 0;
		if (SSL_read_ex(t->ssl, (char *)p + got, n - got, &some) == 1) {
			got += some;
			t->dry = !SSL_has_pending(t->ssl);
			if (t->dry)
				break;
		} else if (SSL_get_error(t->ssl, 0) == SSL_ERROR_ZERO_RETURN) {
			t->dry = true;
			break;
		} else {
			r = conn_tls_result(c, 0, &t->read_wants);
			t->dry = true;
		}
	}
	/* What was read comes first: a failure is said next time. */
	return got ? (ssize_t)got : r;
}

short conn_tls_events(const struct conn *c, short want)
{
	const struct conn_tls *t = c->tls;
	short events = 0;

	if (!t->ready)
		return want ? t->handshake_wants : 0;
	if (want & POLLIN)
		events |= t->read_wants;
	if (want & POLLOUT)
		events |= t->write_wants;
	return events;
}

bool conn_tls_pending(const struct conn *c)
{
	return c->tls->ready && !c->tls->dry && SSL_has_pending(c->tls->ssl);
}

uint64_t conn_tls_acked(struct conn *c, uint64_t of_socket)
{
	struct conn_tls *t = c->tls;
	unsigned n = 0;

	while (n < t->marks_n && t->marks[n].sent <= of_socket)
		t->acked = t->marks[n++].written;
	t->marks_n -= n;
	memmove(t->marks, t->marks + n, t->marks_n * sizeof(*t->marks));
	return t->acked;
}

int conn_tls_shutdown(struct conn *c)
{
	struct conn_tls *t = c->tls;
	int r = conn_tls_handshake(c);

	if (r < 0)
		return r;
	if (t->again)
		return -EAGAIN; /* a farewell in the middle of a record is none */
	ERR_clear_error();
	r = SSL_shutdown(t->ssl);
	return r < 0 ? conn_tls_result(c, r, &t->write_wants) : 0;
}

const char *conn_tls_peer_name(const struct conn *c)
{
	return c->tls->ready ? c->tls->peer.name : "";
}
