/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "capture/archive/summary.h"
#include "capture/cli/commands.h"

enum {
	WIDTH = 80,
};

/* What is told: all of it, a table of the summary, or the statements. */
enum {
	BY_ALL,
	BY_TABLE,
	BY_FINGERPRINT = BY_TABLE + SUMMARY_TABLES
};

struct stat_cfg {
	bool json;
	int by;
	uint32_t top;
};

static const char *const by_choices[] = {"all",
					 [BY_TABLE + SUMMARY_PROGRAMS] = "program",
					 [BY_TABLE + SUMMARY_PEERS] = "peer",
					 [BY_TABLE + SUMMARY_RUNS] = "run",
					 [BY_TABLE + SUMMARY_LOSSES] = "loss",
					 [BY_FINGERPRINT] = "fingerprint",
					 NULL};

static const struct opt options[] = {
	{.name = "json",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct stat_cfg, json),
	 .help = "one JSON object in place of readable text"},
	{.name = "by",
	 .type = OPT_CHOICE,
	 .offset = offsetof(struct stat_cfg, by),
	 .arg = "WHAT",
	 .def = "all",
	 .choices = by_choices,
	 .help = "only the table of that; fingerprint: statements of databases without their "
		 "values"},
	{.name = "top",
	 .type = OPT_U32,
	 .offset = offsetof(struct stat_cfg, top),
	 .arg = "N",
	 .def = "10",
	 .max = SUMMARY_ENTRIES,
	 .help = "so many programs, peers, statements, runs and reasons of losses, the first ones "
		 "by size or time"},
	OPT_END,
};

static const char *const table_titles[SUMMARY_TABLES] = {
	[SUMMARY_PROGRAMS] = "Programs",
	[SUMMARY_PEERS] = "Peers",
	[SUMMARY_RUNS] = "Runs",
	[SUMMARY_LOSSES] = "Losses",
};

static const char *const table_keys[SUMMARY_TABLES] = {
	[SUMMARY_PROGRAMS] = "programs",
	[SUMMARY_PEERS] = "peers",
	[SUMMARY_RUNS] = "runs",
	[SUMMARY_LOSSES] = "losses",
};

/* ---- text ---------------------------------------------------------------------------------- */

/* "12.3M": four digits at most. */
static const char *size_text(uint64_t n, char *ret, size_t room)
{
	static const char units[] = " KMGTPE";
	unsigned unit = 0;
	uint64_t tenths = n * 10;

	if (n < 1024) {
		snprintf(ret, room, "%" PRIu64, n);
		return ret;
	}
	if (n > UINT64_MAX / 10)
		tenths = UINT64_MAX;
	for (; tenths >= 10240 && units[unit + 1]; unit++)
		tenths /= 1024;
	snprintf(ret, room, "%" PRIu64 ".%" PRIu64 "%c", tenths / 10, tenths % 10, units[unit]);
	return ret;
}

static const char *time_text(uint64_t unix_ns, char *ret, size_t room)
{
	time_t t = (time_t)(unix_ns / 1000000000);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(ret, room, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(ret, room, "?");
	return ret;
}

static void print_span(const struct summary_totals *t)
{
	uint64_t s = (t->last_unix_ns - t->first_unix_ns) / 1000000000;
	char first[32], last[32];

	if (!t->last_unix_ns)
		return;
	printf("Span       %s to %s (", time_text(t->first_unix_ns, first, sizeof(first)),
	       time_text(t->last_unix_ns, last, sizeof(last)));
	if (s >= 86400)
		printf("%" PRIu64 " d ", s / 86400);
	printf("%" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ")\n", s / 3600 % 24, s / 60 % 60, s % 60);
}

static void print_kinds(const struct summary_totals *t)
{
	printf("Events     %" PRIu64 "\n", t->events);
	for (unsigned k = 0; k < EVENT_KINDS; k++)
		if (t->by_kind[k])
			printf("  %12" PRIu64 "  %s\n", t->by_kind[k],
			       event_kind_name((enum event_kind)k));
}

/* The end of a path says more than its beginning. */
static const char *name_end(const char *name, size_t room)
{
	size_t n = strlen(name), cut = n > room ? n - room : 0;

	while (cut && (name[cut] & 0xc0) == 0x80)
		cut++; /* not in the middle of a character */
	return name + cut;
}

static void print_entry(enum summary_table table, const struct summary_entry *e)
{
	char size[32];

	switch (table) {
	case SUMMARY_RUNS:
		printf("  %s\n", e->name);
		break;
	case SUMMARY_LOSSES:
		printf("  %12" PRIu64 "  %s\n", e->count, e->name);
		break;
	case SUMMARY_PROGRAMS:
	case SUMMARY_PEERS:
	case SUMMARY_TABLES:
		printf("  %12" PRIu64 "  %8s  %s\n", e->events,
		       size_text(e->bytes, size, sizeof(size)), name_end(e->name, WIDTH - 26));
	}
}

static void print_table(struct summary *s, enum summary_table table, unsigned top)
{
	struct summary_entry rest = {.name = "(others)"};
	struct summary_entry sum;
	unsigned n;
	const struct summary_entry *v = summary_table(s, table, &n, &sum);

	rest.events = sum.events;
	rest.bytes = sum.bytes;
	rest.count = sum.count;
	if (!n)
		return;
	if (table == SUMMARY_PROGRAMS || table == SUMMARY_PEERS)
		printf("%-10s events     bytes\n", table_titles[table]);
	else
		printf("%s\n", table_titles[table]);
	for (unsigned i = 0; i < n; i++) {
		if (i < top) {
			print_entry(table, &v[i]);
			continue;
		}
		rest.events += v[i].events;
		rest.bytes += v[i].bytes;
		rest.count += v[i].count;
	}
	if (rest.events || rest.count)
		print_entry(table, &rest);
}

/* As much of a text as so many columns hold. */
static void print_columns(const char *text, unsigned most)
{
	size_t n = 0;
	unsigned columns = 0;

	for (; text[n] && columns < most; columns++)
		for (n++; (text[n] & 0xc0) == 0x80;)
			n++;
	printf("%.*s%s\n", (int)n, text, text[n] ? "..." : "");
}

/* "842 us", "12.3 ms", "1.2 s", "75:02:03" */
static const char *duration_text(uint64_t ns, char *ret, size_t room)
{
	uint64_t s = ns / 1000000000;

	if (ns < 1000000)
		snprintf(ret, room, "%" PRIu64 " us", ns / 1000);
	else if (!s)
		snprintf(ret, room, "%" PRIu64 ".%" PRIu64 " ms", ns / 1000000, ns / 100000 % 10);
	else if (s < 60)
		snprintf(ret, room, "%" PRIu64 ".%" PRIu64 " s", s, ns / 100000000 % 10);
	else
		snprintf(ret, room, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60,
			 s % 60);
	return ret;
}

static void print_statement(const struct statement *e)
{
	uint64_t mean = e->calls ? e->total_ns / e->calls : 0;
	char total[32], each[32], most[32], longest[32];

	printf("  %14" PRIu64 " %7" PRIu64 " %9s %9s %9s %9s %10" PRIu64 "\n    ", e->calls,
	       e->failed, duration_text(e->total_ns, total, sizeof(total)),
	       duration_text(mean, each, sizeof(each)),
	       duration_text(statements_p95(e), most, sizeof(most)),
	       duration_text(e->longest_ns, longest, sizeof(longest)), e->rows);
	print_columns(e->text, WIDTH - 7);
}

static void print_statements(struct summary *s, unsigned top)
{
	struct statement rest = {.text = "(others)"}, sum;
	unsigned n;
	const struct statement *v = statements_sorted(summary_statements(s), &n, &sum);

	if (!n)
		return;
	printf("%-10s%6s %7s %9s %9s %9s %9s %10s\n", "Statements", "runs", "failed", "total",
	       "mean", "95 %", "longest", "rows");
	for (unsigned i = 0; i < n && i < top; i++)
		print_statement(&v[i]);
	statements_sum(&rest, &sum);
	for (unsigned i = top; i < n; i++)
		statements_sum(&rest, &v[i]);
	if (rest.calls)
		print_statement(&rest);
}

static void print_head(const struct summary_totals *t)
{
	char size[32], raw_size[32];

	printf("Files      %" PRIu64, t->files);
	if (t->unfinished)
		printf(", %" PRIu64 " of them unfinished", t->unfinished);
	printf("\nSize       %s, contents %s", size_text(t->size, size, sizeof(size)),
	       size_text(t->raw_size, raw_size, sizeof(raw_size)));
	if (t->size && t->raw_size > t->size)
		printf(" (%.2f times as much)", (double)t->raw_size / (double)t->size);
	putchar('\n');
	print_span(t);
	if (t->events)
		print_kinds(t);
	else
		printf("Records    %" PRIu64 "\n", t->records);
}

static bool by_wants(const struct stat_cfg *cfg, int what)
{
	return cfg->by == BY_ALL || cfg->by == what;
}

static void print_text(struct summary *s, const struct stat_cfg *cfg)
{
	if (cfg->by == BY_ALL)
		print_head(summary_totals(s));
	for (int i = 0; i < SUMMARY_TABLES; i++)
		if (by_wants(cfg, BY_TABLE + i))
			print_table(s, (enum summary_table)i, cfg->top);
	if (by_wants(cfg, BY_FINGERPRINT))
		print_statements(s, cfg->top);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

/* Names are UTF-8 without control characters. */
static void json_text(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static void json_entry(enum summary_table table, const struct summary_entry *e)
{
	printf("{\"name\":");
	json_text(e->name);
	if (table == SUMMARY_LOSSES)
		printf(",\"reports\":%" PRIu64 ",\"count\":%" PRIu64 "}", e->events, e->count);
	else if (table == SUMMARY_RUNS)
		printf("}");
	else
		printf(",\"events\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", e->events, e->bytes);
}

static void json_table(struct summary *s, enum summary_table table, unsigned top)
{
	struct summary_entry rest;
	unsigned n;
	const struct summary_entry *v = summary_table(s, table, &n, &rest);

	printf(",\"%s\":[", table_keys[table]);
	for (unsigned i = 0; i < n && i < top; i++) {
		if (i)
			putchar(',');
		json_entry(table, &v[i]);
	}
	putchar(']');
}

static void json_statement(const struct statement *e)
{
	printf("{\"fingerprint\":");
	json_text(e->text);
	printf(",\"calls\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"rows\":%" PRIu64
	       ",\"total_ns\":%" PRIu64 ",\"mean_ns\":%" PRIu64 ",\"p95_ns\":%" PRIu64
	       ",\"longest_ns\":%" PRIu64 "}",
	       e->calls, e->failed, e->rows, e->total_ns, e->total_ns / e->calls, statements_p95(e),
	       e->longest_ns);
}

static void json_statements(struct summary *s, unsigned top)
{
	struct statement rest;
	unsigned n;
	const struct statement *v = statements_sorted(summary_statements(s), &n, &rest);

	printf(",\"statements\":[");
	for (unsigned i = 0; i < n && i < top; i++) {
		if (i)
			putchar(',');
		json_statement(&v[i]);
	}
	putchar(']');
}

static void print_json(struct summary *s, const struct stat_cfg *cfg)
{
	const struct summary_totals *t = summary_totals(s);
	const char *comma = "";

	printf("{\"files\":%" PRIu64 ",\"unfinished\":%" PRIu64 ",\"size\":%" PRIu64
	       ",\"contents\":%" PRIu64 ",\"records\":%" PRIu64 ",\"events\":%" PRIu64,
	       t->files, t->unfinished, t->size, t->raw_size, t->records, t->events);
	/* Digits in quotes: jq rounds numbers above 2^53. */
	if (t->last_unix_ns)
		printf(",\"first_unix_nano\":\"%" PRIu64 "\",\"last_unix_nano\":\"%" PRIu64 "\"",
		       t->first_unix_ns, t->last_unix_ns);
	printf(",\"kinds\":{");
	for (unsigned k = 0; k < EVENT_KINDS; k++)
		if (t->by_kind[k]) {
			printf("%s\"%s\":%" PRIu64, comma, event_kind_name((enum event_kind)k),
			       t->by_kind[k]);
			comma = ",";
		}
	putchar('}');
	for (int i = 0; i < SUMMARY_TABLES; i++)
		if (by_wants(cfg, BY_TABLE + i))
			json_table(s, (enum summary_table)i, cfg->top);
	if (by_wants(cfg, BY_FINGERPRINT))
		json_statements(s, cfg->top);
	printf("}\n");
}

static int stat_run(const struct cli_call *call, struct err *err)
{
	const struct stat_cfg *cfg = call->cfg;
	int status = CLI_OK;
	struct summary *s;

	if (!call->operands_n) {
		errf(err, -EINVAL, "which FILE or folder?");
		return CLI_USAGE;
	}
	if (summary_new(&s, err) < 0)
		return CLI_FAILED;
	for (unsigned i = 0; i < call->operands_n; i++) {
		struct err why;

		if (summary_add(s, call->operands[i], &why) == 0)
			continue;
		fprintf(stderr, "penstock stat: %s\n", why.text);
		status = CLI_FAILED;
	}
	if (summary_totals(s)->files && cfg->json)
		print_json(s, cfg);
	else if (summary_totals(s)->files)
		print_text(s, cfg);
	summary_free(s);
	return status;
}

const struct cli_command cmd_stat = {
	.name = "stat",
	.usage = "[OPTION...] FILE|FOLDER...",
	.summary = "tell what is in recordings: span, events, programs, peers, statements, losses",
	.text = "Everything that is given is taken together; in a folder, and below it, what is "
		"named "
		"as\nrecordings are. Of text and of pcapng for Wireshark no more is counted than "
		"can "
		"be read\nback as events; of raw recordings, whose statements have no fingerprints "
		"yet, their number.",
	.examples = "penstock stat /var/log/penstock\ta folder of archives\n"
		    "penstock stat --by fingerprint day.pb.zst\twhich statements took how long\n",
	.options = options,
	.cfg_size = sizeof(struct stat_cfg),
	.operands_max = UINT_MAX,
	.run = stat_run,
};
