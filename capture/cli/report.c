/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/cli/report.h"

#include <inttypes.h>
#include <stdio.h>

/* "24.1K": for people, so rounded. */
static const char *size_format(uint64_t bytes, char ret[16])
{
	static const char units[] = "BKMGT";
	double value = (double)bytes;
	unsigned unit = 0;

	for (; value >= 1024 && unit + 2 < sizeof(units); unit++)
		value /= 1024;
	snprintf(ret, 16, unit ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return ret;
}

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
		fprintf(stderr, "; ring at most %s of %s full", size_format(r->ring_high, high),
			size_format(r->ring_size, size));
	fputc('\n', stderr);
}

static const char *output_name(const struct outputs *o, unsigned i)
{
	return o->specs[i].sink == sink_by_name("stdout") ? "stdout" : o->specs[i].label;
}

static void print_output(const char *name, const uint64_t stats[OSTAT_MAX])
{
	char bytes[16];

	fprintf(stderr, "penstock: %s: %" PRIu64 " written, %s", name, stats[OSTAT_DONE],
		size_format(stats[OSTAT_BYTES], bytes));
	if (stats[OSTAT_IN_FLIGHT]) /* not at the end */
		fprintf(stderr, ", %" PRIu64 " on their way", stats[OSTAT_IN_FLIGHT]);
	fputc('\n', stderr);
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
static bool print_failures(const struct outputs *o, unsigned i, const uint64_t stats[OSTAT_MAX])
{
	char text[512] = "";
	bool failed = output_error(o->v[i], text, sizeof(text)) < 0;

	for (unsigned s = 0; s < OSTAT_MAX; s++)
		failed |= print_loss(output_name(o, i), &stats_output_rows[s], stats[s]);
	if (text[0])
		fprintf(stderr, "penstock: %s\n", text);
	return failed;
}

bool report_print_snapshot(const struct snapshot *s, const struct outputs *outputs, unsigned flags)
{
	bool quiet = flags & REPORT_QUIET, lost;
	bool abandoned = !(flags & REPORT_RUNNING) && outputs_abandoned(outputs);

	if (!quiet)
		print_summary(&s->run);
	lost = print_records(&s->run, flags & REPORT_REPLAY);
	for (unsigned i = 0; i < outputs->n; i++) {
		const uint64_t *stats = s->outputs[i];

		if (!quiet && outputs->n + !outputs_on_stdout(outputs) > 1)
			print_output(output_name(outputs, i), stats);
		if (!abandoned)
			lost |= print_failures(outputs, i, stats);
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
