/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Generations, and what follows record time: see capture/output.h. */
#include "capture/output_inside.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/run_copy.h"

void output_adopt(struct output *o, struct chunk *c)
{
	c->generation = o->generation;
	c->unix_ns = c->opened_ns + (uint64_t)o->clock_ns;
}

void output_ship(struct output *o)
{
	if (o->lanes.out.tail && o->cfg.encoder->seal)
		o->cfg.encoder->seal(o->encoder, &o->lanes.out);
	lanes_ship(&o->lanes);
	output_measure(o);
}

static bool output_open_chunk(struct output *o)
{
	if (lanes_grow(&o->lanes, LANE_TAIL, o->now_ns))
		return false;
	output_adopt(o, o->lanes.out.tail);
	return true;
}

/* An encoder that keeps no context has nothing to end but the output. */
static void generation_close(struct output *o, bool last)
{
	const struct encoder_ops *e = o->cfg.encoder;
	bool ends = e->epilogue && o->generation_open && (last || e->flags & ENCODER_CONTEXT);
	int r = ends ? -ENOBUFS : 0;

	o->generation_open = false;
	if (o->lanes.out.tail && chunk_room(o->lanes.out.tail) < CHUNK_SIZE / 4)
		output_ship(o);
	while (r == -ENOBUFS && (o->lanes.out.tail || output_open_chunk(o))) {
		r = e->epilogue(o->encoder, &o->lanes.out);
		o->lanes.out.tail->touched_ns = o->now_ns;
		if (r)
			output_ship(o);
	}
	output_ship(o);
	lanes_release_all(&o->lanes);
}

static int generation_add_record(const void *rec, size_t len, void *output)
{
	struct output *o = output;

	return output_append_raw(o, rec, len);
}

/* What opens the generation behind its preamble. Only the first time it is an event among others.
 */
static void generation_describe(struct output *o)
{
	struct event meta = {.kind = EVENT_META, .probe = "core", .seq = 1};
	struct chunk *c = o->lanes.out.tail;
	int r;

	if (!o->run || !output_wants(o, EVENT_META))
		return;
	assert(c); /* generation_open() has opened it */
	meta.run = o->run;
	meta.flags = o->run_flags;
	meta.time_boot_ns = o->run->start_boot_ns;
	meta.time_unix_ns = o->run->start_unix_ns;
	r = o->cfg.encoder->encode(o->encoder, &meta, &o->lanes.out);
	if (o->generation > 1)
		return;
	o->offered++;
	if (r) {
		o->skipped++;
		return;
	}
	chunk_count(c, o->next_seq++, meta.time_boot_ns);
	o->shipped++;
}

/* In its first chunk, which is open. */
static void generation_begin(struct output *o)
{
	bool wanted = o->generation && delivery_wants(o->delivery) >= o->generation;
	struct chunk *c = o->lanes.out.tail;

	c->rotates = o->generation && o->medium_due;
	c->generation = ++o->generation;
	c->opens = true;
	c->opens_run = o->generation == 1 || o->run_new;
	o->run_new = false;
	if (o->lanes.out.early) /* left over, with nothing in it */
		o->lanes.out.early->generation = o->generation;
	o->generation_open = true;
	o->generation_awaited = wanted || c->rotates;
	o->generation_torn = o->generation_due = false;
	o->generation_ns = o->now_ns;
	o->generation_seq = o->next_seq;
	o->frame_base = o->lanes.bytes;
	if (o->generation == 1 || o->generation_awaited)
		output_measure_medium(o);
}

/* False when there is no chunk for it now. */
static bool generation_open(struct output *o)
{
	bool context = o->cfg.encoder->flags & ENCODER_CONTEXT;
	struct chunk *c;

	if (o->generation_open)
		generation_close(o, false);
	if (!output_open_chunk(o))
		return false;
	generation_begin(o);
	c = o->lanes.out.tail;
	if (o->cfg.encoder->preamble)
		o->cfg.encoder->preamble(o->encoder, o->run, &o->lanes.out);
	generation_describe(o);
	c->opening_n = (uint32_t)c->len;
	if (!context && c->opens_run)
		o->opening_n = c->len;
	if (o->context_fn && o->generation > 1 &&
	    o->context_fn(o->context, generation_add_record, o) < 0)
		o->generation_torn = true;
	o->frame_context = output_frame_bytes(o);
	if (o->cfg.hold_ns) /* nothing may come before it */
		output_ship(o);
	return true;
}

bool output_ready(struct output *o)
{
	if (__builtin_expect(o->lanes.out.tail != NULL, 1) && !delivery_wants(o->delivery) &&
	    !o->generation_due)
		return true;
	if ((!o->generation_open || o->generation_due ||
	     delivery_wants(o->delivery) >= o->generation) &&
	    !generation_open(o))
		return false;
	return o->lanes.out.tail || output_open_chunk(o);
}

int output_run(struct output *o, const struct run *run)
{
	struct event meta = {.kind = EVENT_META, .run = run};
	struct run *copy;

	/* The preamble tells the run, too: as this output may tell it. */
	if (o->cfg.view)
		o->cfg.view(&meta, o->cfg.view_arg);
	copy = run_copy(meta.run);
	if (!copy)
		return -ENOMEM;
	if (o->run && (o->run->run_id != run->run_id ||
		       memcmp(o->run->stream_id, run->stream_id, sizeof(run->stream_id)) != 0))
		o->generation_due = o->run_new = true;
	free(o->run);
	o->run = copy;
	o->run_flags = meta.flags;
	o->now_ns = run->start_boot_ns;
	output_ready(o);
	return 0;
}

void output_context(struct output *o, output_context_fn fn, void *context)
{
	o->context_fn = fn;
	o->context = context;
}

/* ---- time and end -------------------------------------------------------------------------- */

/* Asked for by delivery, or due in a tap that lost something, once the queue has emptied enough for
 * its context not to be lost as well. */
static bool output_wants_generation(const struct output *o)
{
	if (!o->generation)
		return false;
	return delivery_wants(o->delivery) >= o->generation ||
	       (o->generation_torn && pool_free_now(o->pool) >= OUTPUT_CHUNKS / 2);
}

enum {
	FLUSH_WAITING =
		4 /* chunks: more than that, and nothing is gained by shipping another early */
};

/* When a chunk that was opened then is shipped though it is not full. Where the medium does not
 * keep up, chunks fill first: a pool of nearly empty ones would be used up soon. */
static uint64_t output_flush_ns(const struct output *o, const struct chunk *c)
{
	const uint64_t patient_ns = 1000000000;
	bool waits = pool_free_now(o->pool) + FLUSH_WAITING < OUTPUT_CHUNKS;

	return c->opened_ns +
	       (waits && o->cfg.flush_ns < patient_ns ? patient_ns : o->cfg.flush_ns);
}

void output_tick(struct output *o, uint64_t now_ns)
{
	const struct chunk *c;
	bool turn;

	if (now_ns > o->now_ns)
		o->now_ns = now_ns;
	turn = o->generation && output_medium_is_due(o);
	o->medium_due |= turn;
	if (turn || output_wants_generation(o))
		generation_open(o);
	if (o->generation_awaited)
		output_ship(o);
	o->generation_awaited = false;
	c = o->lanes.out.tail;
	if (c && (c->len || c->records) &&
	    (output_flush_ns(o, c) <= now_ns || atomic_load(&o->want_flush)))
		output_ship(o);
	atomic_store(&o->want_flush, false);
	if (output_frame_is_old(o))
		o->generation_due = true;
	if (o->cfg.hold_ns && now_ns > o->cfg.hold_ns)
		lanes_release(&o->lanes, now_ns - o->cfg.hold_ns);
}

void output_mark(struct output *o, uint64_t mark)
{
	assert(mark && o->cfg.relay);
	if (!o->generation) { /* nothing was ever offered */
		o->cfg.marked(o->cfg.marked_arg, mark, true);
		return;
	}
	while (!o->lanes.out.tail && !output_open_chunk(o))
		;
	o->lanes.out.tail->mark = mark;
	output_ship(o);
	lanes_release_all(&o->lanes);
}

void output_begin(struct output *o)
{
	delivery_begin(o->delivery);
}

void output_hasten(struct output *o)
{
	delivery_hasten(o->delivery);
	o->lanes.wait = true;
}

void output_settle(struct output *o)
{
	if (!o->cfg.spool || !o->generation)
		return;
	output_ship(o);
	lanes_release_all(&o->lanes);
	pool_await_all(o->pool);
	o->settled = true;
}

void output_finish(struct output *o)
{
	output_hasten(o);
	generation_close(o, true);
	delivery_finish(o->delivery);
}
