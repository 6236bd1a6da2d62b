/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where frames and media end: see capture/output.h. */
#include "capture/output_inside.h"

enum {
	GUESSED_RATIO = 4,              /* of a filter that has not made anything yet */
	PRESSED = 25,                   /* per cent of the queue that is no mere burst */
	PRESSED_FRAME = 4 * 1024 * 1024 /* bytes of a frame then, where it may be larger */
};

/* What becomes of n bytes behind the filter, as far as it is known by now. */
static uint64_t output_estimate(const struct output *o, const struct tally_stats *t, uint64_t n)
{
	if (!o->cfg.filter)
		return n;
	return t->raw ? (uint64_t)((double)n * (double)t->bytes / (double)t->raw)
		      : n / GUESSED_RATIO;
}

/* How much the sink has got, and will have got when it has everything that was shipped. */
static uint64_t output_reach(const struct output *o, const struct tally_stats *t)
{
	return t->bytes + output_estimate(o, t, o->lanes.bytes - t->raw - t->raw_lost);
}

/* A filter goes faster from one frame to the next only, so that a long one must not take it until
 * the queue has overflowed. */
static bool output_frame_is_full(const struct output *o)
{
	uint64_t n = o->lanes.bytes - o->frame_base - o->frame_context + CHUNK_SIZE;

	if (n > o->cfg.frame_bytes)
		return true;
	return n > PRESSED_FRAME && !o->cfg.block && pool_pressure(o->pool) >= PRESSED;
}

void output_measure(struct output *o)
{
	const struct output_config *cfg = &o->cfg;
	struct tally_stats t;
	uint64_t next = 0;

	if (o->next_seq == o->generation_seq) /* nothing is in it but what opens it */
		return;
	if (cfg->frame_bytes && output_frame_is_full(o))
		o->generation_due = true;
	if (!cfg->rotate_bytes)
		return;
	t = tally_read(delivery_tally(o->delivery));
	/* It ends before the chunk that would be too much, unless that is the whole of it. */
	if (cfg->rotate_bytes >= 2 * CHUNK_SIZE)
		next = output_estimate(o, &t, CHUNK_SIZE);
	if (output_reach(o, &t) - o->medium_base + next > cfg->rotate_bytes)
		o->generation_due = o->medium_due = true;
}

/* The next multiple of rotate_ns on the wall clock. */
static uint64_t output_next_turn(const struct output *o)
{
	uint64_t every = o->cfg.rotate_ns, now = o->now_ns + (uint64_t)o->clock_ns;

	return every && o->clock_known ? (now / every + 1) * every : 0;
}

void output_measure_medium(struct output *o)
{
	struct tally_stats t = tally_read(delivery_tally(o->delivery));

	o->medium_due = false;
	o->medium_base = output_reach(o, &t);
	if (o->generation > 1) /* opening bytes of its own, which are in no chunk */
		o->medium_base -= output_estimate(o, &t, o->opening_n);
	o->rotate_at_ns = output_next_turn(o);
}

bool output_medium_is_due(struct output *o)
{
	if (atomic_exchange(&o->want_medium, false))
		return true;
	return o->rotate_at_ns && o->now_ns + (uint64_t)o->clock_ns >= o->rotate_at_ns;
}

uint64_t output_frame_bytes(const struct output *o)
{
	return o->lanes.bytes - o->frame_base + (o->lanes.out.tail ? o->lanes.out.tail->len : 0);
}

bool output_frame_is_old(const struct output *o)
{
	return o->cfg.frame_ns && o->now_ns - o->generation_ns >= o->cfg.frame_ns &&
	       output_frame_bytes(o) >= 2 * o->frame_context && o->next_seq > o->generation_seq;
}

void output_clock(struct output *o, int64_t offset_ns)
{
	struct chunk *c = o->lanes.out.tail;

	o->clock_ns = offset_ns;
	if (o->clock_known)
		return;
	/* What was begun without a clock is named and turned by it after all. */
	o->clock_known = true;
	if (c)
		c->unix_ns = c->opened_ns + (uint64_t)offset_ns;
	o->rotate_at_ns = o->generation ? output_next_turn(o) : 0;
}

void output_want_flush(struct output *o)
{
	atomic_store(&o->want_flush, true);
}

void output_want_medium(struct output *o)
{
	atomic_store(&o->want_medium, true);
}
