/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "capture/archive/repack.h"
#include "capture/cli/commands.h"

struct repack_cfg {
	uint32_t level;
	bool wide, remove, quiet;
};

static const struct opt options[] = {
	{.name = "level",
	 .type = OPT_U32,
	 .offset = offsetof(struct repack_cfg, level),
	 .arg = "N",
	 .def = "9",
	 .min = 1,
	 .max = 22,
	 .help = "how hard zstd tries"},
	{.name = "long",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct repack_cfg, wide),
	 .help = "frames of 64M and repetitions looked for in all of it: smaller, and a search has "
		 "more to read"},
	{.name = "remove",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct repack_cfg, remove),
	 .help = "remove the files that were packed, once it is proved that OUT holds the same"},
	{.name = "quiet",
	 .letter = 'q',
	 .type = OPT_FLAG,
	 .offset = offsetof(struct repack_cfg, quiet),
	 .help = "say nothing when it is done"},
	OPT_END,
};

static int repack_run(const struct cli_call *call, struct err *err)
{
	const struct repack_cfg *cfg = call->cfg;
	struct repack_report report;
	struct repack_config config = {.in = (const char *const *)call->operands,
				       .level = (int)cfg->level,
				       .wide = cfg->wide,
				       .remove = cfg->remove};
	int r;

	if (call->operands_n < 2) {
		errf(err, -EINVAL, "which files, and into which OUT?");
		return CLI_USAGE;
	}
	config.n = call->operands_n - 1;
	config.out = call->operands[config.n];
	r = repack_files(&config, &report, err);
	if (r < 0)
		return cli_status(call, r);
	if (!cfg->quiet)
		printf("%s: %" PRIu64 " bytes in %" PRIu32 " frame%s, before: %" PRIu64
		       " (contents: %" PRIu64 ", proved equal)\n",
		       config.out, report.size, report.frames, report.frames == 1 ? "" : "s",
		       report.in_size, report.raw_size);
	return CLI_OK;
}

const struct cli_command cmd_repack = {
	.name = "repack",
	.usage = "[OPTION...] IN... OUT",
	.summary = "pack archives again, tighter, several of one format into one",
	.text = "The same records in the same order (`zstdcat OUT` gives what `zstdcat IN...` "
		"gives), "
		"in\norder of time where there are several. What was written is read back from the "
		"disk and\ncompared before it gets its name. OUT must not exist, and ends in .zst; "
		"plain `zstd -d`\nopens it in any case. A .pcapng.zst is one frame, as Wireshark "
		"wants "
		"it.",
	.examples = "penstock repack --long --remove mon.jsonl.zst tue.jsonl.zst week.jsonl.zst\t"
		    "a week in one file\n",
	.options = options,
	.cfg_size = sizeof(struct repack_cfg),
	.operands_max = UINT_MAX,
	.run = repack_run,
};
