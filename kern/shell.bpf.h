/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * What the probes of interactive shells share: which command of a shell is open, and what the line
 * that is being read belongs to.
 */
#include "kern/line.bpf.h"

enum reading {
	READING_NOTHING,
	READING_FIRST, /* the first line of a command */
	READING_FURTHER,
};

struct shell {
	__u64 start;   /* of the process: an earlier one may have had the same number */
	__u64 id;      /* of the command that is open, 0 = none */
	__u64 given;   /* bash: argument of the pre_process_line() that runs, 0 = none; zsh: where
			* the program was loaded, 0 = not known */
	__u32 reading; /* enum reading: what the reader that runs will return */
	__u32 nested;  /* zsh: calls of the line editor within that */
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
	if (shell->id)
		line_end(shell->id, task, status);
	shell->id = 0;
}

/* A line has been read. A blank one belongs to the command that is open, but opens none. */
static __always_inline void shell_line(struct shell *shell, __u64 text, __u32 which, __u32 flags)
{
	if (shell->id && shell->reading == READING_FURTHER) {
		flags |= LINE_F_CONTINUED;
	} else {
		if (line_blank(text))
			return;
		shell->id = bpf_ktime_get_boot_ns();
	}
	line_emit(shell->id, text, which, flags);
}
