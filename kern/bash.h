/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
#include <linux/types.h>

/* Facts of one bash binary: addresses as linked. */
struct bash_params {
	/* where programs are attached */
	__u64 readline, readline_internal_teardown, history_expand, parse_and_execute;
	__u64 rl_line_buffer;             /* char *: the line that is edited, or was last */
	__u64 executing_builtin;          /* int: how many builtins, one by the other */
	__u64 current_readline_prompt;    /* char *: what bash's own reader hands to readline() */
	__u64 current_command_line_count; /* int: lines of the command that were read so far */
	__u64 last_command_exit_value;    /* int: $? */
	__u64 sourcelevel;                /* int: how many files, one read by the other */
};
