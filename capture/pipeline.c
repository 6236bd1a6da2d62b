/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/assemble.h"
#include "capture/layout.h"
#include "capture/ledger.h"
#include "capture/normalise.h"
#include "kern/events.h"

struct pipeline {
	struct pipeline_config cfg;
	struct assemble *assemble;
	struct normalise *normalise;
	struct ledger ledger;
	struct run run;
	char *run_rec; /* the RUN record, which `run` points into; NULL = none yet */
	char probes[512];
	bool have_clock, started, stopped, finished;
	uint64_t now_ns;
	struct err err;
};

/* An output_context_fn. */
static int pipeline_opening(void *pipeline, output_record_fn fn, void *arg)
{
	struct pipeline *p = pipeline;

	return p->run_rec ? normalise_opening(p->normalise, (const struct rec *)p->run_rec,
					      p->now_ns, fn, arg)
			  : 0;
}

int pipeline_new(const struct pipeline_config *cfg, struct pipeline **ret, struct err *err)
{
	struct pipeline *p = calloc(1, sizeof(*p));

	*ret = NULL;
	if (!p)
		return errf(err, -ENOMEM, "out of memory");
	p->cfg = *cfg;
	p->ledger.probe_by_number = cfg->probe_by_number;
	p->normalise = normalise_new(cfg->outputs, cfg->outputs_n);
	p->assemble = assemble_new(normalise_emit, p->normalise);
	if (!p->normalise || !p->assemble) {
		pipeline_free(p);
		return errf(err, -ENOMEM, "out of memory");
	}
	normalise_keep(p->normalise, cfg->keep, cfg->keep_arg);
	for (unsigned i = 0; i < cfg->outputs_n; i++)
		if (output_is_tap(cfg->outputs[i]))
			output_context(cfg->outputs[i], pipeline_opening, p);
	*ret = p;
	return 0;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	assemble_free(p->assemble);
	normalise_free(p->normalise);
	free(p->run_rec);
	free(p);
}

const char *pipeline_error(const struct pipeline *p)
{
	return p->err.text;
}

/* ---- the sources' own records -------------------------------------------------------------- */

static void name_probes(struct pipeline *p, const uint64_t bits[4])
{
	size_t n = 0;

	for (unsigned i = 1; i < PROBE_MAX; i++) {
		const struct probe_ops *ops = p->cfg.probe_by_number(i);

		if (ops && bits[i / 64] >> i % 64 & 1 && n < sizeof(p->probes))
			n += (size_t)snprintf(p->probes + n, sizeof(p->probes) - n, "%s%s",
					      n ? "," : "", ops->name);
	}
	p->run.probes = p->probes;
}

/* Begins as soon as both the run and the clock are known: outputs can be told of the run, and
 * events can be emitted. */
static int pipeline_start(struct pipeline *p)
{
	if (p->started || !p->run_rec || !p->have_clock)
		return 0;
	p->run.start_unix_ns = normalise_unix(p->normalise, p->run.start_boot_ns);
	p->ledger.counters_ns = p->ledger.loss_ns = p->ledger.stats_ns = p->run.start_boot_ns;
	for (unsigned i = 0; i < p->cfg.outputs_n; i++)
		if (!output_is_tap(p->cfg.outputs[i]) && output_run(p->cfg.outputs[i], &p->run) < 0)
			return errf(&p->err, -ENOMEM, "out of memory");
	p->started = true;
	return 0;
}

/* A RUN record that is not the first: the recording began anew after a gap. That of another run has
 * no place here. */
static int take_run_again(struct pipeline *p, const struct rec *rec)
{
	struct run run;
	uint64_t probes[4];
	int r = layout_run(rec, &run, probes);

	if (r || run.run_id != p->run.run_id)
		return -EBADMSG;
	normalise_renew(p->normalise);
	return 0;
}

static int take_run(struct pipeline *p, const struct rec *rec)
{
	uint64_t probes[4];
	int r;

	if (p->run_rec)
		return take_run_again(p, rec);
	p->run_rec = malloc(rec->len);
	if (!p->run_rec)
		return errf(&p->err, -ENOMEM, "out of memory");
	memcpy(p->run_rec, rec, rec->len);
	r = layout_run((const struct rec *)p->run_rec, &p->run, probes);
	if (r == -EPROTO)
		return errf(&p->err, -EPROTO, "recorded by a newer penstock than this one");
	if (r)
		return errf(&p->err, -EPROTO, "the description of the run is damaged");
	name_probes(p, probes);
	return pipeline_start(p);
}

static int take_clock(struct pipeline *p, const struct rec *rec)
{
	const struct rec_clock *r = (const void *)rec;

	if (rec->len < sizeof(*r))
		return -EMSGSIZE;
	normalise_clock(p->normalise, rec->time, r->unix_ns);
	for (unsigned i = 0; i < p->cfg.outputs_n; i++)
		output_clock(p->cfg.outputs[i], (int64_t)(r->unix_ns - rec->time));
	p->have_clock = true;
	return pipeline_start(p);
}

static int take_tick(struct pipeline *p)
{
	struct ledger *l = &p->ledger;
	bool stats = p->cfg.stats_ns && l->stats_ns + p->cfg.stats_ns <= p->now_ns;

	if (!p->started)
		return 0;
	assemble_tick(p->assemble, p->now_ns);
	l->stats[STAT_EVICTED] = assemble_evicted(p->assemble);
	ledger_losses(l, p->normalise, p->cfg.outputs, p->cfg.outputs_n, p->now_ns);
	for (unsigned i = 0; i < p->cfg.outputs_n; i++) {
		if (stats)
			ledger_emit_stats(l, p->normalise, p->cfg.outputs[i], p->now_ns, false);
		output_tick(p->cfg.outputs[i], p->now_ns);
	}
	if (stats)
		l->stats_ns = p->now_ns;
	return 0;
}

static int take_attach(struct pipeline *p, const struct rec *rec)
{
	struct event ev = {.kind = EVENT_ATTACH,
			   .probe = ledger_probe_name(&p->ledger, rec->probe)};
	int r = layout_attach(rec, &ev.attach);

	if (!r)
		normalise_emit(&ev, NULL, rec->time, p->normalise);
	return r;
}

static int take_loss(struct pipeline *p, const struct rec *rec)
{
	struct event ev = {.kind = EVENT_LOSS, .probe = "core"};
	int r = layout_loss(rec, &ev.loss);

	if (!r)
		normalise_emit(&ev, NULL, rec->time, p->normalise);
	return r;
}

/* ---- records of probes --------------------------------------------------------------------- */

static int take_exit(struct pipeline *p, const struct rec *rec)
{
	const struct rec_exit *r = (const void *)rec;

	if (rec->len < sizeof(*r))
		return -EMSGSIZE;
	assemble_exit(p->assemble, r->task.pid, r->code & 0x7f ? -1 : (int)(r->code >> 8 & 0xff),
		      rec->time);
	return normalise_context(p->normalise, rec);
}

/* EXEC and EXIT are context before they are events, so that an event of EXEC names the new image.
 */
static int take_process(struct pipeline *p, const struct rec *rec)
{
	if (rec->flags & REC_F_PART)
		return rec->probe ? 0 : 1;
	return rec->kind == REC_EXIT ? take_exit(p, rec) : normalise_context(p->normalise, rec);
}

static int take_event(struct pipeline *p, const struct rec *rec)
{
	const struct probe_ops *ops = p->cfg.probe_by_number(rec->probe);
	struct part part;
	int r;

	if (!ops)
		return -ENOTSUP;
	r = ops->decode(rec, &part);
	return r ? r : assemble_part(p->assemble, &part, rec->time);
}

/* May it come before run and clock are known? Nothing may that could become an event. */
static bool is_early(const struct rec *rec)
{
	return rec->kind <= REC_PROC || rec->kind == REC_STOP || rec->kind == REC_CGROUP;
}

static int pipeline_dispatch(struct pipeline *p, const struct rec *rec)
{
	int r;

	if (!p->started && !is_early(rec))
		return -EBADMSG;
	switch (rec->kind) {
	case REC_RUN:
		return take_run(p, rec);
	case REC_CLOCK:
		return take_clock(p, rec);
	case REC_TICK:
		return take_tick(p);
	case REC_COUNTERS:
		return ledger_counters(&p->ledger, rec, p->normalise);
	case REC_ATTACH:
		return take_attach(p, rec);
	case REC_LOSS:
		return take_loss(p, rec);
	case REC_STOP:
		p->stopped = true;
		return 0;
	case REC_NONE: /* the source could make nothing of it */
		return -EBADMSG;
	case REC_PROC:
	case REC_FORK:
	case REC_CGROUP:
		return normalise_context(p->normalise, rec);
	case REC_EXEC:
	case REC_EXIT:
		r = take_process(p, rec);
		return r || !rec->probe ? r : take_event(p, rec);
	default:
		return take_event(p, rec);
	}
}

static enum stat stat_of_result(int r)
{
	switch (r) {
	case 0:
		return STAT_DECODED;
	case 1:
		return STAT_MERGED;
	case -EMSGSIZE:
		return STAT_SHORT;
	case -ENOTSUP:
		return STAT_UNKNOWN;
	case -ENOENT:
		return STAT_ORPHAN;
	default:
		return STAT_BAD;
	}
}

int pipeline_record(const struct rec *rec, void *pipeline)
{
	struct pipeline *p = pipeline;
	int r = layout_valid(rec, rec->len) ? 0 : -EMSGSIZE;

	p->ledger.stats[STAT_READ]++;
	if (!r && !p->run_rec && rec->kind != REC_RUN && rec->kind != REC_CLOCK &&
	    rec->kind != REC_TICK)
		r = errf(&p->err, -EPROTO,
			 "the recording does not begin with the description of a run");
	if (!r) {
		if (rec->time > p->now_ns)
			p->now_ns = rec->time;
		for (unsigned i = 0; i < p->cfg.outputs_n; i++)
			if (output_is_tap(p->cfg.outputs[i]))
				output_tap(p->cfg.outputs[i], rec, rec->len, rec->time);
		r = pipeline_dispatch(p, rec);
	}
	p->ledger.stats[stat_of_result(r)]++;
	return p->err.text[0] ? r : 0;
}

void pipeline_end(struct pipeline *p)
{
	struct ledger *l = &p->ledger;

	p->finished = true;
	if (!p->started)
		return;
	assemble_finish(p->assemble, p->now_ns);
	l->stats[STAT_EVICTED] = assemble_evicted(p->assemble);
	for (unsigned i = 0; i < p->cfg.outputs_n; i++)
		output_settle(p->cfg.outputs[i]);
	ledger_losses(l, p->normalise, p->cfg.outputs, p->cfg.outputs_n, p->now_ns);
	for (unsigned i = 0; i < p->cfg.outputs_n; i++)
		ledger_emit_stats(l, p->normalise, p->cfg.outputs[i], p->now_ns, p->stopped);
}

void pipeline_finish(struct pipeline *p)
{
	for (unsigned i = 0; i < p->cfg.outputs_n; i++)
		output_hasten(p->cfg.outputs[i]);
	pipeline_end(p);
	for (unsigned i = 0; i < p->cfg.outputs_n; i++)
		output_finish(p->cfg.outputs[i]);
}

void pipeline_report(const struct pipeline *p, struct pipeline_report *ret)
{
	const struct ledger *l = &p->ledger;

	*ret = (struct pipeline_report){.kernel_lost = ledger_kernel_lost(l),
					.ring_size = l->ring_size,
					.ring_high = l->ring_high,
					.stopped = p->stopped,
					.balanced = ledger_balanced(l, p->stopped)};
	for (unsigned k = 0; k < KC_MAX; k++)
		ret->kernel[k] = ledger_kernel(l, k);
	memcpy(ret->stats, l->stats, sizeof(ret->stats));
	memcpy(ret->events, normalise_counts(p->normalise), sizeof(ret->events));
	for (unsigned i = 0; i < p->cfg.outputs_n; i++)
		ret->balanced =
			ret->balanced && ledger_output_balanced(p->cfg.outputs[i], p->finished);
}
