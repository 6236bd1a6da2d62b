/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * OTLP/HTTP: log records for any collector of OpenTelemetry. The encoder of the same name makes
 * the pieces, this makes requests of them and takes the answers. A collector that is away or says
 * "later" never ends the medium: its requests are sent again until they are answered.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "sinks/otlp_requests.h"

enum otlp_compress {
	COMPRESS_GZIP,
	COMPRESS_NONE
};

struct otlp_cfg {
	struct otlp_http_cfg http;
	uint32_t inflight;
	int compress;
};

struct otlp_sink {
	struct sink_env env;
	struct otlp_requests requests;
	char state[ADDRESS_TEXT + 400];
};

static const char *const compress_names[] = {"gzip", "none", NULL};
static const char *const formats[] = {"otlp", NULL};

#define OTLP_OPTIONS                                                                               \
	{.name = "header",                                                                         \
	 .type = OPT_LIST,                                                                         \
	 .offset = offsetof(struct otlp_cfg, http.headers),                                        \
	 .arg = "'NAME: VALUE'",                                                                   \
	 .help = "a header of each request, as for a password; may come more than once"},          \
		{.name = "headers-file",                                                           \
		 .type = OPT_STRING,                                                               \
		 .offset = offsetof(struct otlp_cfg, http.headers_file),                           \
		 .arg = "FILE",                                                                    \
		 .help = "the same from FILE, one a line, where other users do not see them"},     \
		{.name = "compress",                                                               \
		 .type = OPT_CHOICE,                                                               \
		 .offset = offsetof(struct otlp_cfg, compress),                                    \
		 .arg = "HOW",                                                                     \
		 .def = "gzip",                                                                    \
		 .choices = compress_names,                                                        \
		 .help = "how requests are compressed"},                                           \
		{.name = "inflight",                                                               \
		 .type = OPT_U32,                                                                  \
		 .offset = offsetof(struct otlp_cfg, inflight),                                    \
		 .arg = "N",                                                                       \
		 .def = "4",                                                                       \
		 .help = "requests that wait for their answer at the same time",                   \
		 .min = 1,                                                                         \
		 .max = OTLP_REQUESTS_MOST},                                                       \
	{                                                                                          \
		.name = "timeout", .type = OPT_DURATION,                                           \
		.offset = offsetof(struct otlp_cfg, http.timeout_ns), .arg = "TIME", .def = "30s", \
		.help = "a request without an answer is sent again after that time",               \
		.min = 1000000000ull, .max = 3600000000000ull                                      \
	}

static const struct opt otlp_options[] = {OTLP_OPTIONS, OPT_END};
static const struct opt otlps_options[] = {OTLP_OPTIONS,
					   TLS_CLIENT_OPTIONS(struct otlp_cfg, http.tls), OPT_END};

/* ---- the target ---------------------------------------------------------------------------- */

/* "host[:port][/path]"; hosts may be several, separated by commas. */
static int target_parse(const char *target, struct address_list *ret_list,
			char ret_path[OTLP_HTTP_PATH], struct err *err)
{
	const char *path = strchrnul(target, '/');
	char hosts[ADDRESS_MAX * 300];

	if ((size_t)(path - target) >= sizeof(hosts) || strlen(path) >= OTLP_HTTP_PATH)
		return errf(err, -EINVAL, "is too long");
	snprintf(hosts, sizeof(hosts), "%.*s", (int)(path - target), target);
	for (const char *c = target; *c; c++)
		if (*c <= ' ' || *c > '~' || (c < path && strchr("@?#", *c)) || *c == '#')
			return errf(err, -EINVAL, "is no host[:port][/path]");
	snprintf(ret_path, OTLP_HTTP_PATH, "%s", *path && path[1] ? path : "/v1/logs");
	return address_parse(hosts, "4318", ret_list, err);
}

static int otlp_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	struct address_list list;
	char path[OTLP_HTTP_PATH];
	int r = target_parse(target, &list, path, err);

	*ret_bare = false;
	for (unsigned i = 0; r == 0 && i < list.n; i++)
		*ret_bare |= !address_is_local(&list.v[i]);
	return r;
}

static int otlps_check(const void *cfg, const char *target, bool *ret_bare, struct err *err)
{
	int r = otlp_check(cfg, target, ret_bare, err);

	*ret_bare = false;
	return r;
}

/* ---- operations ---------------------------------------------------------------------------- */

static int otlp_open_either(struct otlp_sink *s, const struct otlp_cfg *cfg,
			    const struct sink_env *env, bool tls, struct err *err)
{
	struct address_list list;
	char path[OTLP_HTTP_PATH];
	struct otlp_http *http;
	int r = target_parse(env->target, &list, path, err);

	if (r == 0)
		r = otlp_http_new(&cfg->http, tls, &list, path, &http, err);
	if (r)
		return r;
	s->env = *env;
	return otlp_requests_open(&s->requests, http, cfg->inflight, cfg->compress == COMPRESS_GZIP,
				  &s->env, err);
}

static int otlp_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	return otlp_open_either(ctx, cfg, env, false, err);
}

static int otlps_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	return otlp_open_either(ctx, cfg, env, true, err);
}

static int otlp_begin(void *ctx, const struct sink_medium *medium)
{
	struct otlp_sink *s = ctx;

	otlp_requests_reset(&s->requests);
	return 0;
}

static int otlp_write(void *ctx, const struct parcel *parcel, size_t *done)
{
	struct bytes bytes = {(const char *)parcel->p, parcel->n};
	struct otlp_sink *s = ctx;

	otlp_requests_turn(&s->requests);
	if (!parcel->number)
		otlp_requests_resource(&s->requests, bytes);
	else if (!otlp_requests_add(&s->requests, parcel))
		return -EAGAIN;
	*done = parcel->n;
	return 0;
}

static int otlp_sync(void *ctx)
{
	struct otlp_sink *s = ctx;

	otlp_requests_seal(&s->requests);
	otlp_requests_turn(&s->requests);
	return s->requests.n ? -EAGAIN : 0;
}

static int otlp_service(void *ctx)
{
	otlp_sync(ctx);
	return 0;
}

/* What was not sent until now has nothing to wait for. */
static void otlp_wait(void *ctx, bool blocked, struct sink_wait *ret)
{
	struct otlp_sink *s = ctx;

	otlp_sync(s);
	ret->events = POLLIN;
	otlp_requests_wait(&s->requests, &ret->fd, &ret->timeout_ms);
}

static const char *otlp_why(const void *ctx)
{
	const struct otlp_sink *s = ctx;

	return *s->requests.why ? s->requests.why : NULL;
}

static int otlp_trouble(const void *ctx)
{
	const struct otlp_sink *s = ctx;

	return s->requests.trouble;
}

static const char *otlp_state(const void *ctx)
{
	struct otlp_sink *s = (struct otlp_sink *)ctx;
	const struct otlp_requests *q = &s->requests;

	snprintf(s->state, sizeof(s->state), "%u requests under way%s%s", q->n,
		 *q->notice ? "; it says: " : "", q->notice);
	return s->state;
}

static void otlp_close(void *ctx)
{
	struct otlp_sink *s = ctx;

	otlp_requests_close(&s->requests);
}

#define OTLP_OPS                                                                                   \
	.flags = SINK_STREAM | SINK_APART | SINK_AS_IS, .cfg_size = sizeof(struct otlp_cfg),       \
	.ctx_size = sizeof(struct otlp_sink), .format = "otlp", .formats = formats,                \
	.begin = otlp_begin, .write = otlp_write, .wait = otlp_wait, .service = otlp_service,      \
	.sync = otlp_sync, .why = otlp_why, .trouble = otlp_trouble, .state = otlp_state,          \
	.close = otlp_close

const struct sink_ops sink_otlp = {
	OTLP_OPS,
	.name = "otlp",
	.summary = "a collector of OpenTelemetry, by OTLP/HTTP: host[:4318][/path]",
	.options = otlp_options,
	.check = otlp_check,
	.open = otlp_open,
};

const struct sink_ops sink_otlps = {
	OTLP_OPS,
	.name = "otlps",
	.summary = "the same over TLS",
	.options = otlps_options,
	.check = otlps_check,
	.open = otlps_open,
};
