/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as DATA events of a few connections, into pcapng as they would come there: what is
 * written is whole blocks, whose packets have right lengths and checksums.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "capture/encoder.h"
#include "capture/flows.h"
#include "tests/support/events.h"
#include "tests/support/packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What the fuzzer chooses of one event; its payload follows. */
struct choice {
	uint8_t flow, tuple, kind, protocol, process, flags;
	uint16_t payload;
	uint64_t offset, reserved, total;
};

enum {
	KIND_RECEIVE = 1,
	KIND_FIN = 2,
	KIND_LATE = 4,
	KIND_EPOCH = 8,  /* a new file first */
	KIND_LARGE = 16, /* many times the payload */
	KIND_NO_PROCESS = 32
};

enum {
	LARGE = 200000
};

enum {
	FLOWS = 8
};

static struct chunk *chunk;
static uint8_t *large;
static struct flows_stream streams[FLOWS][2];

static void start_file(const struct encoder_ops *ops, void *ctx, struct out *out)
{
	chunk_reset(out->tail);
	ops->preamble(ctx, &events_run, out);
}

static void end_file(const struct encoder_ops *ops, void *ctx, struct out *out)
{
	struct packet packet;

	ops->epilogue(ctx, out);
	if (out->tail->len > out->tail->cap)
		abort();
	packets_read(out->tail->p, out->tail->len, &packet, 1);
}

static struct flow flow_of(const struct choice *c)
{
	static const uint8_t families[] = {AF_INET, AF_INET6, 0, AF_INET};
	struct flow f = {.id = c->flow % FLOWS,
			 .cookie = c->flow >> 4,
			 .netns = c->tuple >> 6,
			 .family = families[c->tuple % 4],
			 .role = c->flow / 8 % 3,
			 .local_port = c->tuple >> 2 & 3,
			 .remote_port = c->tuple >> 4 & 3,
			 .protocol = c->protocol % PROTOCOLS};

	f.local[0] = c->tuple & 32 ? 127 : 10;
	f.remote[0] = f.local[0];
	return f;
}

static void one(const struct encoder_ops *ops, void *ctx, struct out *out, const struct choice *c,
		const uint8_t *payload)
{
	struct event ev = events_of(EVENT_DATA);
	struct flow flow = flow_of(c);
	struct proc proc = *ev.proc;
	int r;

	proc.pid = c->process % 4;
	proc.comm = (struct bytes){(const char *)payload, c->payload % 16};
	ev.flow = &flow;
	ev.proc = c->kind & KIND_NO_PROCESS ? NULL : &proc;
	ev.flags = c->flags;
	ev.data = (struct event_data){
		.payload = {(const char *)payload, c->payload},
		.stream_offset = c->offset,
		.call_total = (uint32_t)c->total,
		.call_offset = (uint32_t)c->total / 2,
		.direction = c->kind & KIND_RECEIVE ? DIRECTION_RECEIVE : DIRECTION_TRANSMIT,
		.library = "openssl",
		.fin = c->kind & KIND_FIN,
		.late = c->kind & KIND_LATE,
	};
	if (c->kind & KIND_LARGE)
		ev.data.payload = (struct bytes){(const char *)large, LARGE};
	/* as capture/layout.c has it: the last byte that there can be is the last one */
	if (c->offset > UINT64_MAX - ev.data.call_total - ev.data.payload.n)
		ev.data.stream_offset = UINT64_MAX - ev.data.call_total - ev.data.payload.n;
	flows_place(streams[flow.id], &ev);
	r = ops->encode(ctx, &ev, out);
	if (r && r != -ENOBUFS && r != -EALREADY && r != -EOPNOTSUPP)
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

	if (!chunk) {
		chunk = chunk_map_new(1, CHUNK_JUMBO);
		large = calloc(1, LARGE);
	}
	if (!chunk || !large || !ctx || !cfg || opt_defaults(ops->options, cfg, &err) ||
	    ops->open(ctx, cfg, &env, &err))
		abort();
	memset(streams, 0, sizeof(streams));
	out.tail = chunk;
	start_file(ops, ctx, &out);
	while (n >= sizeof(c)) {
		memcpy(&c, data, sizeof(c));
		data += sizeof(c);
		n -= sizeof(c);
		if (c.payload > n)
			c.payload = n;
		if (c.kind & KIND_EPOCH) {
			end_file(ops, ctx, &out);
			start_file(ops, ctx, &out);
		}
		one(ops, ctx, &out, &c, data);
		data += c.payload;
		n -= c.payload;
	}
	end_file(ops, ctx, &out);
	ops->close(ctx);
	free(ctx);
	free(cfg);
	return 0;
}
