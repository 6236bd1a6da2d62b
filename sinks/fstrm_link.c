/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/fstrm_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "capture/base/elapsed.h"
#include "capture/base/utf8.h"

enum {
	HANDSHAKE_MS = 5000, /* TLS and Frame Streams together */
	FAREWELL_MS = 200,
};

/* In the order in which we would rather have them. */
static const char *const link_types[] = {FSTRM_BATCH, FSTRM_EVENT};

enum {
	LINK_TYPES = sizeof(link_types) / sizeof(*link_types)
};

void fstrm_link_drop(struct fstrm_link *l)
{
	conn_close(l->conn);
	l->conn = NULL;
	l->state = FSTRM_LINK_AWAY;
	l->in_n = l->in_taken = l->out_n = l->out_sent = 0;
}

void fstrm_link_ask(struct fstrm_link *l)
{
	if (l->conn)
		l->acked = conn_acked(l->conn);
}

/* It is over, for the reason that `why` has. One who never got so far as to take anything, or who
 * does nothing any more, comes last from now on; who merely went away comes first again, as it may
 * have some of this stream. */
static int link_over(struct fstrm_link *l, int r)
{
	fstrm_link_ask(l);
	if (l->state != FSTRM_LINK_OPEN || r == -ETIMEDOUT)
		dial_pass_over(l->dial);
	fstrm_link_drop(l);
	return r;
}

int fstrm_link_fail(struct fstrm_link *l, int r, const char *text)
{
	snprintf(l->why, sizeof(l->why), "%s: %s", l->peer, text);
	return link_over(l, r);
}

/* The connection itself has failed. */
static int link_fail_conn(struct fstrm_link *l, int r)
{
	snprintf(l->why, sizeof(l->why), "%s", conn_why(l->conn));
	return link_over(l, r);
}

/* ---- bytes --------------------------------------------------------------------------------- */

ssize_t fstrm_link_write(struct fstrm_link *l, const struct iovec *v, unsigned n)
{
	ssize_t r = conn_write(l->conn, v, n);

	if (r < 0)
		return r == -EAGAIN ? r : link_fail_conn(l, (int)r);
	l->written += (uint64_t)r;
	return r;
}

static void link_say(struct fstrm_link *l, enum fstrm_type type, const char *const *types,
		     unsigned n)
{
	l->out_n = fstrm_control(type, types, n, l->out);
	l->out_sent = 0;
}

/* Sends the rest of the control frame. */
static int link_flush(struct fstrm_link *l)
{
	while (l->out_sent < l->out_n) {
		struct iovec v = {l->out + l->out_sent, l->out_n - l->out_sent};
		ssize_t r = fstrm_link_write(l, &v, 1);

		if (r < 0)
			return (int)r;
		l->out_sent += (size_t)r;
	}
	return 0;
}

/* Reads something; 0 = there is more than before. */
static int link_fill(struct fstrm_link *l)
{
	ssize_t r = conn_read(l->conn, l->in + l->in_n, sizeof(l->in) - l->in_n);

	if (r == 0)
		return fstrm_link_fail(l, -ECONNRESET,
				       l->state == FSTRM_LINK_ACCEPT
					       ? "closed the connection instead of accepting "
						 "'" FSTRM_BATCH "' or '" FSTRM_EVENT "'"
					       : "closed the connection");
	if (r < 0)
		return r == -EAGAIN ? (int)r : link_fail_conn(l, (int)r);
	l->in_n += (size_t)r;
	return 0;
}

int fstrm_link_read(struct fstrm_link *l, struct fstrm_frame *ret)
{
	l->in_n -= l->in_taken;
	memmove(l->in, l->in + l->in_taken, l->in_n);
	l->in_taken = 0;
	for (;;) {
		size_t n;
		int r = fstrm_parse((struct bytes){(const char *)l->in, l->in_n}, ret, &n);

		if (r == -EMSGSIZE || (r == -EAGAIN && n > sizeof(l->in)))
			return fstrm_link_fail(l, -EMSGSIZE, "sent a frame that is too large");
		if (r == -EPROTO)
			return fstrm_link_fail(l, r, "sent an unknown control frame");
		if (r == -EBADMSG)
			return fstrm_link_fail(l, r, "sent what is no Frame Stream");
		if (r == 0) {
			l->in_taken = n;
			return 0;
		}
		r = link_fill(l);
		if (r < 0)
			return r;
	}
}

/* ---- the handshake ------------------------------------------------------------------------- */

static int link_dial(struct fstrm_link *l)
{
	int fd = dial_step(l->dial), r;

	if (fd == -EAGAIN)
		return fd;
	if (fd < 0) {
		snprintf(l->why, sizeof(l->why), "%s", dial_why(l->dial));
		return fd;
	}
	address_text(dial_endpoint(l->dial), l->peer);
	r = conn_new(fd, l->tls, dial_endpoint(l->dial)->host, &l->conn);
	if (r < 0) {
		snprintf(l->why, sizeof(l->why), "%s: %s", l->peer, strerror(-r));
		return r;
	}
	l->written = l->acked = 0;
	l->deadline_ms = elapsed_ms() + HANDSHAKE_MS;
	l->state = FSTRM_LINK_TLS;
	return 0;
}

static int link_secure(struct fstrm_link *l)
{
	int r = conn_handshake(l->conn);

	if (r < 0)
		return r == -EAGAIN ? r : link_fail_conn(l, r);
	link_say(l, FSTRM_READY, link_types, LINK_TYPES);
	l->state = FSTRM_LINK_READY;
	return 0;
}

/* None of ours: says what they take instead. */
static int link_refused(struct fstrm_link *l, const struct fstrm_frame *f)
{
	char text[300];
	struct bytes type = utf8_cut(f->types[0], 200);

	if (!utf8_printable(type))
		type = BYTES("something else");
	snprintf(text, sizeof(text), "takes '%.*s', not '%s'", (int)type.n, type.p, FSTRM_EVENT);
	return fstrm_link_fail(l, -ENOPROTOOPT, text);
}

/* Which of ours do they take? One who names none takes anything. */
static int link_choose(struct fstrm_link *l, const struct fstrm_frame *f)
{
	unsigned chosen = f->types_n ? LINK_TYPES : LINK_TYPES - 1;

	for (unsigned i = 0; i < f->types_n; i++)
		for (unsigned k = 0; k < chosen; k++)
			if (bytes_eq(f->types[i], bytes_of(link_types[k])))
				chosen = k;
	if (chosen == LINK_TYPES)
		return link_refused(l, f);
	l->batch = chosen == 0;
	link_say(l, FSTRM_START, &link_types[chosen], 1);
	l->state = FSTRM_LINK_START;
	return 0;
}

static int link_answer(struct fstrm_link *l)
{
	struct fstrm_frame f;
	int r = fstrm_link_read(l, &f);

	if (r < 0)
		return r;
	if (f.type != FSTRM_ACCEPT)
		return fstrm_link_fail(l, -EPROTO, "does not accept: it sent another frame");
	return link_choose(l, &f);
}

static int link_step_once(struct fstrm_link *l)
{
	int r;

	switch (l->state) {
	case FSTRM_LINK_AWAY:
		return link_dial(l);
	case FSTRM_LINK_TLS:
		return link_secure(l);
	case FSTRM_LINK_READY:
	case FSTRM_LINK_START:
		r = link_flush(l);
		if (r == 0)
			l->state++;
		return r;
	case FSTRM_LINK_ACCEPT:
		return link_answer(l);
	case FSTRM_LINK_OPEN:
		break;
	}
	return 0;
}

int fstrm_link_step(struct fstrm_link *l)
{
	while (l->state != FSTRM_LINK_OPEN) {
		int r = link_step_once(l);

		if (r == -EAGAIN && l->state != FSTRM_LINK_AWAY && elapsed_ms() >= l->deadline_ms)
			return fstrm_link_fail(l, -ETIMEDOUT, "no end of the handshake in 5 s");
		if (r < 0)
			return r;
	}
	return 0;
}

void fstrm_link_wait(const struct fstrm_link *l, short want, struct sink_wait *ret)
{
	int64_t left_ms = l->deadline_ms - elapsed_ms();

	if (l->state == FSTRM_LINK_AWAY) {
		dial_wait(l->dial, &ret->fd, &ret->events, &ret->timeout_ms);
		return;
	}
	if (l->state == FSTRM_LINK_READY || l->state == FSTRM_LINK_START)
		want = POLLOUT;
	else if (l->state != FSTRM_LINK_OPEN)
		want = POLLIN;
	ret->fd = conn_fd(l->conn);
	ret->events = conn_events(l->conn, want);
	ret->timeout_ms = l->state == FSTRM_LINK_OPEN ? -1 : left_ms > 0 ? (int)left_ms : 0;
}

/* ---- farewell ------------------------------------------------------------------------------ */

/* 0 = they have said farewell, too. */
static int link_part(struct fstrm_link *l)
{
	struct fstrm_frame f = {.type = FSTRM_STOP};
	int r = link_flush(l);

	while (r == 0 && f.type != FSTRM_FINISH)
		r = fstrm_link_read(l, &f);
	return r;
}

void fstrm_link_stop(struct fstrm_link *l)
{
	int64_t deadline_ms = elapsed_ms() + FAREWELL_MS, left_ms = FAREWELL_MS;

	if (l->state != FSTRM_LINK_OPEN)
		return;
	link_say(l, FSTRM_STOP, NULL, 0);
	while (link_part(l) == -EAGAIN && left_ms > 0) {
		short want = l->out_sent < l->out_n ? POLLOUT : POLLIN;
		struct pollfd p = {.fd = conn_fd(l->conn), .events = conn_events(l->conn, want)};

		poll(&p, 1, (int)left_ms);
		left_ms = deadline_ms - elapsed_ms();
	}
	fstrm_link_drop(l);
}
