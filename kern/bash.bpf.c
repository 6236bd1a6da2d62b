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
#include "kern/line.bpf.h"
#include "kern/uprobe.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

TARGETS(struct bash_params);

enum reading {
	READING_NOTHING,
	READING_FIRST, /* the first line of a command */
	READING_FURTHER,
};

struct shell {
	__u64 start;   /* of the process: an earlier one may have had the same number */
	__u64 id;      /* of the command that is open, 0 = none */
	__u64 given;   /* argument of the pre_process_line() that runs, 0 = none */
	__u32 reading; /* enum reading: what the readline() that runs will return */
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct shell);
} shells SEC(".maps");

static __always_inline struct shell *shell_find(struct task_struct *task)
{
	__u32 pid = BPF_CORE_READ(task, tgid);
	struct shell *shell = bpf_map_lookup_elem(&shells, &pid);

	if (shell && shell->start != BPF_CORE_READ(task, group_leader, start_boottime))
		return NULL;
	return shell;
}

static __always_inline struct shell *shell_get(struct task_struct *task)
{
	struct shell *shell = shell_find(task), fresh = {};
	__u32 pid = BPF_CORE_READ(task, tgid);

	if (shell)
		return shell;
	fresh.start = BPF_CORE_READ(task, group_leader, start_boottime);
	bpf_map_update_elem(&shells, &pid, &fresh, BPF_ANY);
	shell = bpf_map_lookup_elem(&shells, &pid);
	if (!shell)
		rec_lose(probe_number, LOST_MAP_FULL);
	return shell;
}

static __always_inline void shell_close(struct shell *shell, struct task_struct *task, int status)
{
	struct rec_line_end *end;

	if (!shell->id)
		return;
	end = rec_reserve(probe_number, REC_LINE_END, sizeof(*end));
	if (end) {
		task_fill(&end->task, task);
		end->id = shell->id;
		end->status = status;
		end->reserved = 0;
		rec_submit(&end->rec, sizeof(*end));
	}
	shell->id = 0;
}

/* A line has been read. A blank one belongs to the command that is open, but opens none. */
static __always_inline void shell_line(struct shell *shell, __u64 text, __u32 flags)
{
	if (shell->id && shell->reading == READING_FURTHER) {
		flags |= LINE_F_CONTINUED;
	} else {
		if (line_blank(text))
			return;
		shell->id = bpf_ktime_get_boot_ns();
	}
	line_emit(shell->id, text, LINE_BASH, flags);
}

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
		shell_line(shell, text, 0);
	shell->reading = READING_NOTHING;
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
		shell_line(shell, text, LINE_F_INPROGRESS);
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
