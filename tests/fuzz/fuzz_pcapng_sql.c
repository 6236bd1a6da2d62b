/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as QUERY events of a few connections, into pcapng with streams=on: what is written is
 * read back by a reader that aborts where it is not well-formed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/encoder.h"
#include "tests/support/events.h"
#include "tests/support/packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	KIND_POSTGRES = 1,
	KIND_CLIENT = 2,
	KIND_FAILED = 4,
	KIND_ROWS = 8,
	KIND_NO_FLOW = 16,
	KIND_UNKNOWN = 32, /* addresses */
	KIND_EPOCH = 64,   /* in a new file */
	KIND_INNER = 128
};

struct choice {
	uint8_t kind, command, flow, params;
	uint8_t text, name, message, cap; /* how long; room of the chunk */
	uint64_t start, number;
};

static struct chunk *chunk;

static struct bytes bytes_take(const uint8_t **data, size_t *n, size_t want)
{
	struct bytes b = {(const char *)*data, want < *n ? want : *n};

	*data += b.n;
	*n -= b.n;
	return b;
}

static void check_file(const struct encoder_ops *ops, void *ctx, struct out *out)
{
	static struct packet packet;

	out->tail->cap = CHUNK_JUMBO;
	if (ops->epilogue(ctx, out))
		abort();
	packets_read(out->tail->p, out->tail->len, &packet, 1);
}

static void begin_file(const struct encoder_ops *ops, void *ctx, struct out *out)
{
	out->tail->len = 0;
	if (ops->preamble(ctx, events_of(EVENT_META).run, out))
		abort();
}

static void query_fill(struct event_query *q, const struct choice *c, const uint8_t **data,
		       size_t *n)
{
	static const char *const commands[] = {"query",     "prepare",  "bind",        "execute",
					       "statement", "database", "change_user", "call"};

	q->system = c->kind & KIND_POSTGRES ? "postgresql" : "mysql";
	q->side = c->kind & KIND_CLIENT ? "client" : "server";
	q->command = commands[c->command % 8];
	q->outer = c->kind & KIND_INNER ? 1 : 0;
	q->session = c->flow;
	q->statement_id = (uint32_t)c->number;
	q->failed = c->kind & KIND_FAILED;
	q->has_rows = c->kind & KIND_ROWS;
	q->rows = c->number;
	q->start_boot_ns = c->start;
	q->text = bytes_take(data, n, c->text);
	q->text_total = q->text.n;
	q->user = q->database = q->application = q->statement_name = bytes_take(data, n, c->name);
	q->message = bytes_take(data, n, c->message);
	q->sqlstate = (struct bytes){q->message.p, q->message.n < 5 ? q->message.n : 5};
	q->params = (struct query_params){.raw = bytes_take(data, n, c->params),
					  .format = c->params % 4};
}

static void one(const struct encoder_ops *ops, void *ctx, struct out *out, const struct choice *c,
		struct event *ev)
{
	struct flow flow = *ev->flow;
	size_t len = out->tail->len;
	int r;

	flow.id = c->flow % 4;
	flow.cookie = c->flow >> 4;
	flow.family = c->kind & KIND_UNKNOWN ? 0 : flow.family;
	ev->flow = c->kind & KIND_NO_FLOW ? NULL : &flow;
	out->tail->cap = c->cap ? len + 16384 + c->cap * 256u : CHUNK_JUMBO;
	if (out->tail->cap > CHUNK_JUMBO)
		out->tail->cap = CHUNK_JUMBO;
	r = ops->encode(ctx, ev, out);
	if ((r && r != -ENOBUFS && r != -EMSGSIZE) || (r && out->tail->len != len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct encoder_ops *ops = encoder_by_name("pcapng");
	const struct encoder_env env = {0};
	void *ctx = calloc(1, ops->ctx_size), *cfg = calloc(1, ops->cfg_size);
	struct out out = {0};
	struct choice c;
	struct err err;

	if (!chunk)
		chunk = chunk_map_new(1, CHUNK_JUMBO);
	if (!chunk || !ctx || !cfg || opt_defaults(ops->options, cfg, &err) ||
	    opt_set(opt_find(ops->options, "streams"), cfg, "on", "streams", &err) ||
	    ops->open(ctx, cfg, &env, &err))
		abort();
	out.tail = chunk;
	begin_file(ops, ctx, &out);
	while (n >= sizeof(c)) {
		struct event ev = events_of(EVENT_QUERY);

		memcpy(&c, data, sizeof(c));
		data += sizeof(c);
		n -= sizeof(c);
		if (c.kind & KIND_EPOCH) {
			check_file(ops, ctx, &out);
			begin_file(ops, ctx, &out);
		}
		query_fill(&ev.query, &c, &data, &n);
		one(ops, ctx, &out, &c, &ev);
	}
	check_file(ops, ctx, &out);
	ops->close(ctx);
	free(ctx);
	free(cfg);
	return 0;
}
