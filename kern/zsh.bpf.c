/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Lines typed into zsh.
 *
 * zleentry() is the door to the line editor, which is a module: what it is asked for is its first
 * argument, and for a line the fifth says whether it is the first one of a command, a further one,
 * or none of a command (`select`, `vared`: it may be a secret). preprompt() comes before each
 * prompt, and before the functions that a user hangs on it: then $? is the status of the command
 * that ends. hend() has the whole command when it has been parsed, with the history expanded; of
 * shells that sat in the editor when we were attached, or have it switched off, it has all there
 * is.
 */
#include "kern/zsh.h"
#include "kern/shell.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

TARGETS(struct zsh_params);

enum zle_command {
	ZLE_READ = 1
};
enum zle_context {
	ZLE_LINE_START = 0,
	ZLE_LINE_CONTINUES = 1
};
enum hist_flags {
	HIST_EXPANDED = 1
};

SEC("uprobe")
int zsh_prompt(struct pt_regs *ctx)
{
	struct zsh_params *p = TARGET(ctx);
	struct shell *shell = shell_pass(ctx) && p ? shell_get() : NULL;

	if (!shell)
		return 0;
	shell->seen = 1;
	shell_close(shell, USER_VALUE(int, PT_REGS_IP(ctx) - p->preprompt + p->lastval));
	return 0;
}

/* char *zleentry(int cmd, char **lp, char **rp, int flags, int context) */
SEC("uprobe")
int zsh_read(struct pt_regs *ctx)
{
	__u32 cmd = PT_REGS_PARM1(ctx), context = PT_REGS_PARM5(ctx);
	struct zsh_params *p = TARGET(ctx);
	struct shell *shell = shell_pass(ctx) && p ? shell_get() : NULL;

	if (!shell)
		return 0;
	if (cmd != ZLE_READ) {
		shell->nested += shell->reading != READING_NOTHING;
		return 0;
	}
	shell->seen = 1;
	shell->nested = 0;
	shell->reading = context == ZLE_LINE_START       ? READING_FIRST
			 : context == ZLE_LINE_CONTINUES ? READING_FURTHER
							 : READING_NOTHING;
	if (context == ZLE_LINE_START)
		shell_close(shell, USER_VALUE(int, PT_REGS_IP(ctx) - p->zleentry + p->lastval));
	return 0;
}

SEC("uretprobe")
int zsh_read_ret(struct pt_regs *ctx)
{
	struct shell *shell = shell_pass(ctx) ? shell_find() : NULL;
	__u64 text = PT_REGS_RC(ctx);

	if (!shell || shell->reading == READING_NOTHING)
		return 0;
	if (shell->nested) {
		shell->nested--;
		return 0;
	}
	if (text) /* else end of file, or interrupted */
		shell_line(shell, text, LINE_ZSH, 0);
	shell->reading = READING_NOTHING;
	return 0;
}

/* int hend(Eprog prog) */
SEC("uprobe")
int zsh_parsed(struct pt_regs *ctx)
{
	struct zsh_params *p = TARGET(ctx);
	__u64 bias = PT_REGS_IP(ctx), text, end;
	struct shell *shell;

	if (!shell_pass(ctx) || !p)
		return 0;
	bias -= p->hend;
	text = USER_VALUE(__u64, bias + p->chline);
	end = USER_VALUE(__u64, bias + p->hptr);
	if (!text || end <= text) /* nobody types, or nothing */
		return 0;
	shell = shell_get();
	if (!shell)
		return 0;
	if (shell->id) {
		if (USER_VALUE(int, bias + p->histdone) & HIST_EXPANDED)
			line_emit_n(shell->id, text, end - text, LINE_ZSH, LINE_F_WHOLE);
		return 0;
	}
	if (line_blank(text))
		return 0;
	shell->id = bpf_ktime_get_boot_ns();
	line_emit_n(shell->id, text, end - text, LINE_ZSH, shell->seen ? 0 : LINE_F_INPROGRESS);
	shell->seen = 1;
	return 0;
}

/* ---- what is not typed: only with commands=scripts ------------------------------------------ */

/* void execstring(char *s, int dont_change_job, int exiting, char *context) */
SEC("uprobe")
int zsh_script(struct pt_regs *ctx)
{
	char context[8] = {};

	if (!shell_pass(ctx))
		return 0;
	bpf_probe_read_user_str(context, sizeof(context), (void *)PT_REGS_PARM4(ctx));
	if (context[0] == 'c' && context[1] == 'm' && context[2] == 'd') /* "cmdarg": zsh -c */
		line_emit(unique_id(), PT_REGS_PARM1(ctx), LINE_ZSH, LINE_F_SCRIPT);
	return 0;
}

/* enum loop_return loop(int toplevel, int justonce): the commands of a file, or of who types, are
 * read. Returns do not tell where the program was loaded: it is noted here. */
SEC("uprobe")
int zsh_loop(struct pt_regs *ctx)
{
	struct zsh_params *p = TARGET(ctx);
	struct shell *shell = shell_pass(ctx) && p ? shell_get() : NULL;

	if (shell)
		shell->bias = PT_REGS_IP(ctx) - p->loop;
	return 0;
}

/* char *shingetline(void): the next line of a file, or of who types without the line editor. */
SEC("uretprobe")
int zsh_line_ret(struct pt_regs *ctx)
{
	struct zsh_params *p = TARGET(ctx);
	struct shell *shell = shell_pass(ctx) && p ? shell_find() : NULL;
	__u64 text = PT_REGS_RC(ctx);
	__u32 level;

	if (!shell || !shell->bias || !text)
		return 0;
	level = USER_VALUE(int, shell->bias + p->sourcelevel);
	if (level || !USER_VALUE(__u64, shell->bias + p->chline)) /* typed: see zsh_parsed() */
		file_line(level, text, LINE_ZSH);
	return 0;
}

/* enum source_return source(char *s) */
SEC("uretprobe")
int zsh_source_ret(struct pt_regs *ctx)
{
	struct zsh_params *p = TARGET(ctx);
	struct shell *shell = shell_pass(ctx) && p ? shell_find() : NULL;

	if (shell && shell->bias)
		file_end(USER_VALUE(int, shell->bias + p->sourcelevel) + 1,
			 USER_VALUE(int, shell->bias + p->lastval));
	return 0;
}
