/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/fakes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture/layout.h"
#include "tests/support/records.h"

/* ---- sink ---------------------------------------------------------------------------------- */

struct fake_sink_ctx {
	struct fake_sink *s;
	const struct sink_env *env;
	uint64_t taken;
};

static int sink_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	struct fake_sink_ctx *c = ctx;

	c->s = (struct fake_sink *)(uintptr_t)cfg;
	c->env = env;
	return 0;
}

static void sink_append(struct fake_sink *s, const void *from, size_t n)
{
	char *p;

	if (s->n + n + 1 > s->cap) {
		s->cap = (s->n + n + 1) * 2;
		p = realloc(s->p, s->cap);
		/* tests/alloc lets one allocation fail by its number, which may be this one, as
		 * threads take turns: it is none of what is tested. */
		s->p = p ? p : realloc(s->p, s->cap);
		if (!s->p)
			abort();
	}
	memcpy(s->p + s->n, from, n);
	s->n += n;
	s->p[s->n] = 0;
}

static int sink_begin(void *ctx, const struct sink_medium *medium)
{
	struct fake_sink *s = ((struct fake_sink_ctx *)ctx)->s;

	s->begins++;
	if (s->marks)
		sink_append(s, "<medium>", 8);
	return 0;
}

static int sink_write(void *ctx, const struct parcel *parcel, size_t *done)
{
	struct fake_sink_ctx *c = ctx;
	struct fake_sink *s = c->s;
	size_t take = parcel->n - *done;

	if (__atomic_load_n(&s->stuck, __ATOMIC_ACQUIRE))
		return -EAGAIN;
	if (s->delay_ms)
		nanosleep(&(struct timespec){.tv_nsec = s->delay_ms * 1000000L}, NULL);
	s->writes++;
	if (s->fail && s->writes > s->fail_after &&
	    (!s->fail_for || s->writes <= s->fail_after + s->fail_for))
		return s->fail;
	if (s->at_once && take > s->at_once)
		take = s->at_once;
	sink_append(s, parcel->p + *done, take);
	*done += take;
	if (*done < parcel->n)
		return -EAGAIN;
	if (parcel->number)
		c->taken = parcel->number;
	if (parcel->number && s->refuse)
		c->env->refused(c->env->done_arg, parcel->number, s->refuse);
	if (!s->acks)
		c->env->done(c->env->done_arg, c->taken);
	return 0;
}

/* Soon: what it waits for is a variable. */
static void sink_wait(void *ctx, bool blocked, struct sink_wait *ret)
{
	if (blocked)
		ret->timeout_ms = 1;
}

static int sink_sync(void *ctx)
{
	struct fake_sink_ctx *c = ctx;

	c->s->syncs++;
	if (c->s->fail_sync)
		return c->s->fail_sync;
	c->env->done(c->env->done_arg, c->taken);
	return 0;
}

static int sink_end(void *ctx)
{
	struct fake_sink *s = ((struct fake_sink_ctx *)ctx)->s;

	s->ends++;
	return s->fail_end;
}

static void sink_close(void *ctx)
{
	struct fake_sink_ctx *c = ctx;

	if (c->s)
		c->s->closes++;
}

#define FAKE_SINK                                                                                  \
	.name = "fake", .ctx_size = sizeof(struct fake_sink_ctx), .open = sink_open,               \
	.begin = sink_begin, .write = sink_write, .wait = sink_wait, .sync = sink_sync,            \
	.end = sink_end, .close = sink_close

const struct sink_ops fake_sink_ops = {FAKE_SINK};
const struct sink_ops fake_stream_ops = {FAKE_SINK, .flags = SINK_STREAM};

void fake_sink_done(struct fake_sink *s)
{
	free(s->p);
}

/* ---- encoder ------------------------------------------------------------------------------- */

static int put(struct chunk *c, const char *line)
{
	size_t n = strlen(line);

	if (chunk_room(c) < n + 64)
		return -ENOBUFS;
	chunk_put(c, line, n);
	return 0;
}

static int preamble(void *ctx, const struct run *run, struct out *out)
{
	char line[64];

	snprintf(line, sizeof(line), "generation %u\n", out->tail->generation);
	return put(out->tail, line);
}

static int plain_preamble(void *ctx, const struct run *run, struct out *out)
{
	return put(out->tail, "head\n");
}

static struct bytes text_of(const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_EXEC:
		return ev->exec.argv;
	case EVENT_LINE:
		return ev->line.text;
	case EVENT_LOSS:
		return bytes_of(ev->loss.reason);
	default:
		return (struct bytes){0};
	}
}

static int encode(void *ctx, const struct event *ev, struct out *out)
{
	struct bytes comm = ev->proc ? ev->proc->comm : BYTES("-"), text = text_of(ev);
	char head[128];
	int n;

	if (ev->kind == EVENT_EXIT)
		return -EOPNOTSUPP;
	if (ev->probe && !strcmp(ev->probe, "huge"))
		return -EMSGSIZE;
	n = snprintf(head, sizeof(head), "%s %llu %.*s ", event_kind_name(ev->kind),
		     (unsigned long long)ev->seq, (int)comm.n, comm.p);
	if (chunk_room(out->tail) < (size_t)n + text.n + 1)
		return -ENOBUFS;
	chunk_put(out->tail, head, (size_t)n);
	chunk_put(out->tail, text.p, text.n);
	chunk_put(out->tail, "\n", 1);
	return 0;
}

static int encode_early(void *ctx, const struct event *ev, struct out *out)
{
	struct bytes text = text_of(ev);
	struct chunk *c;

	if (!(ev->flags & EVENT_F_REDACTED))
		return encode(ctx, ev, out);
	c = out_room(out, LANE_EARLY, text.n + 8);
	if (!c)
		return -ENOBUFS;
	chunk_put(c, "early ", 6);
	chunk_put(c, text.p, text.n);
	chunk_put(c, "\n", 1);
	return 0;
}

static int epilogue(void *ctx, struct out *out)
{
	return put(out->tail, "end\n");
}

/* A line for each call, until the third. */
static int long_epilogue(void *ctx, struct out *out)
{
	static const char *const lines[] = {"one\n", "two\n", "end\n"};
	unsigned *n = ctx;

	chunk_put(out->tail, lines[*n], strlen(lines[*n]));
	return ++*n < 3 ? -ENOBUFS : 0;
}

const struct encoder_ops fake_plain_encoder = {
	.name = "plain",
	.preamble = plain_preamble,
	.encode = encode,
};

const struct encoder_ops fake_encoder = {
	.name = "fake",
	.flags = ENCODER_CONTEXT,
	.preamble = preamble,
	.encode = encode,
	.epilogue = epilogue,
};

const struct encoder_ops fake_early_encoder = {
	.name = "early",
	.flags = ENCODER_CONTEXT,
	.preamble = preamble,
	.encode = encode_early,
	.epilogue = epilogue,
};

const struct encoder_ops fake_long_encoder = {
	.name = "long",
	.flags = ENCODER_CONTEXT,
	.ctx_size = sizeof(unsigned),
	.preamble = preamble,
	.encode = encode,
	.epilogue = long_epilogue,
};

struct output_config fake_output_config(struct fake_sink *sink)
{
	return (struct output_config){.label = "fake",
				      .encoder = &fake_encoder,
				      .sink = &fake_sink_ops,
				      .sink_cfg = sink,
				      .kinds = UINT32_MAX,
				      .flush_ns = 1000000000};
}

/* ---- probes -------------------------------------------------------------------------------- */

static int decode_exec(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "exec", ret);
}

static int decode_bash(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "bash", ret);
}

static int decode_tls(const struct rec *rec, struct part *ret)
{
	return layout_decode(rec, "openssl", ret);
}

const struct probe_ops *fake_probe_by_number(uint16_t number)
{
	static const struct probe_ops exec = {.name = "exec", .decode = decode_exec};
	static const struct probe_ops bash = {.name = "bash", .decode = decode_bash};
	static const struct probe_ops tls = {.name = "openssl", .decode = decode_tls};

	switch (number) {
	case RECORDS_EXEC:
		return &exec;
	case RECORDS_BASH:
		return &bash;
	case RECORDS_TLS:
		return &tls;
	default:
		return NULL;
	}
}
