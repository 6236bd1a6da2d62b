/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "capture/cli/commands.h"

struct help_cfg {
	bool man;
};

static const struct opt options[] = {
	{.name = "man",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct help_cfg, man),
	 .help = "print the manual page in roff"},
	OPT_END,
};

static int help_run(const struct cli_call *call, struct err *err)
{
	const struct help_cfg *cfg = call->cfg;
	const struct cli_command *command;
	const struct probe_ops *probe = NULL;

	if (cfg->man) {
		cli_man(stdout);
		return CLI_OK;
	}
	if (!call->operands_n) {
		cli_help_all(stdout);
		return CLI_OK;
	}
	command = cli_command_by_name(call->operands[0]);
	if (!command) {
		probe = probe_by_name(call->operands[0]);
		if (!probe)
			return cli_status(call, errf(err, -EINVAL, "there is no command '%s'",
						     call->operands[0]));
		command = &cmd_record;
	}
	cli_help(command, probe, stdout);
	return CLI_OK;
}

const struct cli_command cmd_help = {
	.name = "help",
	.usage = "[COMMAND]",
	.summary = "explain a command, or list all of them",
	.options = options,
	.cfg_size = sizeof(struct help_cfg),
	.operands_max = 1,
	.run = help_run,
};
