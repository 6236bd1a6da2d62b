/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an output counted, and the reports of what it lost: see capture/output.h. */
#include "capture/output_inside.h"

#include <assert.h>
#include <errno.h>

/* Takes in what delivery has to say. */
static void output_hear(struct output *o)
{
	static const enum output_stat reasons[TALLY_REASONS] = {[TALLY_SINK] = OSTAT_SINK_ERROR,
								[TALLY_QUEUE] = OSTAT_QUEUE_FULL,
								[TALLY_SPOOL] = OSTAT_SPOOL_FULL,
								[TALLY_REFUSED] = OSTAT_REFUSED};
	struct tally_news news = tally_take_news(delivery_tally(o->delivery));

	for (unsigned i = 0; i < TALLY_REASONS; i++)
		loss_book_add(&o->lost[reasons[i]], &news.lost[i]);
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
	uint64_t lost;

	/* Delivery goes on meanwhile: what is heard and what is read must be of one time. */
	do {
		lost = tally_read(delivery_tally(o->delivery)).lost;
		output_hear(o);
		sink = tally_read(delivery_tally(o->delivery));
	} while (sink.lost != lost);
	ret[OSTAT_OFFERED] = o->offered;
	ret[OSTAT_SKIPPED] = o->skipped;
	ret[OSTAT_PEER_DUPLICATE] = o->peer_duplicate;
	ret[OSTAT_DONE] = sink.done;
	ret[OSTAT_IN_FLIGHT] = o->shipped - sink.done - sink.lost;
	ret[OSTAT_TOO_BIG] = o->lost[OSTAT_TOO_BIG].total;
	ret[OSTAT_QUEUE_FULL] = o->lost[OSTAT_QUEUE_FULL].total;
	ret[OSTAT_SINK_ERROR] = o->lost[OSTAT_SINK_ERROR].total;
	ret[OSTAT_SPOOL_FULL] = o->lost[OSTAT_SPOOL_FULL].total;
	ret[OSTAT_REFUSED] = o->lost[OSTAT_REFUSED].total;
	ret[OSTAT_BYTES] = sink.bytes;
	ret[OSTAT_GENERATIONS] = o->generation;
	ret[OSTAT_MEDIA] = sink.media;
}

/* A report that would be lost as well can wait; a relay reports nothing of its own. */
static bool output_can_report(struct output *o)
{
	return !o->cfg.relay && !tally_read(delivery_tally(o->delivery)).error && output_ready(o);
}

bool output_loss_due(struct output *o, enum output_stat reason, struct event_loss *ret)
{
	const struct loss *due = &o->lost[reason].due;

	assert(stats_output_rows[reason].loss);
	output_hear(o);
	/* At the end nobody can wait for the fate of the last report. */
	if (!due->count || (o->lost[reason].told.count && !o->settled) || !output_can_report(o))
		return false;
	*ret = (struct event_loss){.probe = "output",
				   .reason = stats_output_rows[reason].name,
				   .count = due->count,
				   .first_boot_ns = due->first_ns,
				   .last_boot_ns = due->last_ns,
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
	struct chunk *c;

	if (!output_append_tap(o, rec, len, time_ns, &c))
		output_told(o, reason, c, time_ns);
}

void output_state(struct output *o, struct delivery_state *ret)
{
	delivery_state(o->delivery, ret);
}

int output_error(struct output *o, char *ret, size_t size)
{
	return tally_text(delivery_tally(o->delivery), ret, size);
}
