/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Delivery alone under test: chunks made by hand, and a sink that does as it is told. Behind
 * cmocka.h. */
#include <string.h>
#include <time.h>

#include "capture/delivery.h"
#include "tests/support/fakes.h"

struct rig {
	struct fake_sink sink;
	struct pool *pool;
	struct delivery *d;
	bool awaited, streams, oldest;
	uint64_t seq;
	uint64_t marks[4]; /* as they were told; with the highest bit where not all was whole */
	unsigned marks_n;
};

static inline void rig_marked(void *arg, uint64_t mark, bool whole)
{
	struct rig *rig = arg;

	rig->marks[rig->marks_n++] = mark | (whole ? 0 : 1ull << 63);
}

enum {
	CHUNKS = 128
};

static inline void rig_open(struct rig *rig, bool context)
{
	struct delivery_config cfg = {.label = "fake",
				      .sink = rig->streams ? &fake_stream_ops : &fake_sink_ops,
				      .drain_ms = 5000,
				      .oldest = rig->oldest,
				      .marked = rig_marked,
				      .marked_arg = rig,
				      .sink_cfg = &rig->sink,
				      .context = context,
				      .awaited = rig->awaited};
	struct err err = {""};

	rig->pool = pool_new(CHUNKS);
	assert_non_null(rig->pool);
	rig->seq = 0;
	cfg.pool = rig->pool;
	assert_int_equal(delivery_new(&cfg, &rig->d, &err), 0);
}

static inline struct chunk *rig_chunk(struct rig *rig, const char *text, uint32_t generation,
				      bool opens)
{
	struct chunk *c = pool_take(rig->pool, POOL_SMALL, true);

	chunk_put(c, text, strlen(text));
	c->generation = generation;
	c->opens = opens;
	rig->seq++;
	chunk_count(c, rig->seq, rig->seq * 10);
	return c;
}

static inline void rig_push(struct rig *rig, const char *text, uint32_t generation, bool opens)
{
	delivery_push(rig->d, rig_chunk(rig, text, generation, opens));
}

/* A run begins with it, whose opening bytes are the first n. */
static inline void rig_push_run(struct rig *rig, const char *text, uint32_t n)
{
	struct chunk *c = rig_chunk(rig, text, 1, true);

	c->opens_run = true;
	c->opening_n = n;
	delivery_push(rig->d, c);
}

/* Ends it; all chunks have come back. */
static inline struct tally_stats rig_finish(struct rig *rig)
{
	struct tally_stats stats;

	delivery_finish(rig->d);
	stats = tally_read(delivery_tally(rig->d));
	assert_int_equal(stats.done + stats.lost, rig->seq);
	assert_int_equal(pool_free_now(rig->pool), CHUNKS);
	return stats;
}

static inline void rig_close(struct rig *rig)
{
	delivery_free(rig->d);
	pool_free(rig->pool);
	fake_sink_done(&rig->sink);
}

static inline void await(bool (*what)(struct rig *), struct rig *rig)
{
	for (int i = 0; i < 10000 && !what(rig); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_true(what(rig));
}

static inline bool has_error(struct rig *rig)
{
	return tally_read(delivery_tally(rig->d)).error != 0;
}

static inline bool is_well(struct rig *rig)
{
	return !has_error(rig);
}

static inline bool wants_generation(struct rig *rig)
{
	return delivery_wants(rig->d) != 0;
}

static inline bool has_done_one(struct rig *rig)
{
	return tally_read(delivery_tally(rig->d)).done >= 1;
}

static inline bool has_begun(struct rig *rig)
{
	return tally_read(delivery_tally(rig->d)).media >= 1;
}
