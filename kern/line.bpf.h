/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * The records of a line typed into a shell, whichever shell it is.
 */
#include "kern/path.bpf.h"
#include "kern/uprobe.bpf.h"

enum {
	LINE_CWD = 192,
	LINE_TEXT = 512,
	LINE_BLANK = 64
};

struct line {
	struct path_walk cwd;
	struct path *cwd_path;
	struct task_struct *task;
	const char *text;
	__u64 len; /* of the text; 0 = it ends with a NUL */
	__u64 id;
	__u32 shell, flags; /* enum line_shell, enum line_part */
	bool more;
};

/* Is there nothing but blanks in a text (a const char * of the process)? Of one that begins with
 * LINE_BLANK blanks it says no. Not static, so that the verifier looks at it once. */
__noinline bool line_blank(__u64 text)
{
	char c[LINE_BLANK] = {};
	long n = bpf_probe_read_user_str(c, sizeof(c), (void *)text);

	for (int i = 0; i < LINE_BLANK; i++) {
		if (!c[i])
			return n >= 0;
		if (c[i] != ' ' && c[i] != '\t' && c[i] != '\n')
			return false;
	}
	return false;
}

/* "pts/3" as people know it, where the kernel says "pts3". */
static __always_inline void line_tty(char ret[16], struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);
	char name[16] = {};

	if (tty)
		bpf_probe_read_kernel_str(name, sizeof(name), tty->name);
	__builtin_memcpy(ret, name, 16);
	if (name[0] == 'p' && name[1] == 't' && name[2] == 's') {
		ret[3] = '/';
		__builtin_memcpy(ret + 4, name + 3, 12);
		ret[15] = '\0';
	}
}

/* Fills and submits a record with room for `cwd` bytes of path. */
static __noinline void line_fill(struct line *l, struct rec_line *rec, const __u64 cwd)
{
	__u64 limit = text_limit();
	long n;
	__u64 at;

	task_fill(&rec->task, l->task);
	rec->id = l->id;
	rec->shell = l->shell;
	rec->line_flags = l->flags;
	line_tty(rec->tty, l->task);
	rec->reserved = 0;
	rec->reserved2[0] = rec->reserved2[1] = 0;
	at = path_write(&l->cwd, l->cwd_path, rec->data, 0, cwd);
	BARRIER(at);
	if (at > cwd)
		at = 0;
	rec->cwd_len = at;
	n = bpf_probe_read_user_str(rec->data + at, LINE_TEXT, l->text);
	if (n <= 0)
		rec->rec.flags |= REC_F_FAULT;
	n = n > 0 ? n - 1 : 0;
	if (l->len && n > (long)l->len)
		n = l->len;
	if (l->len > limit)
		rec->rec.flags |= REC_F_TRUNCATED;
	l->more = l->len ? n < (long)l->len : n == LINE_TEXT - 1 && user_byte(l->text + n);
	if ((__u64)n > limit || ((__u64)n == limit && l->more)) {
		n = limit;
		l->more = false;
		rec->rec.flags |= REC_F_TRUNCATED;
	}
	if (l->more)
		rec->rec.flags |= REC_F_MORE;
	rec->text_len = n;
	rec_submit(&rec->rec, sizeof(*rec) + at + n);
}

#define LINE_FILL(l, cwd)                                                                          \
	({                                                                                         \
		struct rec_line *rec_ =                                                            \
			rec_reserve(probe_number, REC_LINE, sizeof(*rec_) + (cwd) + LINE_TEXT);    \
		if (rec_)                                                                          \
			line_fill(l, rec_, cwd);                                                   \
		rec_ != NULL;                                                                      \
	})

/* Writes the record of a line of the current task, and its parts. text is a const char * of the
 * process, n its length (0: it ends with a NUL), shell an enum line_shell (0: called as the probe
 * is), flags an enum line_part. Not static: see line_blank(). */
__noinline int line_emit_n(__u64 id, __u64 text, __u64 n, __u32 shell, __u32 flags)
{
	struct task_struct *task = current_task();
	struct line l = {.task = task,
			 .text = (void *)text,
			 .len = n,
			 .id = id,
			 .shell = shell,
			 .flags = flags};
	struct part_block rest = {
		.address = text, .sent = LINE_TEXT - 1, .id = id, .limit = text_limit()};
	bool sent;

	l.cwd_path = &BPF_CORE_READ(task, fs)->pwd;
	if (!(flags & (LINE_F_CONTINUED | LINE_F_EXPANDED | LINE_F_WHOLE)))
		path_measure(&l.cwd, (__u64)l.cwd_path);
	sent = l.cwd.len <= LINE_CWD ? LINE_FILL(&l, LINE_CWD) : LINE_FILL(&l, PATH_LEN);
	if (sent && l.more) {
		rest.pid = bpf_get_current_pid_tgid() >> 32;
		if (n && n < rest.limit)
			rest.limit = n;
		if (n)
			part_block(probe_number, REC_LINE, &rest);
		else
			part_text(probe_number, REC_LINE, &rest);
	}
	return 0;
}

static __always_inline int line_emit(__u64 id, __u64 text, __u32 shell, __u32 flags)
{
	return line_emit_n(id, text, 0, shell, flags);
}

/* The command, or the file, has ended. */
static __always_inline void line_end(__u64 id, int status)
{
	struct rec_line_end *end = rec_reserve(probe_number, REC_LINE_END, sizeof(*end));

	if (!end)
		return;
	task_fill(&end->task, current_task());
	end->id = id;
	end->status = status;
	end->reserved = 0;
	rec_submit(&end->rec, sizeof(*end));
}
