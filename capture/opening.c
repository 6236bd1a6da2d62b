/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/opening.h"

#include <assert.h>
#include <string.h>

enum {
	OPENING_TEXT =
		64 * 1024 /* more than the texts of a process, or of a cgroup, have together */
};

struct opening_walk {
	const struct opening *o;
	output_record_fn fn;
	void *arg;
	union {
		struct rec rec;
		struct rec_proc proc;
		struct rec_cgroup cgroup;
		char bytes[sizeof(struct rec_proc) + OPENING_TEXT];
	} u;
};

static int walk_hand(struct opening_walk *w, size_t len)
{
	w->u.rec.len = (uint32_t)len;
	w->u.rec.time = w->o->now_ns;
	return w->fn(&w->u, len, w->arg);
}

static int walk_cgroup(uint64_t id, struct bytes path, void *arg)
{
	struct opening_walk *w = arg;

	assert(path.n <= OPENING_TEXT);
	w->u.cgroup = (struct rec_cgroup){
		.rec = {.kind = REC_CGROUP}, .id = id, .path_len = (uint32_t)path.n};
	memcpy(w->u.cgroup.data, path.p, path.n);
	return walk_hand(w, sizeof(w->u.cgroup) + path.n);
}

static char *put_text(char *at, struct bytes text)
{
	if (text.n)
		memcpy(at, text.p, text.n);
	return at + text.n;
}

static int walk_process(const struct proc *p, void *arg)
{
	struct opening_walk *w = arg;
	char *at = w->u.proc.data;

	assert(p->exe.n + p->cwd.n + p->cgroup.n + p->cmdline.n <= OPENING_TEXT);
	w->u.proc = (struct rec_proc){.rec = {.kind = REC_PROC},
				      .task = {.pid = p->pid,
					       .tid = p->pid,
					       .ppid = p->ppid,
					       .uid = p->uid,
					       .gid = p->gid,
					       .loginuid = p->loginuid,
					       .ns_pid = p->ns_pid,
					       .start = p->start_boot_ns,
					       .cgroup = p->cgroup_id},
				      .exe_len = (uint16_t)p->exe.n,
				      .cwd_len = (uint16_t)p->cwd.n,
				      .cgroup_len = (uint16_t)p->cgroup.n,
				      .cmdline_len = (uint32_t)p->cmdline.n};
	if (p->comm.n)
		memcpy(w->u.proc.task.comm, p->comm.p, p->comm.n);
	at = put_text(at, p->exe);
	at = put_text(at, p->cwd);
	at = put_text(at, p->cgroup);
	at = put_text(at, p->cmdline);
	return walk_hand(w, (size_t)(at - w->u.bytes));
}

int opening_records(const struct opening *o, output_record_fn fn, void *arg)
{
	struct opening_walk w = {.o = o, .fn = fn, .arg = arg};
	struct rec_clock clock = {
		.rec = {.len = sizeof(clock), .kind = REC_CLOCK, .time = o->now_ns},
		.unix_ns = o->now_ns + (uint64_t)o->offset_ns};
	int r = fn(o->run, o->run->len, arg);

	if (r >= 0)
		r = fn(&clock, sizeof(clock), arg);
	if (r >= 0)
		r = procs_each_cgroup(o->procs, walk_cgroup, &w);
	if (r >= 0)
		r = procs_each(o->procs, walk_process, &w);
	return r;
}
