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
};

static int sink_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	struct fake_sink_ctx *c = ctx;

	c->s = (struct fake_sink *)(uintptr_t)cfg;
	return 0;
}

static void sink_append(struct fake_sink *s, const void *p, size_t n)
{
	if (s->n + n + 1 > s->cap) {
		s->cap = (s->n + n + 1) * 2;
		s->p = realloc(s->p, s->cap);
		if (!s->p)
			abort();
	}
	memcpy(s->p + s->n, p, n);
	s->n += n;
	s->p[s->n] = 0;
}

static int sink_write(void *ctx, const struct iovec *iov, int n, size_t *ret_done)
{
	struct fake_sink *s = ((struct fake_sink_ctx *)ctx)->s;
	size_t take = iov->iov_len;

	while (__atomic_load_n(&s->stuck, __ATOMIC_ACQUIRE))
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	s->writes++;
	if (s->fail && s->writes > s->fail_after &&
	    (!s->fail_for || s->writes <= s->fail_after + s->fail_for))
		return s->fail;
	if (s->at_once && take > s->at_once)
		take = s->at_once;
	sink_append(s, iov->iov_base, take);
	*ret_done = take;
	return take < iov->iov_len ? -EAGAIN : 0;
}

static void sink_close(void *ctx)
{
	struct fake_sink_ctx *c = ctx;

	if (c->s)
		c->s->closes++;
}

const struct sink_ops fake_sink_ops = {
	.name = "fake",
	.ctx_size = sizeof(struct fake_sink_ctx),
	.open = sink_open,
	.write = sink_write,
	.close = sink_close,
};

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

	snprintf(line, sizeof(line), "epoch %u\n", out->tail->epoch);
	return put(out->tail, line);
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
	if (ev->flags & EVENT_F_REDACTED && out->early)
		return put(out->early, "early\n");
	return encode(ctx, ev, out);
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

const struct encoder_ops fake_encoder = {
	.name = "fake",
	.preamble = preamble,
	.encode = encode,
	.epilogue = epilogue,
};

const struct encoder_ops fake_early_encoder = {
	.name = "early",
	.preamble = preamble,
	.encode = encode_early,
	.epilogue = epilogue,
};

const struct encoder_ops fake_long_encoder = {
	.name = "long",
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

const struct probe_ops *fake_probe_by_number(uint16_t number)
{
	static const struct probe_ops exec = {.name = "exec", .decode = decode_exec};
	static const struct probe_ops bash = {.name = "bash", .decode = decode_bash};

	return number == RECORDS_EXEC ? &exec : number == RECORDS_BASH ? &bash : NULL;
}
