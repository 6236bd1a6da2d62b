/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "capture/keys.h"
#include "capture/output_inside.h"

int output_new(const struct output_config *cfg, unsigned index, struct output **ret,
	       struct err *err)
{
	const struct encoder_ops *e = cfg->encoder;
	struct delivery_config delivery = {.label = cfg->label,
					   .sink = cfg->sink,
					   .sink_cfg = cfg->sink_cfg,
					   .sink_env = cfg->sink_env,
					   .context = e->flags & ENCODER_CONTEXT,
					   .awaited = cfg->block,
					   .patient = cfg->patient,
					   .oldest = cfg->oldest,
					   .drain_ms = (int64_t)(cfg->drain_ns / 1000000),
					   .spool = cfg->spool,
					   .spool_env = cfg->spool_env,
					   .marked = cfg->marked,
					   .marked_arg = cfg->marked_arg,
					   .filter = cfg->filter,
					   .filter_cfg = cfg->filter_cfg,
					   .frames = cfg->frame_bytes != 0};
	struct output *o = calloc(1, sizeof(*o));
	int r;

	*ret = NULL;
	if (!o)
		return errf(err, -ENOMEM, "%s: out of memory", cfg->label);
	o->cfg = *cfg;
	o->cfg.encoder_env.relay = cfg->relay;
	o->cfg.kinds |= 1u << EVENT_LOSS; /* an output always says what it lost */
	o->index = index;
	o->next_seq = 1;
	o->pool = pool_new(cfg->hold_ns ? OUTPUT_CHUNKS_HELD : OUTPUT_CHUNKS);
	o->encoder = calloc(1, e->ctx_size ? e->ctx_size : 1);
	if (!o->pool || !o->encoder) {
		output_free(o);
		return errf(err, -ENOMEM, "%s: out of memory", cfg->label);
	}
	o->encoder_open = true;
	if (cfg->frame_bytes)
		o->told = calloc(1, sizeof(*o->told));
	if (cfg->frame_bytes && (!o->told || !pool_keep_keys(o->pool))) {
		output_free(o);
		return errf(err, -ENOMEM, "%s: out of memory", cfg->label);
	}
	delivery.pool = o->pool;
	r = e->open ? e->open(o->encoder, cfg->encoder_cfg, &o->cfg.encoder_env, err) : 0;
	if (!r)
		r = delivery_new(&delivery, &o->delivery, err);
	if (r) {
		output_free(o);
		return r;
	}
	lanes_init(&o->lanes, o->pool, o->delivery, cfg->hold_ns);
	o->lanes.wait = cfg->block;
	*ret = o;
	return 0;
}

void output_free(struct output *o)
{
	if (!o)
		return;
	lanes_free(&o->lanes);
	delivery_free(o->delivery);
	if (o->encoder_open && o->cfg.encoder->close)
		o->cfg.encoder->close(o->encoder);
	free(o->encoder);
	free(o->told);
	free(o->run);
	pool_free(o->pool);
	free(o);
}

/* ---- events -------------------------------------------------------------------------------- */

/* Room in the lane that the encoder found full. -ERESTART: the chunk that was full is the last of
 * its generation. */
static int output_grow(struct output *o, enum lane lane)
{
	struct chunk *c = o->lanes.out.tail;
	int r;

	if (lane == LANE_TAIL && c && (c->len || c->records))
		output_ship(o);
	if (o->generation_due)
		return -ERESTART;
	r = lanes_grow(&o->lanes, lane, o->now_ns);
	if (r)
		return r;
	output_adopt(o, lane == LANE_EARLY ? o->lanes.out.early : o->lanes.out.tail);
	return 0;
}

/* Into the open chunk, a fresh one, or a jumbo one. There may be no open chunk afterwards. */
static int output_encode(struct output *o, struct event *ev)
{
	struct out *out = &o->lanes.out;
	int r;

	do {
		out->used = out->full = LANE_TAIL;
		r = o->cfg.encoder->encode(o->encoder, ev, out);
	} while (r == -ENOBUFS && (r = output_grow(o, out->full)) == 0);
	return r;
}

/* The same, in a generation that may begin with it. */
static int output_encode_ready(struct output *o, struct event *ev)
{
	const struct proc *proc = ev->proc;
	int r;

	do {
		if (!output_ready(o))
			return -EAGAIN;
		ev->seq = o->next_seq;
		ev->proc_first = proc && proc->seen && proc->seen[o->index] != o->generation;
		r = output_encode(o, ev);
	} while (r == -ERESTART);
	return r;
}

/* One that no chunk can hold loses the end of its texts, here only, and is flagged. */
static int output_encode_shortened(struct output *o, const struct event *ev)
{
	struct event cut = *ev;
	int r = -EMSGSIZE;

	while (r == -EMSGSIZE && event_shorten(&cut))
		r = output_encode_ready(o, &cut);
	return r;
}

void output_count(struct output *o, struct chunk *c, uint64_t time_ns)
{
	chunk_count(c, o->next_seq++, time_ns);
	c->touched_ns = o->now_ns;
	o->shipped++;
	if (pool_size_of(c) == POOL_JUMBO && c == o->lanes.out.tail)
		output_ship(o);
}

/* Why there is no room: a sink that does not work, or one that is too slow. */
static enum output_stat output_lack(struct output *o)
{
	return tally_read(delivery_tally(o->delivery)).error ? OSTAT_SINK_ERROR : OSTAT_QUEUE_FULL;
}

static void output_lose(struct output *o, int r, uint64_t time_ns)
{
	struct loss one = loss_of_one(o->next_seq++, time_ns);

	loss_book_add(&o->lost[r == -EMSGSIZE ? OSTAT_TOO_BIG : output_lack(o)], &one);
	/* the attempt may have left a jumbo chunk open, with nothing in it */
	if (o->lanes.out.tail && pool_size_of(o->lanes.out.tail) == POOL_JUMBO)
		output_ship(o);
}

/* The event lies in c: what an index may find it by. */
static void output_index(struct output *o, struct chunk *c, const struct event *ev)
{
	const uint32_t *proc = ev->proc ? ev->proc->seen : NULL;
	uint32_t *flow = ev->flow ? ev->flow->seen : NULL;

	if (o->told && ev->proc)
		keys_of_change(o->told, c, ev->proc);
	keys_of_event(c, ev, !proc || ev->proc_first, !flow || flow[o->index] != o->generation);
	if (flow)
		flow[o->index] = o->generation;
}

bool output_has_room(const struct output *o)
{
	return pool_has_room(o->pool);
}

bool output_wants(const struct output *o, enum event_kind kind)
{
	return o->cfg.kinds & 1u << kind;
}

int output_append(struct output *o, struct event *ev, struct chunk **ret)
{
	const struct proc *proc = ev->proc;
	struct out *out = &o->lanes.out;
	struct chunk *c;
	int r;

	if (ev->time_boot_ns > o->now_ns)
		o->now_ns = ev->time_boot_ns;
	r = output_encode_ready(o, ev);
	if (r == -EMSGSIZE)
		r = output_encode_shortened(o, ev);
	if (r == -EOPNOTSUPP || r == -EALREADY) {
		o->skipped++;
		o->peer_duplicate += r == -EALREADY;
		return r;
	}
	if (r) {
		output_lose(o, r, ev->time_boot_ns);
		return r;
	}
	if (ev->proc_first)
		proc->seen[o->index] = o->generation;
	c = out->used == LANE_EARLY ? out->early : out->tail;
	c->by_kind[ev->kind]++;
	if (c->keys)
		output_index(o, c, ev);
	*ret = c;
	return 0;
}

void output_event(struct output *o, struct event *ev)
{
	struct event seen; /* what a view changes, it changes for this output alone */
	struct chunk *c;

	o->offered++;
	if (o->cfg.relay)
		o->next_seq = ev->seq;
	if (!output_wants(o, ev->kind)) {
		o->skipped++;
		return;
	}
	if (o->cfg.view) {
		seen = *ev;
		ev = &seen;
		if (!o->cfg.view(ev, o->cfg.view_arg)) {
			o->skipped++;
			return;
		}
	}
	if (!output_append(o, ev, &c))
		output_count(o, c, ev->time_boot_ns);
}

/* ---- raw records --------------------------------------------------------------------------- */

bool output_is_tap(const struct output *o)
{
	return o->cfg.encoder->flags & ENCODER_TAP;
}

int output_append_raw(struct output *o, const void *rec, size_t len)
{
	struct out *out = &o->lanes.out;
	int r = out->tail ? 0 : output_grow(o, LANE_TAIL);

	if (r)
		return r;
	do {
		out->full = LANE_TAIL;
		r = o->cfg.encoder->tap(o->encoder, rec, len, out);
	} while (r == -ENOBUFS && (r = output_grow(o, out->full)) == 0);
	return r;
}

int output_append_tap(struct output *o, const void *rec, size_t len, uint64_t time_ns,
		      struct chunk **ret)
{
	int r;

	o->offered++;
	if (time_ns > o->now_ns)
		o->now_ns = time_ns;
	do
		r = output_ready(o) ? output_append_raw(o, rec, len) : -EAGAIN;
	while (r == -ERESTART);
	if (r) {
		output_lose(o, r, time_ns);
		o->generation_torn = true;
		return r;
	}
	*ret = o->lanes.out.tail;
	(*ret)->keys_full = true; /* nobody knows what a record is found by */
	return 0;
}

void output_tap(struct output *o, const void *rec, size_t len, uint64_t time_ns)
{
	struct chunk *c;

	if (!output_append_tap(o, rec, len, time_ns, &c))
		output_count(o, c, time_ns);
}
