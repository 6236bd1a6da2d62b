/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "capture/archive/verify.h"
#include "capture/cli/commands.h"

struct verify_cfg {
	bool quiet;
};

static const struct opt options[] = {
	{.name = "quiet",
	 .letter = 'q',
	 .type = OPT_FLAG,
	 .offset = offsetof(struct verify_cfg, quiet),
	 .help = "say nothing of files that are whole and right"},
	OPT_END,
};

static void print_ok(const char *path, const struct verify_report *r)
{
	printf("%s: ok: %s%s, ", path, r->format, r->zstd ? ".zst" : "");
	if (!strcmp(r->format, "pcapng"))
		printf("%" PRIu64 " blocks", r->records);
	else if (r->events)
		printf("%" PRIu64 " events", r->events);
	else
		printf("%" PRIu64 " records", r->records);
	if (r->losses)
		printf(" (%" PRIu64 " of them reports of losses)", r->losses);
	printf(", %" PRIu64 " bytes", r->size);
	if (r->zstd)
		printf(" (%" PRIu64 " of contents in %" PRIu64 " frame%s%s)", r->raw_size,
		       r->frames, r->frames == 1 ? "" : "s", r->seektable ? ", seek table" : "");
	printf("%s\n", r->index ? ", index" : "");
}

static void print_report(const char *path, const struct verify_report *r, bool quiet)
{
	switch (r->state) {
	case VERIFY_OK:
		if (!quiet)
			print_ok(path, r);
		break;
	case VERIFY_UNFINISHED:
		printf("%s: unfinished: %s (%" PRIu64 " records)\n", path, r->why.text, r->records);
		break;
	case VERIFY_WRONG:
		printf("%s: wrong: %s\n", path, r->why.text);
		break;
	}
}

static void print_missing(const struct verify_missing *m, void *arg)
{
	int *status = arg;

	printf("%s: wrong: run %016" PRIx64 "%s%s: %" PRIu64
	       " events are missing that no report of losses tells of, the first ones behind event "
	       "%" PRIu64 "\n",
	       m->path, m->run_id, *m->host ? " on " : "", m->host, m->n, m->after);
	*status = CLI_FAILED;
}

static int verify_run(const struct cli_call *call, struct err *err)
{
	const struct verify_cfg *cfg = call->cfg;
	int status = CLI_OK;
	struct verify *v;

	if (!call->operands_n) {
		errf(err, -EINVAL, "which FILE?");
		return CLI_USAGE;
	}
	if (verify_new(&v, err) < 0)
		return CLI_FAILED;
	for (unsigned i = 0; i < call->operands_n; i++) {
		struct verify_report report;

		verify_file(v, call->operands[i], &report);
		print_report(call->operands[i], &report, cfg->quiet);
		if (report.state != VERIFY_OK)
			status = CLI_FAILED;
	}
	verify_runs(v, print_missing, &status);
	verify_free(v);
	return status;
}

const struct cli_command cmd_verify = {
	.name = "verify",
	.usage = "[OPTION...] FILE...",
	.summary = "tell whether recordings are whole and right",
	.text = "Reads every format that penstock writes, compressed or not, and checks frames and "
		"their\nchecksums, the seek table, every record, the index beside the file, and "
		"that "
		"no event is\nmissing without a report of its loss (in any of the files given). "
		"One "
		"line for each file:\nok, or where it is wrong and why; what its writer did not "
		"finish "
		"is unfinished. Exit\nstatus: 0 when all are right, else 1.",
	.examples = "penstock verify *.jsonl.zst\ta series of archives\n",
	.options = options,
	.cfg_size = sizeof(struct verify_cfg),
	.operands_max = UINT_MAX,
	.run = verify_run,
};
