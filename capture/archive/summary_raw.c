/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/summary_raw.h"

#include <string.h>

#include "capture/layout.h"
#include "capture/raw.h"

static void raw_event(const struct summary_raw *x, struct event *ev, const struct rec *rec,
		      decoder_fn fn, void *arg)
{
	const struct rec_task *task = layout_task(rec);
	struct proc proc = {0};

	if (task) {
		proc.pid = task->pid;
		proc.comm = (struct bytes){task->comm, strnlen(task->comm, sizeof(task->comm))};
		ev->proc = &proc;
	}
	ev->time_boot_ns = rec->time;
	ev->time_unix_ns = x->unix_ns ? rec->time - x->boot_ns + x->unix_ns : 0;
	fn(ev, arg);
	ev->proc = NULL;
}

/* Is it the first, or only, part of an event? */
static bool part_is_event(const struct part *part)
{
	return (part->role == PART_WHOLE || part->role == PART_BEGIN) &&
	       part->ev.kind < EVENT_KINDS && part->ev.kind != EVENT_META;
}

void summary_raw_record(struct summary_raw *x, struct bytes record, decoder_fn fn, void *arg)
{
	const struct rec *rec = (const void *)record.p;
	const struct rec_clock *clock = (const void *)record.p;
	struct event ev = {.probe = "core"};
	uint64_t probes[4];
	struct part part;
	struct run run;

	if (!memcmp(record.p, RAW_MAGIC, sizeof(*rec)) || !layout_valid(rec, record.n))
		return;
	switch (rec->kind) {
	case REC_CLOCK:
		if (rec->len >= sizeof(*clock)) {
			x->boot_ns = rec->time;
			x->unix_ns = clock->unix_ns;
		}
		break;
	case REC_RUN:
		ev.kind = EVENT_META;
		ev.run = &run;
		if (layout_run(rec, &run, probes) == 0)
			raw_event(x, &ev, rec, fn, arg);
		break;
	case REC_ATTACH:
		ev.kind = EVENT_ATTACH;
		if (layout_attach(rec, &ev.attach) == 0)
			raw_event(x, &ev, rec, fn, arg);
		break;
	case REC_LOSS:
		ev.kind = EVENT_LOSS;
		if (layout_loss(rec, &ev.loss) == 0)
			raw_event(x, &ev, rec, fn, arg);
		break;
	case REC_EXEC:
	case REC_EXIT:
	case REC_LINE:
	case REC_QUERY:
	case REC_DATA:
		if (layout_decode(rec, "core", &part) == 0 && part_is_event(&part))
			raw_event(x, &part.ev, rec, fn, arg);
		break;
	default:
		break;
	}
}
