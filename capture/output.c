/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/output.h"

#include <errno.h>
#include <stdlib.h>

#include "capture/chunkq.h"
#include "capture/output_sink.h"

enum {
	OUTPUT_QUEUE = 256, /* chunks to the sink: 32 MiB, touched as far as needed */
	OUTPUT_HELD = 512,  /* chunks that `hold` may keep: 64 MiB */
};

struct output {
	struct output_config cfg;
	unsigned index;
	void *encoder; /* its ctx */
	bool encoder_open;
	struct chunkq *q;
	struct output_sink *sink;
	const struct run *run;
	struct out out; /* tail: open, may be NULL; early: for what precedes the held ones */
	struct chunk *held, **held_tail; /* oldest first */
	unsigned held_n;
	uint64_t now_ns;
	uint32_t epoch;    /* 0 = none opened yet */
	uint64_t next_seq; /* of the next event that is not skipped; the first is 1 */
	uint64_t offered, skipped, peer_duplicate;
	struct output_loss too_big, queue_full; /* the reader's */
};

int output_new(const struct output_config *cfg, unsigned index, struct output **ret,
	       struct err *err)
{
	const struct encoder_ops *e = cfg->encoder;
	struct output *o = calloc(1, sizeof(*o));
	int r;

	*ret = NULL;
	if (!o)
		return errf(err, -ENOMEM, "%s: out of memory", cfg->label);
	o->cfg = *cfg;
	o->cfg.kinds |= 1u << EVENT_LOSS; /* an output always says what it lost */
	o->index = index;
	o->held_tail = &o->held;
	o->next_seq = 1;
	o->q = chunkq_new(OUTPUT_QUEUE + (cfg->hold_ns ? OUTPUT_HELD : 0));
	o->encoder = calloc(1, e->ctx_size ? e->ctx_size : 1);
	if (!o->q || !o->encoder) {
		output_free(o);
		return errf(err, -ENOMEM, "%s: out of memory", cfg->label);
	}
	o->encoder_open = true;
	r = e->open ? e->open(o->encoder, cfg->encoder_cfg, &cfg->encoder_env, err) : 0;
	if (!r)
		r = output_sink_new(&o->cfg, o->q, &o->sink, err);
	if (r) {
		output_free(o);
		return r;
	}
	*ret = o;
	return 0;
}

void output_free(struct output *o)
{
	if (!o)
		return;
	output_sink_free(o->sink);
	if (o->encoder_open && o->cfg.encoder->close)
		o->cfg.encoder->close(o->encoder);
	free(o->encoder);
	chunkq_free(o->q);
	free(o);
}

/* ---- chunks -------------------------------------------------------------------------------- */

static void release_oldest(struct output *o)
{
	struct chunk *c = o->held;

	if (o->out.early) {
		if (o->out.early->len)
			chunkq_push(o->q, o->out.early);
		else
			chunkq_give(o->q, o->out.early);
		o->out.early = NULL;
	}
	o->held = c->next;
	if (!o->held)
		o->held_tail = &o->held;
	o->held_n--;
	chunkq_push(o->q, c);
}

static void hold(struct output *o, struct chunk *c)
{
	c->next = NULL;
	*o->held_tail = c;
	o->held_tail = &c->next;
	o->held_n++;
	while (o->held_n >= OUTPUT_HELD)
		release_oldest(o);
}

/* The open chunk is complete: closes it and sends it on. */
static void ship(struct output *o)
{
	struct chunk *c = o->out.tail;

	if (!c)
		return;
	/* Events may be in what the encoder has collected for the end alone. */
	if (o->cfg.encoder->seal)
		o->cfg.encoder->seal(o->encoder, &o->out);
	o->out.tail = NULL;
	if (!c->len && !c->records) /* events that show nothing count as written, too */
		chunkq_give(o->q, c);
	else if (o->cfg.hold_ns)
		hold(o, c);
	else
		chunkq_push(o->q, c);
}

static bool open_chunk(struct output *o, bool jumbo)
{
	struct chunk *c = chunkq_take(o->q, jumbo, o->cfg.block);

	if (!c)
		return false;
	c->epoch = o->epoch;
	c->first_ns = c->last_ns = o->now_ns;
	o->out.tail = c;
	return true;
}

/* While chunks are held there is a place before them; made when first needed. */
static void open_early(struct output *o)
{
	if (o->held && !o->out.early)
		o->out.early = chunkq_take(o->q, false, false);
	if (o->out.early)
		o->out.early->epoch = o->epoch;
}

static int encode(struct output *o, struct event *ev)
{
	return o->cfg.encoder->encode(o->encoder, ev, &o->out);
}

/* The event with next_seq lies in c. */
static void taken(struct output *o, struct chunk *c)
{
	if (!c->records)
		c->first_seq = o->next_seq;
	c->records++;
	c->last_ns = o->now_ns;
	o->next_seq++;
}

/* ---- epochs -------------------------------------------------------------------------------- */

static void close_epoch(struct output *o)
{
	const struct encoder_ops *e = o->cfg.encoder;
	int r = e->epilogue ? -ENOBUFS : 0;

	if (!o->epoch)
		return;
	if (o->out.tail && chunk_room(o->out.tail) < CHUNK_SIZE / 4)
		ship(o);
	while (r == -ENOBUFS && (o->out.tail || open_chunk(o, false))) {
		r = e->epilogue(o->encoder, &o->out);
		if (r)
			ship(o);
	}
	ship(o);
	while (o->held)
		release_oldest(o);
}

/* Preamble and META; false when there is no chunk for them now. */
static bool open_epoch(struct output *o)
{
	struct event meta = {.kind = EVENT_META, .probe = "core"};

	close_epoch(o);
	if (!open_chunk(o, false))
		return false;
	o->out.tail->epoch = ++o->epoch;
	o->out.tail->opens_epoch = true;
	if (o->cfg.encoder->preamble)
		o->cfg.encoder->preamble(o->encoder, o->run, &o->out);
	if (o->run && output_wants(o, EVENT_META)) {
		meta.run = o->run;
		meta.time_boot_ns = o->run->start_boot_ns;
		meta.time_unix_ns = o->run->start_unix_ns;
		o->offered++;
		meta.seq = o->next_seq;
		if (encode(o, &meta) == 0)
			taken(o, o->out.tail);
		else
			o->skipped++;
	}
	return true;
}

static bool ready(struct output *o)
{
	if ((!o->epoch || output_sink_wants_epoch(o->sink) >= o->epoch) && !open_epoch(o))
		return false;
	return o->out.tail || open_chunk(o, false);
}

void output_run(struct output *o, const struct run *run)
{
	o->run = run;
	o->now_ns = run->start_boot_ns;
	ready(o);
}

/* ---- events -------------------------------------------------------------------------------- */

/* Encodes into the open chunk, a fresh one, or a jumbo one. */
static int append(struct output *o, struct event *ev)
{
	int r = ready(o) ? encode(o, ev) : -EAGAIN;

	if (r == -ENOBUFS) {
		ship(o);
		r = open_chunk(o, false) ? encode(o, ev) : -EAGAIN;
	}
	if (r == -ENOBUFS) {
		ship(o);
		r = open_chunk(o, true) ? encode(o, ev) : -EAGAIN;
		if (r == -ENOBUFS)
			r = -EMSGSIZE;
	}
	return r;
}

static void lose(struct output *o, struct output_loss *loss, const struct event *ev)
{
	output_loss_add(loss, 1, o->next_seq, o->next_seq, ev->time_boot_ns);
	o->next_seq++;
}

bool output_wants(const struct output *o, enum event_kind kind)
{
	return o->cfg.kinds & 1u << kind;
}

void output_event(struct output *o, struct event *ev)
{
	const struct proc *proc = ev->proc;
	size_t early_len;
	int r;

	o->offered++;
	if (!output_wants(o, ev->kind)) {
		o->skipped++;
		return;
	}
	if (ev->time_boot_ns > o->now_ns)
		o->now_ns = ev->time_boot_ns;
	if (!ready(o)) {
		lose(o, &o->queue_full, ev);
		return;
	}
	open_early(o);
	early_len = o->out.early ? o->out.early->len : 0;
	ev->seq = o->next_seq;
	ev->proc_first = proc && proc->seen && proc->seen[o->index] != o->epoch;
	r = append(o, ev);
	if (r == -EOPNOTSUPP || r == -EALREADY) {
		o->skipped++;
		o->peer_duplicate += r == -EALREADY;
		return;
	}
	if (r && o->out.tail && o->out.tail->cap == CHUNK_JUMBO)
		ship(o);
	if (r) {
		lose(o, r == -EMSGSIZE ? &o->too_big : &o->queue_full, ev);
		return;
	}
	if (ev->proc_first)
		proc->seen[o->index] = o->epoch;
	taken(o, o->out.early && o->out.early->len > early_len ? o->out.early : o->out.tail);
	if (o->out.tail->cap == CHUNK_JUMBO)
		ship(o);
}

bool output_is_tap(const struct output *o)
{
	return o->cfg.encoder->flags & ENCODER_TAP;
}

void output_tap(struct output *o, const void *rec, size_t len, uint64_t time_ns)
{
	struct event ev = {.time_boot_ns = time_ns};
	int r;

	o->offered++;
	if (time_ns > o->now_ns)
		o->now_ns = time_ns;
	r = ready(o) ? o->cfg.encoder->tap(o->encoder, rec, len, &o->out) : -EAGAIN;
	if (r == -ENOBUFS) {
		ship(o);
		r = open_chunk(o, false) ? o->cfg.encoder->tap(o->encoder, rec, len, &o->out)
					 : -EAGAIN;
	}
	if (r) {
		lose(o, r == -ENOBUFS ? &o->too_big : &o->queue_full, &ev);
		return;
	}
	taken(o, o->out.tail);
}

void output_tick(struct output *o, uint64_t now_ns)
{
	struct chunk *c = o->out.tail;

	if (now_ns > o->now_ns)
		o->now_ns = now_ns;
	if (c && (c->len || c->records) && c->first_ns + o->cfg.flush_ns <= now_ns)
		ship(o);
	while (o->held && o->held->last_ns + o->cfg.hold_ns <= now_ns)
		release_oldest(o);
}

void output_finish(struct output *o)
{
	close_epoch(o);
	output_sink_finish(o->sink);
}

/* ---- the ledger ---------------------------------------------------------------------------- */

void output_stats(const struct output *o, uint64_t ret[OSTAT_MAX])
{
	struct output_sink_stats sink;

	output_sink_stats(o->sink, &sink);
	ret[OSTAT_OFFERED] = o->offered;
	ret[OSTAT_SKIPPED] = o->skipped;
	ret[OSTAT_PEER_DUPLICATE] = o->peer_duplicate;
	ret[OSTAT_WRITTEN] = sink.written;
	ret[OSTAT_TOO_BIG] = o->too_big.total;
	ret[OSTAT_QUEUE_FULL] = o->queue_full.total;
	ret[OSTAT_SINK_ERROR] = sink.lost;
	ret[OSTAT_BYTES] = sink.bytes;
	ret[OSTAT_EPOCHS] = o->epoch;
}

static struct output_loss take(struct output_loss *l)
{
	struct output_loss taken = *l;

	*l = (struct output_loss){.total = taken.total};
	return taken;
}

bool output_take_loss(struct output *o, struct event_loss *ret)
{
	struct output_sink_stats sink;
	enum output_stat reason = OSTAT_TOO_BIG;
	struct output_loss l;

	output_sink_stats(o->sink, &sink);
	if (sink.error)
		return false;
	l = take(&o->too_big);
	if (!l.count) {
		reason = OSTAT_QUEUE_FULL;
		l = take(&o->queue_full);
	}
	if (!l.count) {
		reason = OSTAT_SINK_ERROR;
		l = output_sink_take_loss(o->sink);
	}
	if (!l.count)
		return false;
	*ret = (struct event_loss){.probe = "output",
				   .reason = stats_output_rows[reason].name,
				   .count = l.count,
				   .first_unix_ns = l.first_ns,
				   .last_unix_ns = l.last_ns,
				   .first_seq = l.first_seq,
				   .last_seq = l.last_seq};
	return true;
}

int output_error(struct output *o, char *ret, size_t size)
{
	return output_sink_error(o->sink, ret, size);
}

const char *output_label(const struct output *o)
{
	return o->cfg.label;
}

unsigned output_index(const struct output *o)
{
	return o->index;
}
