/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Lines typed into bash.
 *
 * readline() is where a line comes from; that bash called it for a command, and not for `read -e`
 * (whose line may be a secret), shows in its argument. A command is open from its first line to the
 * next time the first line of one is asked for: then $? is its status. Of shells that sat in
 * readline() when we were attached, the line is caught on its way to the parser, in
 * pre_process_line(), which also tells what history expansion made of a line.
 */
#include "kern/bash.h"
#include "kern/shell.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

TARGETS(struct bash_params);

SEC("uprobe")
int bash_readline(struct pt_regs *ctx)
{
	struct bash_params *p = TARGET(ctx);
	struct shell *shell = shell_pass(ctx) && p ? shell_get() : NULL;
	__u64 bias;

	if (!shell)
		return 0;
	bias = PT_REGS_IP(ctx) - p->readline;
	shell->seen = 1;
	shell->reading = READING_NOTHING;
	if (PT_REGS_PARM1(ctx) != USER_VALUE(__u64, bias + p->current_readline_prompt))
		return 0;
	if (USER_VALUE(int, bias + p->current_command_line_count)) {
		shell->reading = READING_FURTHER;
		return 0;
	}
	shell->reading = READING_FIRST;
	shell_close(shell, USER_VALUE(int, bias + p->last_command_exit_value));
	return 0;
}

SEC("uretprobe")
int bash_readline_ret(struct pt_regs *ctx)
{
	struct shell *shell = shell_pass(ctx) ? shell_find() : NULL;
	__u64 text = PT_REGS_RC(ctx);

	if (!shell || shell->reading == READING_NOTHING)
		return 0;
	if (text) /* else end of file */
		shell_line(shell, text, LINE_BASH, 0);
	shell->reading = READING_NOTHING;
	return 0;
}

/* char *pre_process_line(char *line, int print_changes, int addit) */
SEC("uprobe")
int bash_expand(struct pt_regs *ctx)
{
	__u64 text = PT_REGS_PARM1(ctx), bias = PT_REGS_IP(ctx);
	struct bash_params *p = TARGET(ctx);
	struct shell *shell;
	bool seen;

	/* without addit, a key of the line editor only asks what the line would expand to */
	if (!shell_pass(ctx) || !p || !PT_REGS_PARM3(ctx))
		return 0;
	shell = shell_find();
	seen = shell && shell->seen;
	bias -= p->pre_process_line;
	/* no prompt: a script that has enabled the history, and nobody types */
	if (!seen && !USER_VALUE(__u64, bias + p->current_readline_prompt))
		return 0;
	shell = shell_get();
	if (!shell)
		return 0;
	if (!seen || shell->reading != READING_NOTHING)
		shell_line(shell, text, LINE_BASH, LINE_F_INPROGRESS);
	shell->seen = 1;
	shell->reading = READING_NOTHING;
	shell->given = text;
	return 0;
}

SEC("uretprobe")
int bash_expand_ret(struct pt_regs *ctx)
{
	struct shell *shell = shell_pass(ctx) ? shell_find() : NULL;
	__u64 text = PT_REGS_RC(ctx);

	if (!shell || !shell->given)
		return 0;
	if (shell->id && text && text != shell->given)
		line_emit(shell->id, text, LINE_BASH, LINE_F_EXPANDED);
	shell->given = 0;
	return 0;
}

/* ---- what is not typed: only with commands=scripts ------------------------------------------ */

/* int source_file(const char *filename, int flags): the name goes on to parse_and_execute(). */
SEC("uprobe")
int bash_source(struct pt_regs *ctx)
{
	struct shell *shell = shell_pass(ctx) ? shell_get() : NULL;

	if (shell)
		shell->file = PT_REGS_PARM1(ctx);
	return 0;
}

/* int parse_and_execute(char *string, const char *from_file, int flags): from_file is "-c", the
 * name of a file, or "eval", "trap", "command substitution" … */
SEC("uprobe")
int bash_script(struct pt_regs *ctx)
{
	__u64 text = PT_REGS_PARM1(ctx), from_file = PT_REGS_PARM2(ctx);
	struct bash_params *p = TARGET(ctx);
	struct shell *shell = shell_pass(ctx) && p ? shell_get() : NULL;
	char from[LINE_BLANK] = {};
	bool file;

	if (!shell)
		return 0;
	file = from_file == shell->file;
	bpf_probe_read_user_str(from, sizeof(from), (void *)from_file);
	for (int i = 0; i < LINE_BLANK; i++)
		file |= from[i] == '/';
	shell->bias = PT_REGS_IP(ctx) - p->parse_and_execute;
	if (file)
		file_begin(USER_VALUE(int, shell->bias + p->sourcelevel), text, LINE_BASH);
	else if (from[0] == '-' && from[1] == 'c' && !from[2])
		line_emit(unique_id(), text, LINE_BASH, LINE_F_SCRIPT);
	return 0;
}

static __always_inline int bash_file_end(struct bash_params *p, struct shell *shell, int status)
{
	file_end(USER_VALUE(int, shell->bias + p->sourcelevel) + 1, status);
	return 0;
}

SEC("uretprobe")
int bash_source_ret(struct pt_regs *ctx)
{
	struct bash_params *p = TARGET(ctx);
	struct shell *shell = shell_pass(ctx) && p ? shell_find() : NULL;

	return shell && shell->bias ? bash_file_end(p, shell, PT_REGS_RC(ctx)) : 0;
}

/* int maybe_execute_file(const char *fname, int force_noninteractive): ~/.bashrc and the like.
 * What it returns is no status. */
SEC("uretprobe")
int bash_startup_ret(struct pt_regs *ctx)
{
	struct bash_params *p = TARGET(ctx);
	struct shell *shell = shell_pass(ctx) && p ? shell_find() : NULL;

	return shell && shell->bias
		       ? bash_file_end(p, shell,
				       USER_VALUE(int, shell->bias + p->last_command_exit_value))
		       : 0;
}
