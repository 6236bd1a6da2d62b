/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tcp-listen, tcps-listen and unix-listen: serve what comes to whoever connects, to several at
 * once, each from a place on from which it can be understood: behind the opening bytes from the
 * next parcel on, or, where the encoder keeps context, from the next generation on, which is asked
 * for.
 *
 * What nobody listens to is not lost. What is served lies in one backlog, in which each reader has
 * its place; who falls behind further than that is cut off, and counted. So nothing here ever waits
 * for a reader but the end, which does while something moves.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "capture/base/cleanup.h"
#include "capture/base/elapsed.h"
#include "sinks/listen_inside.h"

enum {
	STALL_MS = 1000, /* at the end nobody waits for a reader that takes nothing for so long */
	END_MS = 20,
};

/* ---- target and options -------------------------------------------------------------------- */

#define LISTEN_OPTIONS                                                                             \
	{.name = "backlog",                                                                        \
	 .type = OPT_SIZE,                                                                         \
	 .offset = offsetof(struct listen_cfg, backlog),                                           \
	 .arg = "BYTES",                                                                           \
	 .def = "16M",                                                                             \
	 .help = "cut off a reader that is further behind than that",                              \
	 .min = 1024 * 1024,                                                                       \
	 .max = 1ull << 40},                                                                       \
	{                                                                                          \
		.name = "readers", .type = OPT_U32,                                                \
		.offset = offsetof(struct listen_cfg, readers), .arg = "N", .def = "64",           \
		.help = "serve at most N at once", .min = 1, .max = LISTEN_READERS_MAX             \
	}

static const struct opt listen_options[] = {
	LISTEN_OPTIONS,
	OPT_END,
};

static const struct opt listen_tls_options[] = {
	LISTEN_OPTIONS,
	{.name = "cert",
	 .type = OPT_STRING,
	 .offset = offsetof(struct listen_cfg, tls.cert),
	 .arg = "FILE",
	 .help = "our certificate, and what leads to its authority"},
	{.name = "key",
	 .type = OPT_STRING,
	 .offset = offsetof(struct listen_cfg, tls.key),
	 .arg = "FILE",
	 .help = "the private key, where cert= does not hold it"},
	{.name = "ca",
	 .type = OPT_STRING,
	 .offset = offsetof(struct listen_cfg, tls.ca),
	 .arg = "FILE",
	 .help = "only readers with a certificate by one of these authorities"},
	{.name = "allow",
	 .type = OPT_STRING,
	 .offset = offsetof(struct listen_cfg, tls.allow),
	 .arg = "NAME[+NAME]",
	 .help = "and only with one of these names in it"},
	OPT_END,
};

static int listen_parse(const char *target, bool path, struct address *ret, struct err *err)
{
	struct address_list list;
	int r = path ? address_parse_path(target, &list, err)
		     : address_parse(target, NULL, &list, err);

	if (r == 0 && list.n > 1)
		return errf(err, -EINVAL, "there is one address to listen at");
	if (r == 0)
		*ret = list.v[0];
	return r;
}

static int tcp_listen_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	struct address a;
	int r = listen_parse(target, false, &a, err);

	*ret_bare = r == 0 && !address_is_local(&a);
	return r;
}

static int tcps_listen_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	const struct listen_cfg *c = cfg;
	struct address a;

	*ret_bare = false;
	if (!c->tls.cert)
		return errf(err, -EINVAL, "needs cert=, and key= where that does not hold it");
	return listen_parse(target, false, &a, err);
}

static int unix_listen_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	struct address a;

	*ret_bare = false;
	return listen_parse(target, true, &a, err);
}

/* ---- open and close ------------------------------------------------------------------------ */

static int listen_prepare(struct listen_sink *s, struct err *err)
{
	int r;

	s->readers = calloc(s->cfg->readers, sizeof(*s->readers));
	if (!s->readers || backlog_new(&s->backlog, s->cfg->backlog) < 0)
		return errf(err, -ENOMEM, "out of memory");
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->epoll < 0 || s->timer < 0)
		return errf(err, -errno, "cannot listen: %s", strerror(errno));
	r = listen_open_door(s);
	return r < 0 ? errf(err, r, "cannot listen: %s", strerror(-r)) : 0;
}

static int listen_open(struct listen_sink *s, const void *cfg, bool path,
		       const struct sink_env *env, struct err *err)
{
	struct address a;
	int r = listen_parse(env->target, path, &a, err);

	s->cfg = cfg;
	s->env = env;
	s->epoll = s->timer = -1;
	s->framed = env->format && !strcmp(env->format, "pb");
	if (r == 0)
		r = listener_open(&a, env->uid, env->gid, &s->listener, err);
	if (r == 0)
		r = listen_prepare(s, err);
	if (r < 0)
		return r;
	s->any_port = !strcmp(a.port, "0");
	listen_describe(s);
	return 0;
}

static int tcp_listen_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	return listen_open(ctx, cfg, false, env, err);
}

static int tcps_listen_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	const struct listen_cfg *c = cfg;
	struct listen_sink *s = ctx;
	int r;

	s->epoll = s->timer = -1;
	r = tls_server_new(&c->tls, &s->tls, err);
	return r == 0 ? listen_open(s, cfg, false, env, err) : r;
}

static int unix_listen_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	return listen_open(ctx, cfg, true, env, err);
}

static void listen_end_all(struct listen_sink *s)
{
	for (unsigned i = 0; s->readers && i < s->cfg->readers; i++)
		if (s->readers[i].state)
			listen_reader_end(&s->readers[i], false);
}

static void listen_close(void *ctx)
{
	struct listen_sink *s = ctx;

	if (s->env) { /* else it was not even tried to open it */
		listen_end_all(s);
		listener_close(&s->listener);
		cleanup_closep(&s->epoll);
		cleanup_closep(&s->timer);
	}
	backlog_free(&s->backlog);
	free(s->readers);
	free(s->opening);
	tls_free(s->tls);
}

/* ---- parcels ------------------------------------------------------------------------------- */

static void listen_put(struct listen_sink *s, struct bytes b)
{
	struct bytes piece;

	if (!s->framed) {
		backlog_put(&s->backlog, b.p, b.n);
		return;
	}
	frames_reset(&s->frames);
	while (frames_next(&s->frames, b, &piece) == 0 && piece.n) {
		backlog_put(&s->backlog, piece.p, piece.n);
		frames_sent(&s->frames, piece.n);
	}
}

/* Keeps what each newcomer gets first. */
static void listen_keep_opening(struct listen_sink *s, struct bytes b)
{
	size_t n = 0;
	uint8_t *p = malloc(4 * b.n); /* an event that is nothing but its length grows so much */
	struct bytes piece;

	if (!p)
		return;
	if (!s->framed) {
		memcpy(p, b.p, n = b.n);
	} else {
		frames_reset(&s->frames);
		while (frames_next(&s->frames, b, &piece) == 0 && piece.n) {
			memcpy(p + n, piece.p, piece.n);
			n += piece.n;
			frames_sent(&s->frames, piece.n);
		}
	}
	free(s->opening);
	s->opening = p;
	s->opening_n = n;
}

/* Those who wait for a generation begin with this one. */
static void listen_admit(struct listen_sink *s)
{
	for (unsigned i = 0; i < s->cfg->readers; i++) {
		struct listen_reader *r = &s->readers[i];

		if (r->state == READER_AWAITS)
			listen_reader_begin(r, NULL, 0, s->backlog.end);
	}
}

/* Sends what has come to those who have nothing before it; the others get it in their turn. */
static void listen_serve(struct listen_sink *s, uint64_t before)
{
	for (unsigned i = 0; i < s->cfg->readers; i++) {
		struct listen_reader *r = &s->readers[i];

		if (r->state != READER_READS)
			continue;
		if (!backlog_has(&s->backlog, r->at)) {
			listen_reader_end(r, true);
			s->cut++;
			listen_describe(s);
		} else if (r->at == before && !r->opening) {
			listen_serve_one(s, r);
		}
	}
}

static int listen_write(void *ctx, const struct parcel *parcel, size_t *done)
{
	struct bytes b = {(const char *)parcel->p, parcel->n};
	struct listen_sink *s = ctx;
	uint64_t before;
	unsigned n;
	bool even;

	listen_turn(s);
	*done = parcel->n;
	if (s->env->context && parcel->opening_n)
		listen_admit(s);
	else if (!s->env->context && parcel->opening_n && (!parcel->number || !s->opening))
		listen_keep_opening(s, (struct bytes){b.p, parcel->opening_n});
	even = listen_is_even(s, &n);
	if (!n)
		return 0;
	if (even)
		backlog_forget(&s->backlog);
	before = s->backlog.end;
	listen_put(s, b);
	listen_serve(s, before);
	return 0;
}

static void listen_wait(void *ctx, bool blocked, struct sink_wait *ret)
{
	const struct listen_sink *s = ctx;

	ret->fd = s->epoll;
	ret->events = POLLIN;
	ret->timeout_ms = blocked ? END_MS : -1;
}

static int listen_service(void *ctx)
{
	listen_turn(ctx);
	return 0;
}

/* Everybody gets what there is, unless he takes nothing. */
static int listen_end(void *ctx)
{
	struct listen_sink *s = ctx;
	int64_t now_ms;

	listen_turn(s);
	now_ms = elapsed_ms();
	for (unsigned i = 0; i < s->cfg->readers; i++) {
		const struct listen_reader *r = &s->readers[i];

		if (listen_reader_lags(r, &s->backlog) && now_ms - r->moved_ms < STALL_MS)
			return -EAGAIN;
	}
	for (unsigned i = 0; i < s->cfg->readers; i++) {
		struct listen_reader *r = &s->readers[i];
		bool lags = listen_reader_lags(r, &s->backlog);

		s->cut += lags;
		if (r->state)
			listen_reader_end(r, lags);
	}
	listen_describe(s);
	return 0;
}

static const char *listen_state(const void *ctx)
{
	const struct listen_sink *s = ctx;

	return s->state;
}

#define LISTEN_OPS                                                                                 \
	.flags = SINK_STREAM | SINK_AS_IS, .cfg_size = sizeof(struct listen_cfg),                  \
	.ctx_size = sizeof(struct listen_sink), .format = "pb", .write = listen_write,             \
	.wait = listen_wait, .service = listen_service, .end = listen_end, .state = listen_state,  \
	.close = listen_close

const struct sink_ops sink_tcp_listen = {
	LISTEN_OPS,
	.name = "tcp-listen",
	.summary = "whoever connects to host:port (or *:port), several at once",
	.options = listen_options,
	.check = tcp_listen_check,
	.open = tcp_listen_open,
};

const struct sink_ops sink_tcps_listen = {
	LISTEN_OPS,
	.name = "tcps-listen",
	.summary = "the same with TLS",
	.options = listen_tls_options,
	.check = tcps_listen_check,
	.open = tcps_listen_open,
};

const struct sink_ops sink_unix_listen = {
	LISTEN_OPS,
	.name = "unix-listen",
	.summary = "whoever connects to a unix socket",
	.options = listen_options,
	.check = unix_listen_check,
	.open = unix_listen_open,
};
