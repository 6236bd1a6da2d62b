/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Lines typed into bash.
 *
 * readline() is where a line comes from; that bash called it for a command, and not for `read -e`
 * (whose line may be a secret), shows in its argument. A command is open from its first line to the
 * next time the first line of one is asked for: then $? is its status. The line is taken at the end
 * of readline(), in readline_internal_teardown(), which those shells pass, too, that sat in
 * readline() when we were attached; where a compiler has put that into readline() itself, on its
 * return.
 */
#include "kern/bash.h"
#include "kern/shell.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

TARGETS(struct bash_params);

enum {
	HISTORY_EXPANDED = 1, /* what history_expand() says */
	WORDS_COMPARED = 8
};

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

static __always_inline int bash_line_read(struct shell *shell, __u64 text, __u32 flags)
{
	if (text) /* else end of file */
		shell_line(shell, text, LINE_BASH, flags);
	shell->reading = READING_NOTHING;
	return 0;
}

/* char *readline_internal_teardown(int eof) */
SEC("uprobe")
int bash_line(struct pt_regs *ctx)
{
	struct bash_params *p = TARGET(ctx);
	struct shell *shell = shell_pass(ctx) && p ? shell_get() : NULL;
	__u64 bias = PT_REGS_IP(ctx), text;
	__u32 flags = 0;

	if (!shell)
		return 0;
	bias -= p->readline_internal_teardown;
	if (!shell->seen) {
		/* `read -e` is a builtin */
		if (USER_VALUE(int, bias + p->executing_builtin))
			return 0;
		shell->seen = 1;
		flags = LINE_F_INPROGRESS;
	} else if (shell->reading == READING_NOTHING) {
		return 0;
	}
	text = (__u32)PT_REGS_PARM1(ctx) ? 0 : USER_VALUE(__u64, bias + p->rl_line_buffer);
	return bash_line_read(shell, text, flags);
}

SEC("uretprobe")
int bash_readline_ret(struct pt_regs *ctx)
{
	struct shell *shell = shell_pass(ctx) ? shell_find() : NULL;

	if (!shell || shell->reading == READING_NOTHING)
		return 0;
	return bash_line_read(shell, PT_REGS_RC(ctx), 0);
}

/* Do two texts of the process begin alike? */
static __always_inline bool text_like(__u64 a, __u64 b)
{
	__u64 x[WORDS_COMPARED] = {}, y[WORDS_COMPARED] = {}, differ = 0;

	bpf_probe_read_user_str(x, sizeof(x), (void *)a);
	bpf_probe_read_user_str(y, sizeof(y), (void *)b);
	for (int i = 0; i < WORDS_COMPARED; i++)
		differ |= x[i] ^ y[i];
	return !differ;
}

/* int history_expand(char *string, char **output): bash has it look at lines with a `!` or a `^` in
 * them; keys of the line editor and `history -p` call it, too. */
SEC("uprobe")
int bash_expand(struct pt_regs *ctx)
{
	struct bash_params *p = TARGET(ctx);
	struct shell *shell = shell_pass(ctx) && p ? shell_find() : NULL;
	__u64 bias = PT_REGS_IP(ctx);

	if (!shell || !shell->id || shell->reading != READING_NOTHING)
		return 0;
	bias -= p->history_expand;
	if (text_like(PT_REGS_PARM1(ctx), USER_VALUE(__u64, bias + p->rl_line_buffer)))
		shell->output = PT_REGS_PARM2(ctx);
	return 0;
}

SEC("uretprobe")
int bash_expand_ret(struct pt_regs *ctx)
{
	struct shell *shell = shell_pass(ctx) ? shell_find() : NULL;

	if (!shell || !shell->output)
		return 0;
	if (shell->id && PT_REGS_RC(ctx) == HISTORY_EXPANDED)
		line_emit(shell->id, USER_VALUE(__u64, shell->output), LINE_BASH, LINE_F_EXPANDED);
	shell->output = 0;
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
