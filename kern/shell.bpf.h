/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * What the probes of shells share: which command of a shell is open, what the line that is being
 * read belongs to, and which files it reads.
 */
#include "kern/line.bpf.h"

enum reading {
	READING_NOTHING,
	READING_FIRST, /* the first line of a command */
	READING_FURTHER,
};

struct shell {
	__u64 start;  /* of the process: an earlier one may have had the same number */
	__u64 id;     /* of the command that is open, 0 = none */
	__u64 output; /* bash: where the history expansion that runs puts its text, 0 = none runs */
	__u64 bias;   /* where the program was loaded, 0 = not known; with commands=scripts */
	__u64 file;   /* bash: name of the file that is read next or was read last, char * */
	__u32 reading; /* enum reading: what the reader that runs will return */
	__u32 nested;  /* zsh: calls of the line editor within that */
	__u32 seen;    /* it has asked for a line: no line of it is under way unseen */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct shell);
} shells SEC(".maps");

static __always_inline struct shell *shell_find(void)
{
	struct task_struct *task = current_task();
	__u32 pid = task->tgid;
	struct shell *shell = bpf_map_lookup_elem(&shells, &pid);

	if (shell && shell->start != task->group_leader->start_boottime)
		return NULL;
	return shell;
}

static __always_inline struct shell *shell_get(void)
{
	struct shell *shell = shell_find(), fresh = {};
	struct task_struct *task = current_task();
	__u32 pid = task->tgid;

	if (shell)
		return shell;
	fresh.start = task->group_leader->start_boottime;
	bpf_map_update_elem(&shells, &pid, &fresh, BPF_ANY);
	shell = bpf_map_lookup_elem(&shells, &pid);
	if (!shell)
		rec_lose(probe_number, LOST_MAP_FULL);
	return shell;
}

/* At the head of every program: may this process be recorded? */
static __always_inline bool shell_pass(struct pt_regs *ctx)
{
	own_stack(ctx);
	return filter_pass(probe_number, current_task());
}

static __always_inline void shell_close(struct shell *shell, int status)
{
	if (shell->id)
		line_end(shell->id, status);
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

/* ---- files that are read: only with commands=scripts --------------------------------------- */

struct file_key {
	__u64 start; /* of the process */
	__u32 pid, level;
};

/* A file that is read → its id. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct file_key);
	__type(value, __u64);
} files SEC(".maps");

/* level: how many files are being read, one by the other. */
static __always_inline struct file_key file_key_of(__u32 level)
{
	struct task_struct *task = current_task();
	struct file_key key = {
		.start = task->group_leader->start_boottime, .pid = task->tgid, .level = level};

	return key;
}

/* The first text that comes from a file, or all there is of it. */
static __always_inline void file_begin(__u32 level, __u64 text, __u32 which)
{
	struct file_key key = file_key_of(level);
	__u64 id = unique_id();

	bpf_map_update_elem(&files, &key, &id, BPF_ANY);
	line_emit(id, text, which, LINE_F_SCRIPT | LINE_F_ENDS);
}

static __always_inline void file_line(__u32 level, __u64 text, __u32 which)
{
	struct file_key key = file_key_of(level);
	__u64 *id = bpf_map_lookup_elem(&files, &key);

	if (id)
		line_emit(*id, text, which, LINE_F_SCRIPT | LINE_F_ENDS | LINE_F_CONTINUED);
	else
		file_begin(level, text, which);
}

static __always_inline void file_end(__u32 level, int status)
{
	struct file_key key = file_key_of(level);
	__u64 *id = bpf_map_lookup_elem(&files, &key);

	if (id) {
		line_end(*id, status);
		bpf_map_delete_elem(&files, &key);
	}
}
