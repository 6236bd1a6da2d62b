/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What encoding costs, as ratios within one run: each format against memcpy of the bytes that it
 * wrote, and protobuf against protobuf-c. Small events, as they are in real life. Never a timed
 * assertion: the figures are for people.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture/archive/decoder.h"
#include "capture/encoder.h"
#include "proto/pb_map.h"
#include "tests/support/events.h"
#include "tests/support/protobuf.h"

enum {
	ROUNDS = 300000
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

struct bench {
	const struct encoder_ops *ops;
	void *ctx;
	struct out out;
	size_t bytes;
};

static void ship(struct bench *b)
{
	if (b->ops->seal)
		b->ops->seal(b->ctx, &b->out);
	b->bytes += b->out.tail->len;
	chunk_reset(b->out.tail);
}

static double encode(struct bench *b, struct event *ev)
{
	double start = seconds();

	for (unsigned i = 0; i < ROUNDS; i++) {
		ev->seq++;
		ev->time_unix_ns += 1000003;
		if (b->ops->encode(b->ctx, ev, &b->out) != -ENOBUFS)
			continue;
		ship(b);
		b->ops->encode(b->ctx, ev, &b->out);
	}
	ship(b);
	return seconds() - start;
}

/* The same bytes in records of the same size, from a source that stays in the cache. */
static double copy(const struct bench *b)
{
	size_t n = b->bytes / ROUNDS, len = 0;
	struct chunk *c = b->out.tail;
	char *from = calloc(1, n + 1);
	double start = seconds();

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (len + n > c->cap)
			len = 0;
		memcpy(c->p + len, from, n);
		__asm__ volatile("" : : "r"(c->p + len) : "memory");
		len += n;
	}
	start = seconds() - start;
	free(from);
	return start;
}

static int bench(const char *format, enum event_kind kind, int all)
{
	static const struct encoder_env env;
	struct bench b = {.ops = encoder_by_name(format)};
	struct event ev = events_of(kind);
	void *cfg = calloc(1, b.ops->cfg_size + sizeof(int));
	double spent, copied;

	if (all)
		*(int *)cfg = 1; /* events=custom */
	b.ctx = calloc(1, b.ops->ctx_size);
	b.out.tail = chunk_map_new(1, CHUNK_SIZE);
	if (!cfg || !b.ctx || !b.out.tail || b.ops->open(b.ctx, cfg, &env, NULL))
		return 1;
	if (b.ops->preamble)
		b.ops->preamble(b.ctx, &events_run, &b.out);
	spent = encode(&b, &ev);
	copied = copy(&b);
	printf("%-10s %-8s %6.0f ns %6.2f M/s %5zu bytes %8.0f MB/s  %6.1f x memcpy\n", format,
	       all ? "custom" : event_kind_name(kind), spent / ROUNDS * 1e9, ROUNDS / spent / 1e6,
	       b.bytes / ROUNDS, b.bytes / spent / 1e6, spent / copied);
	b.ops->close(b.ctx);
	chunk_map_free(b.out.tail, 1);
	free(b.ctx);
	free(cfg);
	return 0;
}

/* protobuf-c packs the same message, which it has in its own form already: the price of bringing it
 * there is not even counted. */
static int bench_protobuf_c(enum event_kind kind)
{
	static uint8_t buffer[65536];
	struct event ev = events_of(kind);
	Penstock__V1__Event *event;
	struct bytes rest;
	struct pb_map *m;
	double start;
	size_t n, len = 0, bytes = 0;

	if (pb_map_new(&m, NULL) || pb_map_event(m, &ev, buffer, sizeof(buffer), &n))
		return 1;
	rest = (struct bytes){(const char *)buffer, n};
	event = protobuf_unpack(protobuf_take(&rest));
	start = seconds();
	for (unsigned i = 0; i < ROUNDS; i++) {
		event->seq++;
		event->time_unix_nano += 1000003;
		n = penstock__v1__event__get_packed_size(event);
		if (len + n > sizeof(buffer))
			len = 0;
		len += penstock__v1__event__pack(event, buffer + len);
		bytes += n;
	}
	start = seconds() - start;
	printf("%-10s %-8s %6.0f ns %6.2f M/s %5zu bytes %8.0f MB/s\n", "protobuf-c",
	       event_kind_name(kind), start / ROUNDS * 1e9, ROUNDS / start / 1e6, bytes / ROUNDS,
	       bytes / start / 1e6);
	PROTOBUF_FREE(event);
	pb_map_free(m);
	return 0;
}

static int ignore(struct event *ev, void *arg)
{
	return 0;
}

/* What it costs to have the event back. */
static int bench_decoder(const struct decoder_ops *ops, enum event_kind kind)
{
	static const struct encoder_env env;
	struct bench b = {.ops = encoder_by_name(ops->format)};
	void *ctx = calloc(1, ops->ctx_size + 1);
	struct event ev = events_of(kind);
	struct bytes record;
	double start;

	b.ctx = calloc(1, b.ops->ctx_size);
	b.out.tail = chunk_map_new(1, CHUNK_SIZE);
	if (!ctx || !b.ctx || !b.out.tail || b.ops->open(b.ctx, NULL, &env, NULL) ||
	    b.ops->encode(b.ctx, &ev, &b.out) || (ops->open && ops->open(ctx, NULL)))
		return 1;
	record = (struct bytes){(const char *)b.out.tail->p, b.out.tail->len};
	start = seconds();
	for (unsigned i = 0; i < ROUNDS; i++)
		if (ops->decode(ctx, record, ignore, NULL, NULL))
			return 1;
	start = seconds() - start;
	printf("%-4s read  %-8s %6.0f ns %6.2f M/s %5zu bytes %8.0f MB/s\n", ops->format,
	       event_kind_name(kind), start / ROUNDS * 1e9, ROUNDS / start / 1e6, record.n,
	       record.n * (double)ROUNDS / start / 1e6);
	ops->close(ctx);
	b.ops->close(b.ctx);
	chunk_map_free(b.out.tail, 1);
	free(b.ctx);
	free(ctx);
	return 0;
}

int main(void)
{
	static const enum event_kind kinds[] = {EVENT_LINE, EVENT_QUERY, EVENT_EXEC, EVENT_EXIT,
						EVENT_DATA};
	int failed = 0;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		failed |= bench("pcapng", kinds[i], 0);
		failed |= bench("jsonl", kinds[i], 0);
		failed |= bench("otlp", kinds[i], 0);
		failed |= bench("text", kinds[i], 0);
		failed |= bench("pb", kinds[i], 0);
		failed |= bench_protobuf_c(kinds[i]);
		failed |= bench_decoder(&decoder_pb, kinds[i]);
		failed |= bench_decoder(&decoder_jsonl, kinds[i]);
	}
	return failed | bench("pcapng", EVENT_LINE, 1);
}
