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
	struct task_struct *task = current_task();
	struct bash_params *p = TARGET(ctx);
	struct shell *shell;
	__u64 bias;

	own_stack(ctx);
	if (!filter_pass(probe_number, task) || !p)
		return 0;
	shell = shell_get(task);
	if (!shell)
		return 0;
	bias = PT_REGS_IP(ctx) - p->readline;
	shell->reading = READING_NOTHING;
	if (PT_REGS_PARM1(ctx) != USER_VALUE(__u64, bias + p->current_readline_prompt))
		return 0;
	if (USER_VALUE(int, bias + p->current_command_line_count)) {
		shell->reading = READING_FURTHER;
		return 0;
	}
	shell->reading = READING_FIRST;
	shell_close(shell, task, USER_VALUE(int, bias + p->last_command_exit_value));
	return 0;
}

SEC("uretprobe")
int bash_readline_ret(struct pt_regs *ctx)
{
	struct task_struct *task = current_task();
	__u64 text = PT_REGS_RC(ctx);
	struct shell *shell;

	own_stack(ctx);
	if (!filter_pass(probe_number, task))
		return 0;
	shell = shell_find(task);
	if (!shell || shell->reading == READING_NOTHING)
		return 0;
	if (text) /* else end of file */
		shell_line(shell, text, LINE_BASH, 0);
	shell->reading = READING_NOTHING;
	return 0;
}

/* int parse_and_execute(char *string, const char *from_file, int flags) */
SEC("uprobe")
int bash_script(struct pt_regs *ctx)
{
	char from[LINE_BLANK] = {};
	bool given, file = false;

	own_stack(ctx);
	if (!filter_pass(probe_number, current_task()))
		return 0;
	bpf_probe_read_user_str(from, sizeof(from), (void *)PT_REGS_PARM2(ctx));
	given = from[0] == '-' && from[1] == 'c' && !from[2];
	for (int i = 0; i < LINE_BLANK; i++) /* not "eval", "trap", "command substitution" … */
		file |= from[i] == '/';
	if (given || file)
		line_emit(unique_id(), PT_REGS_PARM1(ctx), LINE_BASH, LINE_F_SCRIPT);
	return 0;
}

/* char *pre_process_line(char *line, int print_changes, int addit) */
SEC("uprobe")
int bash_expand(struct pt_regs *ctx)
{
	struct task_struct *task = current_task();
	__u64 text = PT_REGS_PARM1(ctx);
	struct bash_params *p = TARGET(ctx);
	__u64 bias = PT_REGS_IP(ctx);
	struct shell *shell;
	bool known;

	own_stack(ctx);
	/* without addit, a key of the line editor only asks what the line would expand to */
	if (!filter_pass(probe_number, task) || !p || !PT_REGS_PARM3(ctx))
		return 0;
	known = shell_find(task);
	bias -= p->pre_process_line;
	/* no prompt: a script that has enabled the history, and nobody types */
	if (!known && !USER_VALUE(__u64, bias + p->current_readline_prompt))
		return 0;
	shell = shell_get(task);
	if (!shell)
		return 0;
	if (!known || shell->reading != READING_NOTHING)
		shell_line(shell, text, LINE_BASH, LINE_F_INPROGRESS);
	shell->reading = READING_NOTHING;
	shell->given = text;
	return 0;
}

SEC("uretprobe")
int bash_expand_ret(struct pt_regs *ctx)
{
	struct task_struct *task = current_task();
	__u64 text = PT_REGS_RC(ctx);
	struct shell *shell;

	own_stack(ctx);
	if (!filter_pass(probe_number, task))
		return 0;
	shell = shell_find(task);
	if (!shell || !shell->given)
		return 0;
	if (shell->id && text && text != shell->given)
		line_emit(shell->id, text, LINE_BASH, LINE_F_EXPANDED);
	shell->given = 0;
	return 0;
}
