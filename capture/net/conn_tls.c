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
	OUT_ENOUGH = 2 * RECORD,           /* goes to the socket by one call; more saves nothing */
	OUT_MOST = 16 * RECORD, /* no peer makes us keep more than that: one that asks for new keys
				 * again and again, and does not read */
	MARKS = 64,
};

/* When the socket has taken so many bytes, so many of those that were written are among them. */
struct conn_mark {
	uint64_t sent;
	uint64_t written;
};

/*
 * OpenSSL cannot answer a peer that asks for new keys while a record of its own waits for the
 * socket: the connection ends. So it never waits: what it makes goes into memory, `out`, from which
 * every call of ours moves on what the socket takes, and nothing new is encrypted before it is
 * empty.
 */
struct conn_tls {
	SSL *ssl;
	struct tls_peer peer;
	bool begun; /* the handshake */
	bool ready; /* it is over */
	bool ended; /* the socket has no more bytes */
	bool dry;   /* there is nothing to read that was received already */
	int error;  /* errno of the socket */
	char *out;
	size_t out_at, out_n, out_size;
	uint64_t written;
	uint64_t acked;
	unsigned marks_n;
	struct conn_mark marks[MARKS];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *bio_method;

/* Room for one more of what OpenSSL makes: a little for answers, or for all of one call at once. */
static int conn_tls_reserve(struct conn_tls *t, size_t need)
{
	size_t size = need <= RECORD / 4 ? RECORD / 4 : OUT_ENOUGH + 2 * RECORD;
	char *out;

	if (need <= t->out_size)
		return 0;
	if (need > OUT_MOST)
		return -ENOBUFS;
	size = size > need ? size : need;
	out = realloc(t->out, size);
	if (!out)
		return -ENOMEM;
	t->out = out;
	t->out_size = size;
	return 0;
}

/* How OpenSSL reaches the socket. */
static int bio_write(BIO *b, const char *p, int n)
{
	struct conn_tls *t = ((struct conn *)BIO_get_data(b))->tls;
	int r = conn_tls_reserve(t, t->out_n + (size_t)n);

	BIO_clear_retry_flags(b);
	if (r < 0) {
		t->error = -r;
		return -1;
	}
	memcpy(t->out + t->out_n, p, (size_t)n);
	t->out_n += (size_t)n;
	return n;
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

/* 0: the socket has it all; -EAGAIN; others. An idle connection keeps no memory for it. */
static int conn_tls_flush(struct conn *c)
{
	struct conn_tls *t = c->tls;

	while (t->out_at < t->out_n) {
		struct iovec v = {.iov_base = t->out + t->out_at, .iov_len = t->out_n - t->out_at};
		ssize_t r = conn_send_raw(c, &v, 1);

		if (r < 0) {
			if (r != -EAGAIN)
				t->error = (int)-r;
			return (int)r;
		}
		t->out_at += (size_t)r;
	}
	free(TAKE_PTR(t->out));
	t->out_at = t->out_n = t->out_size = 0;
	return 0;
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
	return 0;
}

void conn_tls_free(struct conn *c)
{
	if (!c->tls)
		return;
	if (!c->failure)
		(void)conn_tls_flush(c);
	SSL_free(c->tls->ssl);
	free(c->tls->out);
	free(c->tls);
}

/* Says why OpenSSL or the socket failed. What the peer says of it itself is worth most. */
static int conn_tls_explain(struct conn *c)
{
	struct conn_tls *t = c->tls;
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) : 0;
	char text[TLS_TEXT];
	const char *why;
	int code = -EPROTO;

	if (t->peer.error)
		return conn_fail(c, -EACCES, tls_peer_text(&t->peer, text));
	if (t->error && reason < SSL_AD_REASON_OFFSET)
		return conn_fail_errno(c, t->error);
	if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
		return conn_fail_errno(c, ENOMEM);
	why = tls_reason_text(reason, &t->peer, !t->ready, &code);
	if (!why)
		why = e ? ERR_reason_error_string(e) : NULL;
	return conn_fail(c, code, why ? why : "TLS has failed");
}

/* What a call of OpenSSL that did not succeed means. It waits for nothing but bytes to read. */
static int conn_tls_result(struct conn *c, int r)
{
	if (SSL_get_error(c->tls->ssl, r) == SSL_ERROR_WANT_READ)
		return -EAGAIN;
	(void)conn_tls_flush(c); /* the peer is told what is wrong */
	return conn_tls_explain(c);
}

/* The socket takes nothing more. The peer may have told why before it closed. */
static int conn_tls_explain_flush(struct conn *c)
{
	char any;

	ERR_clear_error();
	(void)SSL_peek(c->tls->ssl, &any, sizeof(any));
	return conn_tls_explain(c);
}

int conn_tls_handshake(struct conn *c)
{
	struct conn_tls *t = c->tls;
	int r;

	if (t->ready)
		return 0;
	t->begun = true;
	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	if (r != 1)
		r = conn_tls_result(c, r);
	t->ready = r == 1;
	if (r == -EAGAIN || t->ready) {
		int sent = conn_tls_flush(c);

		if (sent < 0 && sent != -EAGAIN)
			return conn_tls_explain_flush(c);
	}
	return t->ready ? 0 : r;
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

/* Remembers which byte of the socket ends what was written. When there is no room every second mark
 * goes: those that stay say the same, if later. */
static void conn_tls_mark(struct conn *c)
{
	struct conn_tls *t = c->tls;

	if (t->marks_n == MARKS) {
		for (unsigned i = 0; i < MARKS / 2; i++)
			t->marks[i] = t->marks[2 * i + 1];
		t->marks_n = MARKS / 2;
	}
	t->marks[t->marks_n++] =
		(struct conn_mark){.sent = c->sent + t->out_n - t->out_at, .written = t->written};
}

/* One record. How much of it; -EAGAIN: nothing. */
static ssize_t conn_tls_write_record(struct conn *c, const void *p, size_t n)
{
	struct conn_tls *t = c->tls;
	size_t done = 0;
	int r;

	ERR_clear_error();
	r = SSL_write_ex(t->ssl, p, n, &done);
	if (r != 1)
		return conn_tls_result(c, r);
	t->written += done;
	conn_tls_mark(c);
	return (ssize_t)done;
}

/* Encrypts as much as goes to the socket by one call. How much; -EAGAIN: nothing. */
static ssize_t conn_tls_write_records(struct conn *c, struct pieces *pieces)
{
	struct conn_tls *t = c->tls;
	char copy[RECORD];
	ssize_t taken = 0, r;

	while (pieces->left && t->out_n < OUT_ENOUGH) {
		size_t n = pieces->left < RECORD ? pieces->left : RECORD;

		r = conn_tls_write_record(c, pieces_gather(pieces, n, copy), n);
		if (r < 0)
			return r == -EAGAIN && taken ? taken : r;
		taken += r;
		pieces_advance(pieces, (size_t)r);
	}
	return taken;
}

ssize_t conn_tls_write(struct conn *c, const struct iovec *v, unsigned n)
{
	struct pieces pieces = {.v = v};
	ssize_t taken = 0, r = conn_tls_handshake(c);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++)
		pieces.left += v[i].iov_len;
	while ((r = conn_tls_flush(c)) == 0 && pieces.left) {
		r = conn_tls_write_records(c, &pieces);
		if (r < 0)
			break;
		taken += r;
	}
	if (r < 0 && r != -EAGAIN)
		return c->failure ? c->failure : conn_tls_explain_flush(c);
	return taken ? taken : r;
}

ssize_t conn_tls_read(struct conn *c, void *p, size_t n)
{
	struct conn_tls *t = c->tls;
	size_t got = 0, some = 0;
	ssize_t r = conn_tls_handshake(c);

	if (r < 0)
		return r;
	(void)conn_tls_flush(c); /* when the peer is gone reading tells more */
	t->dry = true;
	ERR_clear_error();
	while (got < n && SSL_read_ex(t->ssl, (char *)p + got, n - got, &some) == 1) {
		got += some;
		t->dry = !SSL_has_pending(t->ssl);
		if (t->dry)
			return (ssize_t)got;
	}
	if (got == n)
		return (ssize_t)got;
	t->dry = true;
	/* What was read comes first: a failure is said next time. */
	if (SSL_get_error(t->ssl, 0) != SSL_ERROR_ZERO_RETURN)
		r = conn_tls_result(c, 0);
	return got ? (ssize_t)got : r;
}

short conn_tls_events(const struct conn *c, short want)
{
	const struct conn_tls *t = c->tls;

	if (!t->begun)
		return POLLIN | POLLOUT;
	if (!t->ready)
		want = POLLIN;
	return t->out_n ? want | POLLOUT : want;
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
	if (!c->failure)
		(void)conn_tls_flush(c); /* who waits for this may call nothing else */
	return t->acked;
}

int conn_tls_shutdown(struct conn *c)
{
	struct conn_tls *t = c->tls;
	int r = conn_tls_handshake(c);

	if (r < 0)
		return r;
	ERR_clear_error();
	if (!(SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN)) {
		r = SSL_shutdown(t->ssl);
		if (r < 0)
			return conn_tls_result(c, r);
	}
	r = conn_tls_flush(c);
	return r < 0 && r != -EAGAIN ? conn_tls_explain_flush(c) : r;
}

const char *conn_tls_peer_name(const struct conn *c)
{
	return c->tls->ready ? c->tls->peer.name : "";
}
