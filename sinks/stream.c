/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tcp, tcps and unix: a connection that we make, to somebody who reads what comes and answers
 * nothing (Vector, Telegraf, Logstash, netcat). Protobuf goes as u32 big-endian length and message,
 * everything else as it is.
 *
 * Nothing is acknowledged but by the peer's kernel: what that has counts as done. What it does not
 * have when the connection breaks goes out on the next one, from the first record on of which
 * something is missing.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "capture/base/elapsed.h"
#include "capture/net/conn.h"
#include "capture/net/dial.h"
#include "capture/sink.h"
#include "sinks/flights.h"
#include "sinks/frames.h"

enum {
	HANDSHAKE_MS = 10000,
	HEAR_READS = 16, /* of what the peer sends, which is thrown away, in one call */
	ASK_MS = 50,     /* how often at least it is asked how much has arrived */
};

struct stream_cfg {
	struct tls_cfg tls;
};

struct stream_sink {
	const struct sink_env *env;
	struct dial *dial;
	struct tls *tls;     /* NULL = none */
	struct conn *conn;   /* NULL = there is none yet */
	bool ready;          /* it can be written to */
	bool half;           /* the peer will send nothing more; it may still read */
	int64_t deadline_ms; /* of the handshake */
	uint64_t sent;       /* bytes that this connection took */
	struct flights flights;
	bool inside;             /* a parcel has been begun and is not sent */
	struct bytes part, rest; /* of it: what is being sent, and what is after that */
	size_t part_sent;        /* where nothing is framed */
	bool framed;
	struct frames frames;
	bool full;  /* the socket has no room */
	int ask_ms; /* until it is asked again how much has arrived */
	char why[512];
	char state[ADDRESS_TEXT + 16];
};

/* ---- target and options -------------------------------------------------------------------- */

static const struct opt stream_tls_options[] = {
	TLS_CLIENT_OPTIONS(struct stream_cfg, tls),
	OPT_END,
};

static int stream_parse(const char *target, bool path, struct address_list *ret, struct err *err)
{
	int r = path ? address_parse_path(target, ret, err) : address_parse(target, NULL, ret, err);

	for (unsigned i = 0; r == 0 && i < ret->n; i++)
		if (!strcmp(ret->v[i].host, "*"))
			return errf(err, -EINVAL, "'*' is to listen at, not to connect to");
	return r;
}

static int tcp_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	struct address_list list;
	int r = stream_parse(target, false, &list, err);

	if (r < 0)
		return r;
	*ret_bare = false;
	for (unsigned i = 0; i < list.n; i++)
		*ret_bare |= !address_is_local(&list.v[i]);
	return 0;
}

static int tcps_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	struct address_list list;

	*ret_bare = false;
	return stream_parse(target, false, &list, err);
}

static int unix_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	struct address_list list;

	*ret_bare = false;
	return stream_parse(target, true, &list, err);
}

/* ---- open and close ------------------------------------------------------------------------ */

static enum flights_records stream_records(const struct sink_env *env)
{
	if (env->filtered || !env->format)
		return FLIGHTS_WHOLE;
	if (!strcmp(env->format, "pb"))
		return FLIGHTS_FRAMES;
	return strcmp(env->format, "jsonl") ? FLIGHTS_WHOLE : FLIGHTS_LINES;
}

static int stream_open(struct stream_sink *s, bool path, const struct sink_env *env,
		       struct err *err)
{
	struct address_list list;
	int r = stream_parse(env->target, path, &list, err);

	if (r < 0)
		return r;
	s->env = env;
	s->flights.records = stream_records(env);
	s->framed = s->flights.records == FLIGHTS_FRAMES;
	s->dial = dial_new(&list);
	return s->dial ? 0 : errf(err, -ENOMEM, "out of memory");
}

static int tcp_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	return stream_open(ctx, false, env, err);
}

static int tcps_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	const struct stream_cfg *c = cfg;
	struct stream_sink *s = ctx;
	int r = tls_client_new(&c->tls, &s->tls, err);

	return r < 0 ? r : stream_open(s, false, env, err);
}

static int unix_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	return stream_open(ctx, true, env, err);
}

static void stream_close(void *ctx)
{
	struct stream_sink *s = ctx;

	conn_close(s->conn);
	dial_free(s->dial);
	tls_free(s->tls);
}

/* ---- the connection ------------------------------------------------------------------------ */

/* Reports what has arrived. */
static void stream_settle(struct stream_sink *s)
{
	uint64_t number = flights_arrived(&s->flights, conn_acked(s->conn));

	if (!number)
		return;
	s->ask_ms = 0;
	s->env->done(s->env->done_arg, number);
}

static void stream_drop(struct stream_sink *s)
{
	stream_settle(s);
	flights_break(&s->flights, conn_acked(s->conn));
	conn_close(s->conn);
	s->conn = NULL;
	s->ready = s->half = s->inside = false;
}

/* The connection is over because of that failure. */
static int stream_fail(struct stream_sink *s, int r)
{
	char where[ADDRESS_TEXT];

	if (r == -EPIPE || s->half) {
		r = -ECONNRESET;
		snprintf(s->why, sizeof(s->why), "%s: the peer has closed the connection",
			 address_text(dial_endpoint(s->dial), where));
	} else {
		snprintf(s->why, sizeof(s->why), "%s", conn_why(s->conn));
	}
	stream_drop(s);
	return r;
}

/* The peer will send nothing more. Whether it has gone, or only its input is at its end (netcat
 * behind a pipe), shows only where something is sent; with TLS nobody does the second. */
static int stream_heard_end(struct stream_sink *s)
{
	struct pollfd p = {.fd = conn_fd(s->conn)};

	s->half = true;
	return s->tls || (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR)) ? -ECONNRESET : 0;
}

/* Throws away what the peer says: 0, or the connection is over. */
static int stream_hear(struct stream_sink *s)
{
	char buffer[4096];

	for (unsigned i = 0; i < HEAR_READS; i++) {
		ssize_t n = conn_read(s->conn, buffer, sizeof(buffer));

		if (n == 0)
			return stream_heard_end(s);
		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
	}
	return 0;
}

static int stream_dial(struct stream_sink *s)
{
	int fd = dial_step(s->dial), r;
	char where[ADDRESS_TEXT];

	if (fd == -EAGAIN)
		return fd;
	if (fd < 0) {
		snprintf(s->why, sizeof(s->why), "%s", dial_why(s->dial));
		return fd;
	}
	r = conn_new(fd, s->tls, dial_endpoint(s->dial)->host, &s->conn);
	if (r < 0) {
		snprintf(s->why, sizeof(s->why), "%s: %s",
			 address_text(dial_endpoint(s->dial), where), strerror(-r));
		return r;
	}
	s->sent = 0;
	s->deadline_ms = elapsed_ms() + HANDSHAKE_MS;
	return 0;
}

static int stream_begin(void *ctx, const struct sink_medium *medium)
{
	struct stream_sink *s = ctx;
	char where[ADDRESS_TEXT];
	int r = 0;

	if (s->conn && s->ready) /* something else was wrong with the medium before */
		stream_drop(s);
	if (!s->conn)
		r = stream_dial(s);
	if (r == 0)
		r = conn_handshake(s->conn);
	if (r == 0) {
		s->ready = true;
		s->ask_ms = 0;
		snprintf(s->state, sizeof(s->state), "connected to %s", conn_peer(s->conn));
		return 0;
	}
	if (!s->conn || (r == -EAGAIN && elapsed_ms() < s->deadline_ms))
		return r;
	if (r != -EAGAIN)
		return stream_fail(s, r);
	stream_fail(s, -ETIMEDOUT);
	snprintf(s->why, sizeof(s->why), "%s: no answer to our TLS handshake",
		 address_text(dial_endpoint(s->dial), where));
	return -ETIMEDOUT;
}

/* ---- parcels ------------------------------------------------------------------------------- */

static void part_begin(struct stream_sink *s, const struct parcel *parcel, struct bytes part)
{
	s->part = part;
	s->part_sent = 0;
	frames_reset(&s->frames);
	if (parcel->number && !s->rest.n)
		flights_begin(&s->flights, parcel->number, part, s->sent);
}

/* Begins a parcel: from the record on that the last connection did not bring to its end, behind its
 * opening bytes. */
static void parcel_begin(struct stream_sink *s, const struct parcel *parcel)
{
	size_t from = flights_resume(&s->flights, parcel->number, parcel->n);
	struct bytes rest;

	if (from <= parcel->opening_n)
		from = 0;
	rest = (struct bytes){(const char *)parcel->p + from, parcel->n - from};
	s->inside = true;
	s->rest = (struct bytes){0};
	if (from && parcel->opening_n)
		s->rest = rest;
	part_begin(s, parcel,
		   s->rest.n ? (struct bytes){(const char *)parcel->p, parcel->opening_n} : rest);
}

/* What is to be sent next of the part, n = 0: nothing. What is no events (nobody but our own
 * encoder should have made them) is passed over. */
static void part_next(struct stream_sink *s, const struct parcel *parcel, struct bytes *ret)
{
	if (!s->framed) {
		*ret = (struct bytes){s->part.p + s->part_sent, s->part.n - s->part_sent};
		return;
	}
	if (frames_next(&s->frames, s->part, ret) == 0)
		return;
	s->frames.at = s->part.n;
	frames_next(&s->frames, s->part, ret);
	if (parcel->number)
		s->env->refused(s->env->done_arg, parcel->number, parcel->records);
}

static int part_send(struct stream_sink *s, const struct parcel *parcel)
{
	for (;;) {
		struct bytes piece;
		struct iovec v;
		ssize_t n;

		part_next(s, parcel, &piece);
		if (!piece.n)
			return 0;
		v = (struct iovec){(void *)piece.p, piece.n};
		n = conn_write(s->conn, &v, 1);
		if (n < 0)
			return (int)n;
		s->sent += (uint64_t)n;
		if (s->framed)
			frames_sent(&s->frames, (size_t)n);
		else
			s->part_sent += (size_t)n;
	}
}

/* How much of the parcel has been sent. */
static size_t parcel_sent(const struct stream_sink *s, const struct parcel *parcel)
{
	return (size_t)(s->part.p - (const char *)parcel->p) +
	       (s->framed ? frames_taken(&s->frames) : s->part_sent);
}

static int parcel_send(struct stream_sink *s, const struct parcel *parcel)
{
	int r = part_send(s, parcel);

	if (r == 0 && s->rest.n) {
		struct bytes rest = s->rest;

		s->rest = (struct bytes){0};
		part_begin(s, parcel, rest);
		r = part_send(s, parcel);
	}
	if (r == 0 && parcel->number)
		flights_end(&s->flights, s->sent);
	s->full = r == -EAGAIN;
	return r;
}

static int stream_write(void *ctx, const struct parcel *parcel, size_t *done)
{
	struct stream_sink *s = ctx;
	int r = stream_hear(s);

	if (r < 0)
		return stream_fail(s, r);
	stream_settle(s);
	if (!s->inside && s->flights.n == FLIGHTS_MAX)
		return -EAGAIN;
	if (!s->inside)
		parcel_begin(s, parcel);
	r = parcel_send(s, parcel);
	if (r < 0 && r != -EAGAIN) {
		*done = 0;
		return stream_fail(s, r);
	}
	*done = parcel_sent(s, parcel);
	if (r == 0) {
		s->inside = false;
		stream_settle(s);
	}
	return r;
}

static void stream_wait(void *ctx, bool blocked, struct sink_wait *ret)
{
	const struct stream_sink *s = ctx;
	short want = s->half ? 0 : POLLIN;

	if (!s->conn) {
		dial_wait(s->dial, &ret->fd, &ret->events, &ret->timeout_ms);
		return;
	}
	if (blocked && s->full)
		want |= POLLOUT;
	ret->fd = conn_fd(s->conn);
	ret->events = conn_events(s->conn, want);
	ret->timeout_ms = -1;
	if (!s->ready)
		ret->timeout_ms = HANDSHAKE_MS / 10;
	else if (blocked && !s->full)
		ret->timeout_ms = s->ask_ms;
}

static int stream_service(void *ctx)
{
	struct stream_sink *s = ctx;
	int r = s->conn ? stream_hear(s) : 0;

	return r < 0 ? stream_fail(s, r) : 0;
}

/* Nothing tells that something has arrived but asking, which is cheap; less often where nothing
 * does. */
static int stream_sync(void *ctx)
{
	struct stream_sink *s = ctx;
	int r = stream_hear(s);

	if (r < 0)
		return stream_fail(s, r);
	stream_settle(s);
	s->full = false;
	s->ask_ms = s->ask_ms ? 2 * s->ask_ms : 1;
	if (s->ask_ms > ASK_MS)
		s->ask_ms = ASK_MS;
	return s->flights.n ? -EAGAIN : 0;
}

/* All of it has arrived, or nobody waits for that any longer. */
static int stream_end(void *ctx)
{
	struct stream_sink *s = ctx;

	if (!s->conn)
		return 0;
	conn_shutdown(s->conn);
	stream_hear(s); /* or the kernel would tell the peer that we broke off */
	stream_drop(s);
	return 0;
}

static const char *stream_why(const void *ctx)
{
	const struct stream_sink *s = ctx;

	return *s->why ? s->why : NULL;
}

static const char *stream_state(const void *ctx)
{
	const struct stream_sink *s = ctx;

	return s->ready ? s->state : NULL;
}

#define STREAM_OPS                                                                                 \
	.flags = SINK_STREAM, .cfg_size = sizeof(struct stream_cfg),                               \
	.ctx_size = sizeof(struct stream_sink), .format = "pb", .begin = stream_begin,             \
	.write = stream_write, .wait = stream_wait, .service = stream_service,                     \
	.sync = stream_sync, .end = stream_end, .why = stream_why, .state = stream_state,          \
	.close = stream_close

const struct sink_ops sink_tcp = {
	STREAM_OPS,
	.name = "tcp",
	.summary = "a TCP connection to host:port; protobuf with a u32 length in front",
	.check = tcp_check,
	.open = tcp_open,
};

const struct sink_ops sink_tcps = {
	STREAM_OPS,
	.name = "tcps",
	.summary = "the same with TLS",
	.options = stream_tls_options,
	.check = tcps_check,
	.open = tcps_open,
};

const struct sink_ops sink_unix = {
	STREAM_OPS,          .name = "unix",    .summary = "a connection to a unix socket",
	.check = unix_check, .open = unix_open,
};
