/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frame Streams to a collector: over TCP, over TLS, or to a unix socket. See sinks/fstrm_talk.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/sink.h"
#include "sinks/fstrm_talk.h"

enum {
	FSTRM_LEVEL = 1 /* of zstd */
};

struct fstrm_cfg {
	int codec;
	struct tls_cfg tls;
};

struct fstrm_sink {
	struct fstrm_talk talk;
	char state[ADDRESS_TEXT + 40];
};

static const char *const fstrm_formats[] = {"pb", NULL};
static const char *const fstrm_codecs[] = {"none", "zst", NULL};

#define FSTRM_CODEC_OPTION                                                                         \
	{                                                                                          \
		.name = "codec", .type = OPT_CHOICE, .offset = offsetof(struct fstrm_cfg, codec),  \
		.arg = "HOW", .def = "none", .choices = fstrm_codecs,                              \
		.help = "compress batches for a collector of ours, where they get smaller"         \
	}

static const struct opt fstrm_options[] = {
	FSTRM_CODEC_OPTION,
	OPT_END,
};

static const struct opt fstrms_options[] = {
	FSTRM_CODEC_OPTION,
	TLS_CLIENT_OPTIONS(struct fstrm_cfg, tls),
	OPT_END,
};

/* ---- opening ------------------------------------------------------------------------------- */

static int fstrm_open_zstd(struct fstrm_talk *t, struct err *err)
{
	t->packed = malloc(BATCH_RAW_MAX);
	t->zstd = ZSTD_createCCtx();
	if (!t->packed || !t->zstd)
		return errf(err, -ENOMEM, "out of memory");
	ZSTD_CCtx_setParameter(t->zstd, ZSTD_c_compressionLevel, FSTRM_LEVEL);
	return 0;
}

static int fstrm_open_at(struct fstrm_sink *s, const struct fstrm_cfg *cfg,
			 const struct sink_env *env, const struct address_list *list,
			 struct err *err)
{
	s->talk.done = env->done;
	s->talk.done_arg = env->done_arg;
	s->talk.link.dial = dial_new(list);
	if (!s->talk.link.dial)
		return errf(err, -ENOMEM, "out of memory");
	return cfg->codec ? fstrm_open_zstd(&s->talk, err) : 0;
}

static int fstrm_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	struct address_list list;
	int r = address_parse(env->target, NULL, &list, err);

	return r < 0 ? r : fstrm_open_at(ctx, cfg, env, &list, err);
}

static int fstrms_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	const struct fstrm_cfg *c = cfg;
	struct fstrm_sink *s = ctx;
	int r = tls_client_new(&c->tls, &s->talk.link.tls, err);

	return r < 0 ? r : fstrm_open(ctx, cfg, env, err);
}

static int fstrm_unix_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	struct address_list list;
	int r = address_parse_path(env->target, &list, err);

	return r < 0 ? r : fstrm_open_at(ctx, cfg, env, &list, err);
}

static int fstrms_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	struct address_list list;

	*ret_bare = false;
	return address_parse(target, NULL, &list, err);
}

static int fstrm_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	struct address_list list;
	int r = address_parse(target, NULL, &list, err);

	if (r < 0)
		return r;
	*ret_bare = false;
	for (unsigned i = 0; i < list.n; i++)
		*ret_bare |= !address_is_local(&list.v[i]);
	return 0;
}

static int fstrm_unix_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	struct address_list list;

	*ret_bare = false;
	return address_parse_path(target, &list, err);
}

static void fstrm_close(void *ctx)
{
	struct fstrm_talk *t = &((struct fstrm_sink *)ctx)->talk;

	fstrm_link_drop(&t->link);
	dial_free(t->link.dial);
	tls_free(t->link.tls);
	ZSTD_freeCCtx(t->zstd);
	free(t->packed);
}

/* ---- sending ------------------------------------------------------------------------------- */

static int fstrm_begin(void *ctx, const struct sink_medium *medium)
{
	struct fstrm_sink *s = ctx;
	int r = fstrm_talk_begin(&s->talk);

	if (r == 0)
		snprintf(s->state, sizeof(s->state), "%s takes %s", s->talk.link.peer,
			 s->talk.link.batch ? "acknowledged batches" : "events");
	return r;
}

static int fstrm_write(void *ctx, const struct parcel *p, size_t *done)
{
	struct fstrm_sink *s = ctx;

	return fstrm_talk_write(&s->talk, p, done);
}

static void fstrm_wait(void *ctx, bool blocked, struct sink_wait *ret)
{
	struct fstrm_sink *s = ctx;

	fstrm_talk_wait(&s->talk, blocked, ret);
}

static int fstrm_service(void *ctx)
{
	struct fstrm_sink *s = ctx;
	int r = s->talk.link.state == FSTRM_LINK_OPEN ? fstrm_talk_look(&s->talk) : -EAGAIN;

	return r == -EAGAIN ? 0 : r;
}

static int fstrm_sync(void *ctx)
{
	struct fstrm_sink *s = ctx;
	int r = fstrm_talk_look(&s->talk);

	s->talk.is_full = false;
	return r == -EAGAIN && !s->talk.acks.n ? 0 : r;
}

static int fstrm_end(void *ctx)
{
	struct fstrm_sink *s = ctx;

	fstrm_talk_end(&s->talk);
	return 0;
}

static const char *fstrm_why(const void *ctx)
{
	const struct fstrm_sink *s = ctx;

	return *s->talk.link.why ? s->talk.link.why : NULL;
}

static const char *fstrm_state(const void *ctx)
{
	const struct fstrm_sink *s = ctx;

	return s->talk.link.state == FSTRM_LINK_OPEN ? s->state : NULL;
}

#define FSTRM_OPS                                                                                  \
	.flags = SINK_STREAM | SINK_AS_IS, .cfg_size = sizeof(struct fstrm_cfg),                   \
	.ctx_size = sizeof(struct fstrm_sink), .format = "pb", .formats = fstrm_formats,           \
	.begin = fstrm_begin, .write = fstrm_write, .wait = fstrm_wait, .service = fstrm_service,  \
	.sync = fstrm_sync, .end = fstrm_end, .why = fstrm_why, .state = fstrm_state,              \
	.close = fstrm_close

const struct sink_ops sink_fstrm = {
	FSTRM_OPS,
	.name = "fstrm",
	.summary = "Frame Streams to a collector, which acknowledges what it has if it is ours",
	.options = fstrm_options,
	.check = fstrm_check,
	.open = fstrm_open,
};

const struct sink_ops sink_fstrms = {
	FSTRM_OPS,
	.name = "fstrms",
	.summary = "the same, encrypted",
	.options = fstrms_options,
	.check = fstrms_check,
	.open = fstrms_open,
};

const struct sink_ops sink_fstrm_unix = {
	FSTRM_OPS,
	.name = "fstrm+unix",
	.summary = "Frame Streams to a unix socket of this machine",
	.options = fstrm_options,
	.check = fstrm_unix_check,
	.open = fstrm_unix_open,
};
