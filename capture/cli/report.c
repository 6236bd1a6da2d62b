/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/cli/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "capture/cli/number.h"

/* Kinds in which penstock tells of itself: they are not counted as recorded. */
enum {
	OWN_KINDS = 1u << EVENT_META | 1u << EVENT_ATTACH | 1u << EVENT_LOSS | 1u << EVENT_STATS,
};

static void print_summary(const struct pipeline_report *r)
{
	const char *separator = "penstock: ";
	char high[16], size[16];

	for (unsigned k = 0; k < EVENT_KINDS; k++) {
		if (!r->events[k] || OWN_KINDS & 1u << k)
			continue;
		fprintf(stderr, "%s%" PRIu64 " %s", separator, r->events[k], event_kind_name(k));
		separator = ", ";
	}
	if (*separator == 'p')
		fprintf(stderr, "%sno events", separator);
	for (unsigned k = 0; k < KC_MAX; k++)
		if ((k == KC_FILTERED || k == KC_SELF) && r->kernel[k])
			fprintf(stderr, "; %" PRIu64 " %s", r->kernel[k],
				stats_kernel_rows[k].name);
	if (r->ring_size)
		fprintf(stderr, "; ring at most %s of %s full", number_size(r->ring_high, high),
			number_size(r->ring_size, size));
	fputc('\n', stderr);
}

static const char *output_name(const struct outputs *o, unsigned i)
{
	return o->specs[i].sink == sink_by_name("stdout") ? "stdout" : o->specs[i].label;
}

/* The way to a receiver, while the run goes on. */
static void print_way(const struct delivery_state *state)
{
	char since[24];

	fprintf(stderr, "; %s", state->error ? "trying again" : "well");
	if (state->since_ms >= 0)
		fprintf(stderr, " for %s", number_time(state->since_ms, since));
	if (state->detail[0])
		fprintf(stderr, "; %s", state->detail);
}

static void print_output(const struct outputs *o, unsigned i, const uint64_t stats[OSTAT_MAX],
			 bool running)
{
	bool streams = o->specs[i].sink->flags & SINK_STREAM;
	struct delivery_state state;
	char bytes[16];

	output_state(o->v[i], &state);
	fprintf(stderr, "penstock: %s: %" PRIu64 " %s, %s", output_name(o, i), stats[OSTAT_DONE],
		streams && !state.spooled ? "sent" : "written",
		number_size(stats[OSTAT_BYTES], bytes));
	if (stats[OSTAT_IN_FLIGHT]) /* not at the end */
		fprintf(stderr, ", %" PRIu64 " on their way", stats[OSTAT_IN_FLIGHT]);
	if (state.store.events && running)
		fprintf(stderr, ", %" PRIu64 " in the spool (%s)", state.store.events,
			number_size(state.store.bytes, bytes));
	if (streams && running)
		print_way(&state);
	else if (state.detail[0])
		fprintf(stderr, "; %s", state.detail);
	fputc('\n', stderr);
}

/* What a spool keeps for the next run is not lost; what it dropped of earlier ones is. */
static bool print_spool(const char *name, const struct store_stats *s, bool running)
{
	char bytes[16];

	if (s->events && !running)
		fprintf(stderr,
			"penstock: %s: %" PRIu64
			" events (%s) stay in the spool for the next run\n",
			name, s->events, number_size(s->bytes, bytes));
	if (s->earlier_lost)
		fprintf(stderr,
			"penstock: LOST: %s: %" PRIu64 " events of earlier runs that the spool had "
			"no room for, or were damaged\n",
			name, s->earlier_lost);
	return s->earlier_lost;
}

/* Prints one place that lost something; returns whether it did. */
static bool print_loss(const char *place, const struct stat_row *row, uint64_t count)
{
	if (!row->loss || !count)
		return false;
	fprintf(stderr, "penstock: LOST: %s: %" PRIu64 " %s (%s)\n", place, count, row->help,
		row->name);
	return true;
}

static bool print_records(const struct pipeline_report *r, bool replay)
{
	bool lost = false;

	for (unsigned k = 0; !replay && k < KC_MAX; k++)
		lost |= print_loss("kernel", &stats_kernel_rows[k], r->kernel[k]);
	for (unsigned s = 0; s < STAT_MAX; s++)
		lost |= print_loss("reader", &stats_rows[s], r->stats[s]);
	if (!r->balanced) {
		fputs("penstock: LOST: the counters do not add up\n", stderr);
		lost = true;
	}
	return lost;
}

/* Returns whether something of that output is missing. */
static bool print_failures(const struct outputs *o, unsigned i, const uint64_t stats[OSTAT_MAX],
			   bool running)
{
	struct delivery_state state;
	char text[512] = "", since[24];
	bool failed = output_error(o->v[i], text, sizeof(text)) < 0;

	output_state(o->v[i], &state);
	for (unsigned s = 0; s < OSTAT_MAX; s++)
		failed |= print_loss(output_name(o, i), &stats_output_rows[s], stats[s]);
	if (state.spooled)
		failed |= print_spool(output_name(o, i), &state.store, running);
	if (text[0] && state.spooled)
		fprintf(stderr, "penstock: %s\n", text);
	if (!state.text[0])
		return failed;
	fprintf(stderr, "penstock: %s", state.text);
	if (running && state.since_ms >= 0)
		fprintf(stderr, " (%s %s)", state.error ? "for" : "over for",
			number_time(state.since_ms, since));
	fputc('\n', stderr);
	return failed;
}

bool report_print_snapshot(const struct snapshot *s, const struct outputs *outputs, unsigned flags)
{
	bool quiet = flags & REPORT_QUIET, running = flags & REPORT_RUNNING, lost;
	bool abandoned = !running && outputs_abandoned(outputs);

	if (!quiet)
		print_summary(&s->run);
	lost = print_records(&s->run, flags & REPORT_REPLAY);
	for (unsigned i = 0; i < outputs->n; i++) {
		const uint64_t *stats = s->outputs[i];

		if (!quiet && outputs->n + !outputs_on_stdout(outputs) > 1)
			print_output(outputs, i, stats, running);
		if (!abandoned)
			lost |= print_failures(outputs, i, stats, running);
	}
	if (abandoned && !quiet)
		fputs("penstock: the reader of our standard output has closed the pipe\n", stderr);
	return !lost;
}

bool report_print(const struct pipeline_report *report, const struct outputs *outputs,
		  unsigned flags)
{
	struct snapshot s;

	snapshot_take(&s, report, outputs);
	return report_print_snapshot(&s, outputs, flags);
}
