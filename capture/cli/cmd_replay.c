/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "capture/cli/commands.h"
#include "capture/cli/report.h"
#include "capture/run/outputs.h"
#include "capture/run/reader.h"
#include "capture/source/raw.h"

struct replay {
	const struct cli_call *call;
	const char *path;
	struct outputs outputs;
	struct source source;
	struct pipeline *pipeline;
};

/* The recording itself as an output would be emptied before it is read. */
static int check_overwrite(const struct replay *r, struct err *err)
{
	for (unsigned i = 0; i < r->outputs.n; i++)
		if (output_spec_overwrites(&r->outputs.specs[i], r->path))
			return errf(err, -EINVAL, "-w %s is the recording that is replayed",
				    r->path);
	return 0;
}

static int replay_open(struct replay *r, struct err *err)
{
	struct pipeline_config cfg = {.probe_by_number = probe_by_number,
				      .outputs = r->outputs.v,
				      .stats_ns = r->call->out.stats_ns};
	struct user user;
	int ret;

	ret = source_raw_open(r->path, &r->source, err);
	if (ret < 0)
		return -EIO;
	ret = user_find(NULL, &user, err);
	if (ret == 0)
		ret = outputs_open(&r->outputs, &user, true, err);
	cfg.outputs_n = r->outputs.n;
	if (ret == 0)
		ret = pipeline_new(&cfg, &r->pipeline, err);
	if (ret < 0)
		return -EIO;
	outputs_begin(&r->outputs);
	return 0;
}

/* What was whole before the damage is in the outputs. */
static int replay_all(struct replay *r, struct err *err)
{
	struct err broken;
	uint64_t torn;
	bool whole;
	int ret;

	do
		ret = reader_turn(&r->source, r->pipeline, &broken);
	while (ret == SOURCE_MORE && !outputs_abandoned(&r->outputs));
	torn = ret == SOURCE_END ? source_raw_torn(&r->source) : 0;
	pipeline_finish(r->pipeline);
	if (torn)
		fprintf(stderr,
			"penstock: %s: the recording ends in the middle of a record: %" PRIu64
			" bytes ignored\n",
			r->path, torn);
	whole = report_print(r->pipeline, &r->outputs, REPORT_QUIET | REPORT_REPLAY);
	if (ret < 0) {
		*err = broken;
		return CLI_FAILED;
	}
	return whole ? CLI_OK : CLI_LOST;
}

static int replay_file(struct replay *r, struct err *err)
{
	int ret;

	if (!r->path)
		return cli_status(r->call,
				  errf(err, -EINVAL, "which FILE? ('-' is standard input)"));
	ret = outputs_parse(&r->call->out.write, &r->outputs, err);
	if (ret == 0)
		ret = check_overwrite(r, err);
	if (ret == 0)
		ret = replay_open(r, err);
	return ret < 0 ? cli_status(r->call, ret) : replay_all(r, err);
}

static int replay_run(const struct cli_call *call, struct err *err)
{
	struct replay r = {.call = call, .path = call->operands_n ? call->operands[0] : NULL};
	int status;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	status = replay_file(&r, err);
	pipeline_free(r.pipeline);
	outputs_done(&r.outputs);
	if (r.source.ops)
		r.source.ops->close(r.source.ctx);
	return status;
}

const struct cli_command cmd_replay = {
	.name = "replay",
	.usage = "[OPTION...] FILE",
	.summary = "send a raw recording through the pipeline again, into any output",
	.text = "Needs no privileges. The same recording gives the same bytes. A recording that "
		"ends in "
		"the\nmiddle of a record is replayed up to its last whole one, with a line that "
		"says so; "
		"a\ndamaged one fails (exit status 1) after what was whole.",
	.examples = "penstock replay all.raw\tas text\n"
		    "penstock replay all.raw -w again.pcapng\tfor Wireshark\n"
		    "penstock replay all.raw -w - | tshark -r -\tinto a pipe\n",
	.operands_max = 1,
	.outputs = true,
	.run = replay_run,
};
