/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "capture/base/elapsed.h"
#include "capture/cli/number.h"

void progress_begin(struct progress *p)
{
	*p = (struct progress){.begin_ms = elapsed_ms(), .last_ms = elapsed_ms()};
}

static uint64_t progress_events(const struct snapshot *s)
{
	uint64_t sum = 0;

	for (unsigned k = 0; k < EVENT_KINDS; k++)
		sum += s->run.events[k];
	return sum;
}

static uint64_t progress_lost(const struct snapshot *s, unsigned outputs)
{
	uint64_t sum = 0;

	for (unsigned k = 0; k < KC_MAX; k++)
		sum += stats_kernel_rows[k].loss ? s->run.kernel[k] : 0;
	for (unsigned k = 0; k < STAT_MAX; k++)
		sum += stats_rows[k].loss ? s->run.stats[k] : 0;
	for (unsigned i = 0; i < outputs; i++)
		for (unsigned k = 0; k < OSTAT_MAX; k++)
			sum += stats_output_rows[k].loss ? s->outputs[i][k] : 0;
	return sum;
}

static uint64_t progress_bytes(const struct snapshot *s, unsigned outputs)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < outputs; i++)
		sum += s->outputs[i][OSTAT_BYTES];
	return sum;
}

/* The stream that is worst off. */
static int progress_stream(const struct outputs *o, const struct snapshot *s, char *ret,
			   size_t size)
{
	struct delivery_state state;
	char waiting[32], since[24];

	for (unsigned i = 0; i < o->n; i++) {
		uint64_t left = s->outputs[i][OSTAT_IN_FLIGHT];

		if (!(o->specs[i].sink->flags & SINK_STREAM))
			continue;
		output_state(o->v[i], &state);
		if (state.spooled)
			left = state.store.events;
		if (!state.error && !left)
			continue;
		return snprintf(ret, size, "  %s: %s waiting%s%s", o->specs[i].sink->name,
				number_count(left, waiting), state.error ? ", away " : "",
				state.error ? number_time(state.since_ms, since) : "");
	}
	return 0;
}

void progress_format(struct progress *p, const struct snapshot *now, const struct outputs *outputs,
		     char *ret, size_t size)
{
	uint64_t events = progress_events(now);
	int64_t now_ms = elapsed_ms(), s = (now_ms - p->begin_ms) / 1000;
	uint64_t ms = now_ms > p->last_ms ? (uint64_t)(now_ms - p->last_ms) : 1;
	char total[32], rate[32], size_text[16], lost[32], stream[96] = "";

	progress_stream(outputs, now, stream, sizeof(stream));
	snprintf(ret, size,
		 "%02" PRId64 ":%02" PRId64 ":%02" PRId64 "  %s events, %s/s  %s  %s lost%s",
		 s / 3600, s / 60 % 60, s % 60, number_count(events, total),
		 number_count((events - p->events) * 1000 / ms, rate),
		 number_size(progress_bytes(now, outputs->n), size_text),
		 number_count(progress_lost(now, outputs->n), lost), stream);
	p->last_ms = now_ms;
	p->events = events;
}
