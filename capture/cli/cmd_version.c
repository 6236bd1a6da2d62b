/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/cli/commands.h"

static int version_run(const struct cli_call *call, struct err *err)
{
	puts("penstock " PENSTOCK_VERSION);
	return CLI_OK;
}

const struct cli_command cmd_version = {
	.name = "version",
	.summary = "print the version",
	.run = version_run,
};
