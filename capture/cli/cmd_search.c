/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "capture/base/elapsed.h"
#include "capture/cli/commands.h"
#include "capture/cli/line.h"
#include "capture/cli/report.h"
#include "capture/run/search.h"
#include "capture/run/search_files.h"

enum {
	PROGRESS_AFTER_MS = 1000,
	PROGRESS_EVERY_MS = 200,
};

struct search_cfg {
	struct query_texts texts;
	uint64_t limit, around_ns;
	bool count, json;
};

#define LIST(n, l, a, h)                                                                           \
	{                                                                                          \
		.name = #n, .letter = (l), .type = OPT_LIST,                                       \
		.offset = offsetof(struct search_cfg, texts.n), .arg = (a), .help = (h)            \
	}

static const struct opt options[] = {
	{.name = "from",
	 .type = OPT_STRING,
	 .offset = offsetof(struct search_cfg, texts.from),
	 .arg = "TIME",
	 .help = "not before: RFC 3339, a date, 15:05, -2h, today, yesterday (UTC without a zone)"},
	{.name = "to",
	 .type = OPT_STRING,
	 .offset = offsetof(struct search_cfg, texts.to),
	 .arg = "TIME",
	 .help = "before that time; the same forms"},
	LIST(kind, 'k', "[!]KIND[+KIND]", "only events of these kinds"),
	LIST(pid, 0, "[!]PID", "only of this process"),
	LIST(tree, 0, "PID", "only of this process and its descendants"),
	LIST(comm, 0, "[!]NAME", "only of processes with this name, which may be a pattern"),
	LIST(exe, 0, "[!]PATH", "only of this program: a path, or the last part of it"),
	LIST(uid, 0, "[!]USER", "only of this user"),
	LIST(container, 0, "[!]ID", "only in this container, by the beginning of its id"),
	LIST(status, 0, "[!]N", "only commands typed into shells that ended with this status"),
	LIST(addr, 0, "[!]ADDRESS[/BITS]",
	     "only connections with this end, or one in this network"),
	LIST(port, 0, "[!]PORT", "only connections with this port at an end"),
	LIST(conn, 0, "[!]ID", "only this connection, by its id as JSON has it"),
	LIST(text, 't', "[!]TEXT",
	     "only what has this text in payload, command, statement, arguments, path"),
	LIST(regex, 'e', "[!]EXPRESSION", "the same for an extended regular expression"),
	{.name = "ignore-case",
	 .letter = 'i',
	 .type = OPT_FLAG,
	 .offset = offsetof(struct search_cfg, texts.ignore_case),
	 .help = "for --text and --regex capital letters are as small ones"},
	{.name = "around",
	 .type = OPT_DURATION,
	 .offset = offsetof(struct search_cfg, around_ns),
	 .arg = "TIME",
	 .help = "also everything that happened within that time of what was found"},
	{.name = "limit",
	 .type = OPT_SIZE,
	 .offset = offsetof(struct search_cfg, limit),
	 .arg = "N",
	 .help = "end when so many were found"},
	{.name = "count",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct search_cfg, count),
	 .help = "print their number instead"},
	{.name = "json",
	 .letter = 'j',
	 .type = OPT_FLAG,
	 .offset = offsetof(struct search_cfg, json),
	 .help = "print JSON lines instead of text"},
	OPT_END,
};

/* What is shown while it goes on. */
struct search_progress {
	bool wanted;
	int64_t began_ms, last_ms;
	const struct outputs *outputs;
};

static void progress_say(const char *line, void *arg)
{
	line_hide();
	fprintf(stderr, "penstock search: %s\n", line);
	line_done();
}

static bool progress_going(uint64_t done, uint64_t total, uint64_t found, void *arg)
{
	struct search_progress *p = arg;
	int64_t now_ms = elapsed_ms();
	char text[64];

	if (p->wanted && now_ms - p->began_ms >= PROGRESS_AFTER_MS &&
	    now_ms - p->last_ms >= PROGRESS_EVERY_MS) {
		snprintf(text, sizeof(text), "penstock: %3u %%, %" PRIu64 " found",
			 total ? (unsigned)(100.0 * (double)done / (double)total) : 0, found);
		line_show(text);
		p->last_ms = now_ms;
	}
	return !p->outputs || !outputs_abandoned(p->outputs);
}

/* What is printed is what was sought, without the description of the recording. */
static int parse_outputs(const struct cli_call *call, struct outputs *outputs, struct err *err)
{
	const struct search_cfg *cfg = call->cfg;
	const char *json[] = {"-,format=jsonl"};
	struct opt_list texts = {json, 1};
	bool printed = !call->out.write.n;
	int r;

	outputs->insecure = call->out.insecure;
	outputs->drain_ns = call->out.drain_ns;
	r = outputs_parse(printed && cfg->json ? &texts : &call->out.write, outputs, err);

	for (unsigned i = 0; i < outputs->n && r == 0; i++) {
		if (outputs->specs[i].encoder->flags & ENCODER_TAP)
			r = errf(err, -EINVAL, "-w %s: events cannot be made records again",
				 outputs->specs[i].label);
		for (unsigned k = 0; k < call->operands_n && r == 0; k++)
			if (output_spec_overwrites(&outputs->specs[i], call->operands[k]))
				r = errf(err, -EINVAL, "-w %s is one of the files that are read",
					 outputs->specs[i].label);
		if (printed)
			outputs->specs[i].kinds &= ~(1u << EVENT_META);
	}
	return r;
}

static int open_outputs(struct outputs *outputs, struct err *err)
{
	struct user user;
	int r = user_find(NULL, &user, err);

	if (r == 0)
		r = outputs_open(outputs, &user, true, err);
	if (r == 0)
		outputs_begin(outputs);
	return r < 0 ? -EIO : 0;
}

/* Everything that was found is in the outputs when they have ended. */
static int end_outputs(const struct outputs *outputs)
{
	struct pipeline_report report = {.stopped = true, .balanced = true};

	for (unsigned i = 0; i < outputs->n; i++)
		output_hasten(outputs->v[i]);
	for (unsigned i = 0; i < outputs->n; i++)
		output_finish(outputs->v[i]);
	return report_print(&report, outputs, REPORT_QUIET | REPORT_REPLAY) ? CLI_OK : CLI_LOST;
}

static int search_outputs(const struct cli_call *call, struct query *query, struct outputs *outputs,
			  struct err *err)
{
	const struct search_cfg *cfg = call->cfg;
	struct search_progress progress = {.wanted = line_possible() && !call->out.quiet,
					   .began_ms = elapsed_ms(),
					   .outputs = cfg->count ? NULL : outputs};
	struct search_config search = {.query = query,
				       .outputs = cfg->count ? NULL : outputs,
				       .limit = cfg->limit,
				       .around_ns = cfg->around_ns,
				       .say = progress_say,
				       .going = progress_going,
				       .arg = &progress};
	struct search_result result = {0};
	int status = CLI_OK, r = cfg->count ? 0 : open_outputs(outputs, err);

	if (r == 0)
		r = search_run(&search, call->operands, call->operands_n, &result, err);
	line_hide();
	line_done();
	if (!cfg->count && outputs->v[0])
		status = end_outputs(outputs);
	if (r < 0)
		return CLI_FAILED;
	if (cfg->count)
		printf("%" PRIu64 "\n", result.found);
	return result.failed ? CLI_FAILED : status;
}

static int search_command(const struct cli_call *call, struct outputs *outputs, struct err *err)
{
	const struct search_cfg *cfg = call->cfg;
	struct query *query = NULL;
	struct timespec now;
	int status, r = 0;

	if (!call->operands_n)
		r = errf(err, -EINVAL, "which FILE or folder? ('-' is standard input)");
	if (r == 0 && cfg->count && (call->out.write.n || cfg->around_ns))
		r = errf(err, -EINVAL, "--count prints a number: no -w and no --around");
	for (unsigned i = 0; i < call->operands_n && r == 0 && cfg->around_ns; i++)
		if (search_files_once(call->operands[i]))
			r = errf(err, -EINVAL, "--around reads twice, which '%s' does not allow",
				 call->operands[i]);
	if (r == 0)
		r = parse_outputs(call, outputs, err);
	clock_gettime(CLOCK_REALTIME, &now);
	if (r == 0)
		r = query_new(&cfg->texts,
			      (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec, &query,
			      err);
	if (r < 0)
		return cli_status(call, r);
	status = search_outputs(call, query, outputs, err);
	query_free(query);
	return status;
}

static int search_main(const struct cli_call *call, struct err *err)
{
	struct outputs outputs = {0};
	int status;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	status = search_command(call, &outputs, err);
	outputs_done(&outputs);
	return status;
}

const struct cli_command cmd_search = {
	.name = "search",
	.usage = "[OPTION...] FILE|FOLDER...",
	.summary = "find events in recordings: by time, process, connection, kind, text",
	.text = "Reads raw, pb, jsonl, and pcapng with events=custom, each also compressed (.zst), "
		"one file or\nmany, in the order in which they begin; in folders and below what is "
		"named as recordings are.\nOf an archive with its index (.idx) only the frames "
		"concerned are read; the answer is the same\nwithout. Conditions of one name are "
		"alternatives, those of different names must all be met; with\n'!' a value "
		"excludes. Prints text, with -w any output: an archive becomes a pcapng of one "
		"connection.\nAn output numbers what it is given: `seq` is not that of the "
		"recording.\n\nExit status: 0 done, also when nothing was found; 1 a file could "
		"not be read to its end.",
	.examples = "penstock search /var/log/penstock --from -2h --comm nginx\tof the last two "
		    "hours\n"
		    "penstock search week.jsonl.zst --text 'POST /login' --around 5s\tand what "
		    "happened near it\n"
		    "penstock search *.pb.zst --addr 10.0.0.0/8 --port 443 -w x.pcapng\tfor "
		    "Wireshark\n"
		    "penstock search archive --kind exec --uid 1000 --count\thow many programs\n",
	.options = options,
	.cfg_size = sizeof(struct search_cfg),
	.operands_max = UINT_MAX,
	.outputs = true,
	.run = search_main,
};
