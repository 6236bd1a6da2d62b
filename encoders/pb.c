/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of proto/event.proto, each with its length as a varint in front: every event with all
 * that struct event has, and before the first one of a process what there is to be known of it.
 * Each message can be understood by itself. The first one of a stream carries the schema, so that
 * any tool can decode the rest; delivery repeats it at the head of each file.
 */
#include <errno.h>

#include "capture/encoder.h"
#include "encoders/write/put.h"
#include "proto/pb_map.h"
#include "proto/pb_schema.h"

struct pb {
	struct pb_map *map;
	struct encoder_env env;
	bool described; /* the schema has been written for the run with this id */
	uint64_t run_id;
	size_t opening, opening_end; /* where the StreamInfo stands that is no event; 0 = nowhere */
	uint8_t stream_id[16];
};

static void pb_close(void *ctx)
{
	struct pb *x = ctx;

	pb_map_free(x->map);
}

static int pb_open(void *ctx, const void *cfg, const struct encoder_env *env, struct err *err)
{
	struct pb *x = ctx;

	x->env = *env;
	return pb_map_new(&x->map, err);
}

/* One step of MurmurHash3's finalizer: every bit of v changes half of the bits of the result. */
static uint64_t id_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0xff51afd7ed558ccdull;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 33;
}

/* The same run written in the same format, and in the same way, has the same id, also by a replay
 * of it. */
static void stream_id_make(uint8_t id[16], const struct run *run, uint64_t stream)
{
	uint64_t boot[2], half[2];

	memcpy(boot, run->boot_id, sizeof(boot));
	for (unsigned i = 0; i < 2; i++) {
		uint64_t h = id_mix(i + 1, le64toh(boot[0]));

		h = id_mix(h, le64toh(boot[1]));
		h = id_mix(h, run->run_id);
		if (stream)
			h = id_mix(h, stream);
		half[i] = htole64(id_mix(h, 'p' << 8 | 'b'));
	}
	memcpy(id, half, sizeof(half));
}

static bool bytes_are_zero(const uint8_t *p, size_t n)
{
	while (n && !p[n - 1])
		n--;
	return !n;
}

static void stream_describe(struct pb *x, const struct run *run)
{
	struct pb_stream stream = {
		.id = {(const char *)x->stream_id, sizeof(x->stream_id)},
		.schema_sha256 = pb_schema_sha256,
		.schema_minor = PB_SCHEMA_MINOR,
	};

	if (x->env.relay && !bytes_are_zero(run->stream_id, sizeof(run->stream_id)))
		memcpy(x->stream_id, run->stream_id, sizeof(x->stream_id));
	else
		stream_id_make(x->stream_id, run, x->env.stream);
	if (!x->described || x->run_id != run->run_id)
		stream.descriptor = pb_schema_set;
	pb_map_stream(x->map, &stream);
}

/* kinds= may leave the META out, which no reader can do without. So what it says stands there in
 * any case, without a number, as no event; pb_encode() puts the event in its place. */
static int pb_preamble(void *ctx, const struct run *run, struct out *out)
{
	struct event meta = {.kind = EVENT_META, .probe = "core", .run = run};
	struct chunk *c = out->tail;
	struct pb *x = ctx;
	size_t n;
	int r;

	meta.time_boot_ns = run->start_boot_ns;
	meta.time_unix_ns = run->start_unix_ns;
	stream_describe(x, run);
	x->opening = c->len;
	x->opening_end = 0;
	r = pb_map_event(x->map, &meta, c->p + c->len, chunk_room(c), &n);
	if (r) /* a run of which far too much is said: the event gets room of its own */
		return r;
	x->described = true;
	x->run_id = run->run_id;
	x->opening_end = c->len += n;
	return 0;
}

static int pb_encode(void *ctx, const struct event *ev, struct out *out)
{
	struct chunk *c = out->tail;
	struct pb *x = ctx;
	bool opens = ev->kind == EVENT_META && x->opening_end && c->len == x->opening_end;
	size_t at = opens ? x->opening : c->len, n = 0;
	int r = 0;

	if (ev->proc_first && ev->proc)
		r = pb_map_process(x->map, ev, c->p + at, c->cap - at, &n);
	at += n;
	if (!r)
		r = pb_map_event(x->map, ev, c->p + at, c->cap - at, &n);
	if (r)
		return r == -ENOBUFS ? put_no_room(ev, c) : r;
	x->opening_end = 0;
	c->len = at + n;
	return 0;
}

const struct encoder_ops encoder_pb = {
	.name = "pb",
	.extension = "pb",
	.content_type = "application/x-protobuf",
	.summary = "protobuf: lossless, with its schema; replay reads it again",
	.flags = ENCODER_BINARY,
	.ctx_size = sizeof(struct pb),
	.open = pb_open,
	.preamble = pb_preamble,
	.encode = pb_encode,
	.close = pb_close,
};
