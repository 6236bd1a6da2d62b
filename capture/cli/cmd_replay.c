/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "capture/cli/commands.h"
#include "capture/cli/report.h"
#include "capture/run/outputs.h"
#include "capture/run/replay.h"

struct replay_command {
	const struct cli_call *call;
	const char *path;
	struct outputs outputs;
	struct replay replay;
};

/* The recording itself as an output would be emptied before it is read. */
static int check_overwrite(const struct replay_command *r, struct err *err)
{
	for (unsigned i = 0; i < r->outputs.n; i++)
		if (output_spec_overwrites(&r->outputs.specs[i], r->path))
			return errf(err, -EINVAL, "-w %s is the recording that is replayed",
				    r->path);
	return 0;
}

static int command_open(struct replay_command *r, struct err *err)
{
	struct user user;
	int ret;

	ret = user_find(NULL, &user, err);
	if (ret == 0)
		ret = outputs_open(&r->outputs, &user, true, err);
	if (ret == 0)
		ret = replay_begin(&r->replay, &r->outputs, r->call->out.stats_ns, err);
	if (ret < 0)
		return -EIO;
	outputs_begin(&r->outputs);
	return 0;
}

/* What was whole before the damage is in the outputs. */
static int command_replay(struct replay_command *r, struct err *err)
{
	struct pipeline_report report;
	struct err broken, torn;
	bool whole;
	int ret;

	do
		ret = replay_turn(&r->replay, &broken);
	while (ret == SOURCE_MORE && !outputs_abandoned(&r->outputs));
	replay_finish(&r->replay, &report);
	if (ret == SOURCE_END && replay_torn(&r->replay, &torn))
		fprintf(stderr, "penstock: %s: %s\n", r->path, torn.text);
	whole = report_print(&report, &r->outputs, REPORT_QUIET | REPORT_REPLAY);
	if (ret < 0) {
		*err = broken;
		return CLI_FAILED;
	}
	return whole ? CLI_OK : CLI_LOST;
}

static int command_file(struct replay_command *r, struct err *err)
{
	int ret;

	if (!r->path)
		return cli_status(r->call,
				  errf(err, -EINVAL, "which FILE? ('-' is standard input)"));
	r->outputs.insecure = r->call->out.insecure;
	r->outputs.drain_ns = r->call->out.drain_ns;
	ret = outputs_parse(&r->call->out.write, &r->outputs, err);
	if (ret == 0)
		ret = check_overwrite(r, err);
	if (ret == 0 && replay_open(&r->replay, r->path, err) < 0)
		ret = -EIO;
	if (ret == 0)
		ret = replay_check(&r->replay, &r->outputs, err);
	if (ret == 0)
		ret = command_open(r, err);
	return ret < 0 ? cli_status(r->call, ret) : command_replay(r, err);
}

static int replay_run(const struct cli_call *call, struct err *err)
{
	struct replay_command r = {.call = call,
				   .path = call->operands_n ? call->operands[0] : NULL};
	int status;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	status = command_file(&r, err);
	replay_close(&r.replay);
	outputs_done(&r.outputs);
	return status;
}

const struct cli_command cmd_replay = {
	.name = "replay",
	.usage = "[OPTION...] FILE",
	.summary = "make any output of a recording: raw, pb, jsonl, or pcapng with events=custom",
	.text = "Reads what `record` wrote as raw, pb, jsonl, or pcapng with events=custom, each "
		"also compressed\n(.zst), by its contents, not by its name. Needs no privileges. "
		"The same recording gives the\nsame bytes. One that ends in the middle of a record "
		"is replayed up to its last whole one, with\na line that says so; a damaged one "
		"fails "
		"(exit status 1) after what was whole. A raw recording\ncan only be made of a raw "
		"one; "
		"losses and statistics stay those of the recording.",
	.examples = "penstock replay all.raw\tas text\n"
		    "penstock replay events.pb.zst -w again.pcapng\tfor Wireshark\n"
		    "penstock replay all.raw -w - | tshark -r -\tinto a pipe\n",
	.operands_max = 1,
	.outputs = true,
	.run = replay_run,
};
