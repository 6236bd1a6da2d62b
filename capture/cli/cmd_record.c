/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "capture/cli/commands.h"
#include "capture/cli/line.h"
#include "capture/cli/progress.h"
#include "capture/cli/report.h"
#include "capture/run/record.h"

struct record_cfg {
	struct opt_list probe; /* texts of -p */
	struct core_filters filters;
	struct opt_list status;
	uint64_t max_payload, ring_size;
	const char *user;
	bool all, fail_on_loss;
};

static const struct opt options[] = {
	{.name = "probe",
	 .letter = 'p',
	 .type = OPT_LIST,
	 .offset = offsetof(struct record_cfg, probe),
	 .arg = "PROBE[,KEY=VALUE]",
	 .help = "record with this probe"},
	{.name = "pid",
	 .type = OPT_LIST,
	 .offset = offsetof(struct record_cfg, filters.pid),
	 .arg = "[!]PID",
	 .help = "only this process; with '!', as in all filters, all but this one"},
	{.name = "tree",
	 .type = OPT_LIST,
	 .offset = offsetof(struct record_cfg, filters.tree),
	 .arg = "[!]PID",
	 .help = "only this process and its descendants"},
	{.name = "uid",
	 .type = OPT_LIST,
	 .offset = offsetof(struct record_cfg, filters.uid),
	 .arg = "[!]UID",
	 .help = "only processes of this user"},
	{.name = "comm",
	 .type = OPT_LIST,
	 .offset = offsetof(struct record_cfg, filters.comm),
	 .arg = "[!]NAME",
	 .help = "only processes with this name"},
	{.name = "cgroup",
	 .type = OPT_LIST,
	 .offset = offsetof(struct record_cfg, filters.cgroup),
	 .arg = "[!]PATH",
	 .help = "only processes in this cgroup and those below it"},
	{.name = "container",
	 .type = OPT_LIST,
	 .offset = offsetof(struct record_cfg, filters.container),
	 .arg = "[!]ID",
	 .help = "only processes in this container, by id or its beginning"},
	{.name = "status",
	 .type = OPT_LIST,
	 .offset = offsetof(struct record_cfg, status),
	 .arg = "[!]N",
	 .help = "of commands in shells, only those that ended with this status (not in .raw)"},
	{.name = "max-payload",
	 .type = OPT_SIZE,
	 .offset = offsetof(struct record_cfg, max_payload),
	 .arg = "BYTES",
	 .def = "0",
	 .help = "keep that much of one call or statement and flag it as truncated, 0 = all",
	 .max = UINT32_MAX},
	{.name = "ring-size",
	 .type = OPT_SIZE,
	 .offset = offsetof(struct record_cfg, ring_size),
	 .arg = "BYTES",
	 .def = "32M",
	 .help = "memory between kernel and reader, rounded up to a power of two",
	 .min = 64 << 10,
	 .max = 1 << 30},
	{.name = "all",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct record_cfg, all),
	 .help = "with a COMMAND: record everything, not its process tree alone"},
	{.name = "fail-on-loss",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct record_cfg, fail_on_loss),
	 .help = "with a COMMAND: exit with 124 when records were lost"},
	{.name = "user",
	 .type = OPT_STRING,
	 .offset = offsetof(struct record_cfg, user),
	 .arg = "USER",
	 .help = "whose COMMAND and files are; who called sudo, when not given"},
	OPT_END,
};

/* One line for each hook. */
static void print_attached(const struct probe_ops *probe, const struct event_attach *a, void *arg)
{
	const struct cli_call *call = arg;
	char note[128] = "";

	if (call->out.quiet && !a->status)
		return;
	if (a->note.n)
		snprintf(note, sizeof(note), " (%.*s)", (int)a->note.n, a->note.p);
	line_hide();
	fprintf(stderr, "%s %s: %.*s at %.*s+0x%llx%s%s%s\n",
		a->status ? "cannot attach" : "attached", probe->name, (int)a->hook.n, a->hook.p,
		(int)a->target.n, a->target.p, (unsigned long long)a->offset, note,
		a->status ? ": " : "", a->status ? strerror(-a->status) : "");
	line_done();
}

static void print_report(const struct record *r, const struct snapshot *now, void *arg)
{
	line_hide();
	report_print_snapshot(now, &r->outputs, REPORT_RUNNING);
	line_done();
}

static void print_progress(const struct record *r, const struct snapshot *now, void *arg)
{
	char text[256];

	progress_format(arg, now, &r->outputs, text, sizeof(text));
	line_show(text);
}

/* Is there a terminal, which text on stdout does not need? */
static bool wants_progress(const struct cli_call *call)
{
	bool text = !call->out.write.n;

	return !call->out.quiet && line_possible() && !text;
}

/* Without a COMMAND they would say nothing. */
static int check_options(const struct cli_call *call, struct err *err)
{
	const struct record_cfg *cfg = call->cfg;

	if (call->child || !(cfg->all || cfg->fail_on_loss))
		return 0;
	return errf(err, -EINVAL, "--%s is for a COMMAND, and none is given behind --",
		    cfg->all ? "all" : "fail-on-loss");
}

static int exit_status(const struct cli_call *call, const struct record *r, int code, bool whole)
{
	const struct record_cfg *cfg = call->cfg;

	if (code < 0)
		return call->child ? CHILD_FAILED : CLI_FAILED;
	if (!call->child)
		return whole ? CLI_OK : CLI_LOST;
	if (!whole && cfg->fail_on_loss)
		return CLI_CHILD_LOST;
	return r->child.ended ? r->child.status : CHILD_SIGNAL + r->stop_signal;
}

static int record_to_end(const struct cli_call *call, struct record *r, struct err *err)
{
	int code = check_options(call, err);
	struct pipeline_report report;
	bool whole;

	if (code == 0)
		code = record_parse(r, err);
	if (code == 0)
		code = record_open(r, err);
	if (code < 0) {
		record_stop(r, NULL);
		return cli_status(call, code);
	}
	if (!call->out.quiet)
		fputs("ready\n", stderr);
	if (r->child.pid)
		child_release(&r->child);
	record_wait(r);
	line_hide();
	line_done();
	code = record_stop(r, err);
	pipeline_report(r->pipeline, &report);
	whole = report_print(&report, &r->outputs, call->out.quiet ? REPORT_QUIET : 0);
	return exit_status(call, r, code, whole);
}

static int record_run(const struct cli_call *call, struct err *err)
{
	const struct record_cfg *cfg = call->cfg;
	struct progress progress;
	struct record_config config = {.probe = call->probe,
				       .probe_cfg = call->probe_cfg,
				       .probes = cfg->probe,
				       .write = call->out.write,
				       .insecure = call->out.insecure,
				       .drain_ns = call->out.drain_ns,
				       .filters = cfg->filters,
				       .status = cfg->status,
				       .max_payload = cfg->max_payload,
				       .ring_size = cfg->ring_size,
				       .stats_ns = call->out.stats_ns,
				       .user = cfg->user,
				       .all = cfg->all,
				       .argv = call->argv,
				       .child = call->child,
				       .attached = print_attached,
				       .attached_arg = (void *)call,
				       .reported = print_report,
				       .reported_arg = &progress,
				       .progress = wants_progress(call) ? print_progress : NULL};
	struct record r = {
		.cfg = &config, .signals = {.fd = -1}, .answered_fd = -1, .child = {.hold_fd = -1}};
	int status;

	progress_begin(&progress);
	status = record_to_end(call, &r, err);
	record_done(&r);
	return status;
}

const struct cli_command cmd_record = {
	.name = "record",
	.usage = "[OPTION...] [-- COMMAND...]",
	.summary = "record with one or several probes, into one or several outputs",
	.text = "Runs until SIGINT (Ctrl-C), SIGTERM, or the end of COMMAND; a second signal ends "
		"it at "
		"once.\nSIGHUP ends the file of each output and begins another; SIGUSR1 writes "
		"what is "
		"pending\nand reports on stderr.\nA COMMAND is recorded from its first instruction "
		"and limits the recording "
		"to its "
		"process\ntree. Says 'ready' on stderr when everything is attached.\n\n"
		"Exit status: 0 done, 1 failed, 2 wrong use, 3 kernel feature or privilege "
		"missing, 4 done\n"
		"but records were lost. With a COMMAND: its own status, or 128 + the signal that "
		"killed "
		"it;\n125 when penstock failed, 124 for loss with --fail-on-loss. The end of "
		"whoever reads "
		"our\nstandard output, when that is the only output, is a normal end.",
	.examples =
		"penstock record -p bash -p exec -w all.pcapng\tshell commands and programs, for "
		"Wireshark\n"
		"penstock bash --uid 1000\twhat user 1000 types, as text\n"
		"penstock exec -w - | wireshark -k -i -\tlive in Wireshark\n"
		"penstock record -p exec -w build.jsonl -- make\teverything that make starts\n",
	.options = options,
	.cfg_size = sizeof(struct record_cfg),
	.outputs = true,
	.child = true,
	.run = record_run,
};
