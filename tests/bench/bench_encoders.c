/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What encoding costs, as ratios within one run: each format against memcpy of the bytes that it
 * wrote. Small events: shell lines and process ends as they are in real life. Never a timed
 * assertion: the figures are for people.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture/encoder.h"
#include "tests/support/events.h"

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
	printf("%-7s %-6s %6.0f ns %6.2f M/s %5zu bytes %8.0f MB/s  %6.1f x memcpy\n", format,
	       all ? "custom" : event_kind_name(kind), spent / ROUNDS * 1e9, ROUNDS / spent / 1e6,
	       b.bytes / ROUNDS, b.bytes / spent / 1e6, spent / copied);
	b.ops->close(b.ctx);
	chunk_map_free(b.out.tail, 1);
	free(b.ctx);
	free(cfg);
	return 0;
}

int main(void)
{
	static const enum event_kind kinds[] = {EVENT_LINE, EVENT_EXEC, EVENT_EXIT};
	int failed = 0;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		failed |= bench("pcapng", kinds[i], 0);
		failed |= bench("jsonl", kinds[i], 0);
		failed |= bench("text", kinds[i], 0);
	}
	return failed | bench("pcapng", EVENT_LINE, 1);
}
