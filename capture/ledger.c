/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/ledger.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
	LEDGER_STATS_MAX = 256
};

const char *ledger_probe_name(const struct ledger *l, uint16_t number)
{
	const struct probe_ops *ops = number ? l->probe_by_number(number) : NULL;

	return ops ? ops->name : "core";
}

static void kernel_loss(struct ledger *l, const struct rec_counter *c, struct normalise *n,
			uint64_t now_ns)
{
	uint64_t *known = &l->kernel[c->probe][c->counter];
	struct event ev = {
		.kind = EVENT_LOSS,
		.probe = "core",
		.loss = {.probe = ledger_probe_name(l, c->probe),
			 .reason = stats_kernel_rows[c->counter].name,
			 .count = c->value - *known,
			 .first_boot_ns = l->counters_ns,
			 .last_boot_ns = now_ns},
	};

	if (stats_kernel_rows[c->counter].loss && c->value > *known)
		normalise_emit(&ev, NULL, now_ns, n);
	*known = c->value;
}

int ledger_counters(struct ledger *l, const struct rec *rec, struct normalise *n)
{
	const struct rec_counters *r = (const void *)rec;

	if (rec->len < sizeof(*r))
		return -EMSGSIZE;
	if (r->n > (rec->len - sizeof(*r)) / sizeof(r->v[0]))
		return -EBADMSG;
	for (unsigned i = 0; i < r->n; i++)
		if (r->v[i].probe >= PROBE_MAX || r->v[i].counter >= KC_MAX)
			return -EBADMSG;
	l->ring_size = r->ring_size;
	l->ring_high = r->ring_high;
	l->ring_read = r->read;
	for (unsigned i = 0; i < r->n; i++)
		kernel_loss(l, &r->v[i], n, rec->time);
	l->counters_ns = rec->time;
	return 0;
}

/* Tells a loss as a LOSS record: for an output that takes records, not events. */
static void report_loss_raw(struct output *o, enum output_stat reason,
			    const struct event_loss *loss, uint64_t now_ns)
{
	union {
		struct rec_loss loss;
		char bytes[sizeof(struct rec_loss) + 64];
	} u = {.loss = {.count = loss->count,
			.first_ns = loss->first_boot_ns,
			.last_ns = loss->last_boot_ns,
			.reason_len = (uint32_t)strlen(loss->reason)}};
	struct rec_loss *r = &u.loss;

	assert(r->reason_len <= sizeof(u) - sizeof(*r));
	memcpy(u.bytes + sizeof(*r), loss->reason, r->reason_len);
	r->rec = (struct rec){
		.len = (uint32_t)sizeof(*r) + r->reason_len, .kind = REC_LOSS, .time = now_ns};
	output_report_tap(o, reason, r, r->rec.len, now_ns);
}

static void report_loss(struct normalise *n, struct output *o, enum output_stat reason,
			uint64_t now_ns)
{
	struct event ev = {.kind = EVENT_LOSS, .probe = "core"};

	if (!output_loss_due(o, reason, &ev.loss))
		return;
	if (output_is_tap(o)) {
		report_loss_raw(o, reason, &ev.loss, now_ns);
	} else {
		normalise_complete(n, &ev, now_ns);
		output_report(o, reason, &ev);
	}
}

void ledger_losses(struct ledger *l, struct normalise *n, struct output **outputs,
		   unsigned n_outputs, uint64_t now_ns)
{
	for (unsigned i = 0; i < STAT_MAX; i++) {
		struct event ev = {.kind = EVENT_LOSS,
				   .probe = "core",
				   .loss = {.probe = "reader",
					    .reason = stats_rows[i].name,
					    .count = l->stats[i] - l->reported[i],
					    .first_boot_ns = l->loss_ns,
					    .last_boot_ns = now_ns}};

		if (!stats_rows[i].loss || !ev.loss.count)
			continue;
		l->reported[i] = l->stats[i];
		normalise_emit(&ev, NULL, now_ns, n);
	}
	l->loss_ns = now_ns;
	for (unsigned i = 0; i < n_outputs; i++)
		for (unsigned reason = 0; reason < OSTAT_MAX; reason++)
			if (stats_output_rows[reason].loss)
				report_loss(n, outputs[i], reason, now_ns);
}

struct collect {
	struct event_counter v[LEDGER_STATS_MAX];
	unsigned n;
};

static void collect_add(struct collect *c, const char *group, const char *name, uint64_t value)
{
	if (c->n < LEDGER_STATS_MAX)
		c->v[c->n++] = (struct event_counter){group, name, value};
}

static void collect_kernel(const struct ledger *l, struct collect *c)
{
	collect_add(c, "ring", "size", l->ring_size);
	collect_add(c, "ring", "high", l->ring_high);
	for (unsigned p = 0; p < PROBE_MAX; p++)
		for (unsigned k = 0; k < KC_MAX; k++)
			if (l->kernel[p][k])
				collect_add(c, ledger_probe_name(l, p), stats_kernel_rows[k].name,
					    l->kernel[p][k]);
}

/* Losses of an output are told also when there are none, those that only streams can have if there
 * are. */
static bool ledger_tells(enum output_stat stat, uint64_t value)
{
	bool streams = stat == OSTAT_SPOOL_FULL || stat == OSTAT_REFUSED;

	return stats_output_rows[stat].loss && (value || !streams);
}

void ledger_emit_stats(struct ledger *l, struct normalise *n, struct output *o, uint64_t now_ns,
		       bool final)
{
	uint64_t stats[OSTAT_MAX];
	struct collect c = {.n = 0};
	struct event ev = {.kind = EVENT_STATS, .probe = "core"};

	collect_kernel(l, &c);
	for (unsigned i = 0; i < STAT_MAX; i++)
		collect_add(&c, "reader", stats_rows[i].name, l->stats[i]);
	output_stats(o, stats);
	for (unsigned i = 0; i < OSTAT_MAX; i++)
		if (i == OSTAT_OFFERED || i == OSTAT_SKIPPED || i == OSTAT_PEER_DUPLICATE ||
		    ledger_tells(i, stats[i]))
			collect_add(&c, "output", stats_output_rows[i].name, stats[i]);
	ev.stats = (struct event_stats){.v = c.v, .n = c.n, .final = final};
	normalise_emit_to(n, o, &ev, now_ns);
}

uint64_t ledger_kernel(const struct ledger *l, enum kcounter counter)
{
	uint64_t sum = 0;

	for (unsigned p = 0; p < PROBE_MAX; p++)
		sum += l->kernel[p][counter];
	return sum;
}

uint64_t ledger_kernel_lost(const struct ledger *l)
{
	uint64_t sum = 0;

	for (unsigned k = 0; k < KC_MAX; k++)
		if (stats_kernel_rows[k].loss)
			sum += ledger_kernel(l, k);
	return sum;
}

bool ledger_balanced(const struct ledger *l, bool stopped)
{
	uint64_t dropped = 0;

	for (unsigned i = 0; i < STAT_MAX; i++)
		if (stats_rows[i].loss)
			dropped += l->stats[i];
	if (l->stats[STAT_READ] != l->stats[STAT_DECODED] + l->stats[STAT_MERGED] + dropped)
		return false;
	return !stopped || ledger_kernel(l, KC_SUBMITTED) == l->ring_read + ledger_kernel_lost(l);
}

bool ledger_output_balanced(struct output *o, bool ended)
{
	uint64_t s[OSTAT_MAX], sum = 0;

	output_stats(o, s);
	for (unsigned i = 0; i < OSTAT_MAX; i++)
		if (stats_output_rows[i].loss)
			sum += s[i];
	if (!ended)
		sum += s[OSTAT_IN_FLIGHT];
	else if (s[OSTAT_IN_FLIGHT])
		return false;
	return s[OSTAT_OFFERED] == s[OSTAT_SKIPPED] + s[OSTAT_DONE] + sum;
}
