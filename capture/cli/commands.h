/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The rows of cli_commands, each defined in capture/cli/<name>.c. */
#include "capture/cli/cli.h"

extern const struct cli_command cmd_record, cmd_replay, cmd_verify, cmd_repack, cmd_stat,
	cmd_search, cmd_index, cmd_probes, cmd_check, cmd_help, cmd_completion, cmd_version,
	cmd_collect;
