/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/output.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "capture/delivery.h"
#include "capture/lanes.h"
#include "capture/loss.h"
#include "capture/medium.h"
#include "capture/pool.h"

enum {
	OUTPUT_CHUNKS = 256,       /* 32 MiB, touched as far as needed */
	OUTPUT_CHUNKS_HELD = 1024, /* 128 MiB, half of which may be held back */
};

struct output {
	struct output_config cfg;
	unsigned index;
	void *encoder; /* its ctx */
	bool encoder_open;
	struct pool *pool;
	struct delivery *delivery;
	struct lanes lanes;
	const struct run *run;
	output_context_fn context_fn;
	void *context;
	uint64_t now_ns;
	uint32_t generation; /* 0 = none opened yet */
	bool generation_open;
	bool generation_torn; /* a tap lost something that later records may refer to */
	uint64_t next_seq;    /* of the next event that is not skipped; the first is 1 */
	uint64_t offered, skipped, peer_duplicate;
	uint64_t shipped;                 /* events that went into chunks */
	struct loss_book lost[OSTAT_MAX]; /* by reason, also what delivery told */
};

int output_new(const struct output_config *cfg, unsigned index, struct output **ret,
	       struct err *err)
{
	const struct encoder_ops *e = cfg->encoder;
	struct delivery_config delivery = {.label = cfg->label,
					   .sink = cfg->sink,
					   .sink_cfg = cfg->sink_cfg,
					   .sink_env = cfg->sink_env,
					   .context = e->flags & ENCODER_CONTEXT,
					   .hurry = !cfg->block};
	struct output *o = calloc(1, sizeof(*o));
	int r;

	*ret = NULL;
	if (!o)
		return errf(err, -ENOMEM, "%s: out of memory", cfg->label);
	o->cfg = *cfg;
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
	delivery.pool = o->pool;
	r = e->open ? e->open(o->encoder, cfg->encoder_cfg, &cfg->encoder_env, err) : 0;
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
	pool_free(o->pool);
	free(o);
}

/* ---- generations --------------------------------------------------------------------------- */

/* The open chunk is complete: closes it and sends it on. */
static void output_ship(struct output *o)
{
	if (o->lanes.out.tail && o->cfg.encoder->seal)
		o->cfg.encoder->seal(o->encoder, &o->lanes.out);
	lanes_ship(&o->lanes);
}

static bool output_open_chunk(struct output *o)
{
	if (lanes_grow(&o->lanes, LANE_TAIL, o->now_ns))
		return false;
	o->lanes.out.tail->generation = o->generation;
	return true;
}

static void generation_close(struct output *o)
{
	const struct encoder_ops *e = o->cfg.encoder;
	int r = e->epilogue && o->generation_open ? -ENOBUFS : 0;

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

static int tap_append(struct output *o, const void *rec, size_t len);

static int tap_context(const void *rec, size_t len, void *output)
{
	struct output *o = output;

	return tap_append(o, rec, len);
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
	meta.run = o->run;
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

/* False when there is no chunk for it now. */
static bool generation_open(struct output *o)
{
	bool context = o->cfg.encoder->flags & ENCODER_CONTEXT;
	struct chunk *c;

	if (o->generation_open)
		generation_close(o);
	if (!output_open_chunk(o))
		return false;
	c = o->lanes.out.tail;
	c->generation = ++o->generation;
	c->opens = true;
	if (o->lanes.out.early) /* left over, with nothing in it */
		o->lanes.out.early->generation = o->generation;
	o->generation_open = true;
	o->generation_torn = false;
	if (o->cfg.encoder->preamble)
		o->cfg.encoder->preamble(o->encoder, o->run, &o->lanes.out);
	generation_describe(o);
	if (!context)
		delivery_opening(o->delivery, c->p, c->len);
	if (o->context_fn && o->generation > 1 && o->context_fn(o->context, tap_context, o) < 0)
		o->generation_torn = true;
	if (o->cfg.hold_ns) /* nothing may come before it */
		output_ship(o);
	return true;
}

/* There is an open chunk of a generation that nobody wants anew. */
static bool output_ready(struct output *o)
{
	if (__builtin_expect(o->lanes.out.tail != NULL, 1) && !delivery_wants(o->delivery))
		return true;
	if ((!o->generation_open || delivery_wants(o->delivery) >= o->generation) &&
	    !generation_open(o))
		return false;
	return o->lanes.out.tail || output_open_chunk(o);
}

void output_run(struct output *o, const struct run *run)
{
	o->run = run;
	o->now_ns = run->start_boot_ns;
	output_ready(o);
}

void output_context(struct output *o, output_context_fn fn, void *context)
{
	o->context_fn = fn;
	o->context = context;
}

/* ---- events -------------------------------------------------------------------------------- */

/* Room in the lane that the encoder found full. */
static int output_grow(struct output *o, enum lane lane)
{
	struct chunk *c = o->lanes.out.tail;
	int r;

	if (lane == LANE_TAIL && c && (c->len || c->records))
		output_ship(o);
	r = lanes_grow(&o->lanes, lane, o->now_ns);
	if (r)
		return r;
	c = lane == LANE_EARLY ? o->lanes.out.early : o->lanes.out.tail;
	c->generation = o->generation;
	return 0;
}

/* Into the open chunk, a fresh one, or a jumbo one. There may be no open chunk afterwards. */
static int output_encode(struct output *o, struct event *ev)
{
	struct out *out = &o->lanes.out;
	int r;

	do {
		out->full = LANE_TAIL;
		r = o->cfg.encoder->encode(o->encoder, ev, out);
	} while (r == -ENOBUFS && (r = output_grow(o, out->full)) == 0);
	return r;
}

/* The event with next_seq lies in c. */
static void output_count(struct output *o, struct chunk *c, uint64_t time_ns)
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

bool output_wants(const struct output *o, enum event_kind kind)
{
	return o->cfg.kinds & 1u << kind;
}

/* *ret is the chunk in which the event lies. Negative when it is in none: that is counted. */
static int output_append(struct output *o, struct event *ev, struct chunk **ret)
{
	const struct proc *proc = ev->proc;
	struct out *out = &o->lanes.out;
	const struct chunk *early = out->early;
	size_t early_len = early ? early->len : 0;
	int r;

	if (ev->time_boot_ns > o->now_ns)
		o->now_ns = ev->time_boot_ns;
	if (!output_ready(o)) {
		output_lose(o, -EAGAIN, ev->time_boot_ns);
		return -EAGAIN;
	}
	ev->seq = o->next_seq;
	ev->proc_first = proc && proc->seen && proc->seen[o->index] != o->generation;
	r = output_encode(o, ev);
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
	*ret = out->early && (out->early != early || out->early->len > early_len) ? out->early
										  : out->tail;
	return 0;
}

void output_event(struct output *o, struct event *ev)
{
	struct chunk *c;

	o->offered++;
	if (!output_wants(o, ev->kind)) {
		o->skipped++;
		return;
	}
	if (!output_append(o, ev, &c))
		output_count(o, c, ev->time_boot_ns);
}

/* ---- raw records --------------------------------------------------------------------------- */

bool output_is_tap(const struct output *o)
{
	return o->cfg.encoder->flags & ENCODER_TAP;
}

static int tap_append(struct output *o, const void *rec, size_t len)
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

/* Returns the chunk in which it lies, NULL = in none. */
static struct chunk *tap_offer(struct output *o, const void *rec, size_t len, uint64_t time_ns)
{
	int r;

	o->offered++;
	if (time_ns > o->now_ns)
		o->now_ns = time_ns;
	r = output_ready(o) ? tap_append(o, rec, len) : -EAGAIN;
	if (!r)
		return o->lanes.out.tail;
	output_lose(o, r, time_ns);
	o->generation_torn = true;
	return NULL;
}

void output_tap(struct output *o, const void *rec, size_t len, uint64_t time_ns)
{
	struct chunk *c = tap_offer(o, rec, len, time_ns);

	if (c)
		output_count(o, c, time_ns);
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

void output_tick(struct output *o, uint64_t now_ns)
{
	const struct chunk *c;

	if (now_ns > o->now_ns)
		o->now_ns = now_ns;
	if (output_wants_generation(o) && generation_open(o))
		output_ship(o); /* somebody waits for it */
	c = o->lanes.out.tail;
	if (c && (c->len || c->records) && c->opened_ns + o->cfg.flush_ns <= now_ns)
		output_ship(o);
	if (o->cfg.hold_ns && now_ns > o->cfg.hold_ns)
		lanes_release(&o->lanes, now_ns - o->cfg.hold_ns);
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

void output_finish(struct output *o)
{
	output_hasten(o);
	generation_close(o);
	delivery_finish(o->delivery);
}

/* ---- the ledger ---------------------------------------------------------------------------- */

/* Takes in what delivery has to say. */
static void output_hear(struct output *o)
{
	struct tally_news news = tally_take_news(delivery_tally(o->delivery));

	loss_book_add(&o->lost[OSTAT_SINK_ERROR], &news.lost);
	for (unsigned i = 0; i < OSTAT_MAX; i++) {
		if (news.reports_done & 1u << i)
			loss_book_written(&o->lost[i]);
		if (news.reports_lost & 1u << i)
			loss_book_unwritten(&o->lost[i]);
	}
}

void output_stats(struct output *o, uint64_t ret[OSTAT_MAX])
{
	struct tally_stats sink;

	output_hear(o);
	sink = tally_read(delivery_tally(o->delivery));
	ret[OSTAT_OFFERED] = o->offered;
	ret[OSTAT_SKIPPED] = o->skipped;
	ret[OSTAT_PEER_DUPLICATE] = o->peer_duplicate;
	ret[OSTAT_DONE] = sink.done;
	ret[OSTAT_IN_FLIGHT] = o->shipped - sink.done - sink.lost;
	ret[OSTAT_TOO_BIG] = o->lost[OSTAT_TOO_BIG].total;
	ret[OSTAT_QUEUE_FULL] = o->lost[OSTAT_QUEUE_FULL].total;
	ret[OSTAT_SINK_ERROR] = o->lost[OSTAT_SINK_ERROR].total;
	ret[OSTAT_BYTES] = sink.bytes;
	ret[OSTAT_GENERATIONS] = o->generation;
	ret[OSTAT_MEDIA] = sink.media;
}

/* A report that would be lost as well can wait. */
static bool output_can_report(struct output *o)
{
	return !tally_read(delivery_tally(o->delivery)).error && output_ready(o);
}

bool output_loss_due(struct output *o, enum output_stat reason, struct event_loss *ret)
{
	const struct loss *due = &o->lost[reason].due;

	assert(stats_output_rows[reason].loss);
	output_hear(o);
	if (!loss_book_due(&o->lost[reason]) || !output_can_report(o))
		return false;
	*ret = (struct event_loss){.probe = "output",
				   .reason = stats_output_rows[reason].name,
				   .count = due->count,
				   .first_unix_ns = due->first_ns,
				   .last_unix_ns = due->last_ns,
				   .first_seq = due->first_seq,
				   .last_seq = due->last_seq};
	return true;
}

/* The report lies in c. */
static void output_told(struct output *o, enum output_stat reason, struct chunk *c, uint64_t ns)
{
	c->reports |= 1u << reason;
	loss_book_tell(&o->lost[reason]);
	output_count(o, c, ns);
}

void output_report(struct output *o, enum output_stat reason, struct event *ev)
{
	struct chunk *c;
	int r = output_append(o, ev, &c);

	o->offered++;
	if (!r)
		output_told(o, reason, c, ev->time_boot_ns);
	else if (r == -EOPNOTSUPP) /* this format has no place for it, and never will */
		loss_book_forget(&o->lost[reason]);
}

void output_report_tap(struct output *o, enum output_stat reason, const void *rec, size_t len,
		       uint64_t time_ns)
{
	struct chunk *c = tap_offer(o, rec, len, time_ns);

	if (c)
		output_told(o, reason, c, time_ns);
}

int output_error(struct output *o, char *ret, size_t size)
{
	return tally_text(delivery_tally(o->delivery), ret, size);
}

const char *output_label(const struct output *o)
{
	return o->cfg.label;
}

unsigned output_index(const struct output *o)
{
	return o->index;
}
