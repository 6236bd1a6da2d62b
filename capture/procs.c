/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/procs.h"

#include <stdlib.h>

#include "capture/base/lru.h"
#include "capture/container.h"
#include "capture/output.h"

enum {
	PROCS_MAX = 32768,
	PROCS_DEAD = 4096, /* processes that ended and are still kept */
	PROCS_CGROUPS = 4096,
	PROCS_TEXT = 3072, /* exe, cwd, cgroup and arguments of one process */
	PROCS_ARGS = 2048,
	PROCS_PATH = 1024,
};

_Static_assert((int)PROCS_MARK == (int)OUTPUT_MAX, "the mark lies behind what belongs to outputs");

struct proc_entry {
	uint32_t pid;
	bool known, dead;
	uint16_t text_n;
	uint32_t age;     /* procs.age when it was last told */
	struct proc proc; /* its texts lie in `text` and `comm` */
	uint64_t linked;  /* procs.changes when its ancestors were linked; 0 = never */
	uint32_t seen[PROCS_MARK + 1];
	char comm[REC_COMM];
	char text[PROCS_TEXT];
};

struct cgroup_entry {
	uint64_t id;
	uint32_t n;
	char path[PROCS_PATH];
};

struct procs {
	struct lru *table, *cgroups;
	uint32_t age;     /* grows when the records come again */
	uint64_t changes; /* of what can make another process somebody's ancestor; from 1 on */
	/* The dead, in the order of their ends; a ring. */
	struct {
		uint32_t pid;
		uint64_t start;
	} dead[PROCS_DEAD];
	unsigned dead_at;
};

struct procs *procs_new(void)
{
	struct procs *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->changes = 1;
	p->table = lru_new(PROCS_MAX, sizeof(struct proc_entry), sizeof(uint32_t));
	p->cgroups = lru_new(PROCS_CGROUPS, sizeof(struct cgroup_entry), sizeof(uint64_t));
	if (!p->table || !p->cgroups) {
		procs_free(p);
		return NULL;
	}
	return p;
}

void procs_free(struct procs *p)
{
	if (!p)
		return;
	lru_free(p->table);
	lru_free(p->cgroups);
	free(p);
}

bool procs_same_start(uint64_t a_ns, uint64_t b_ns)
{
	bool ticks = a_ns % PROCS_TICK_NS == 0 || b_ns % PROCS_TICK_NS == 0;

	return a_ns == b_ns || (ticks && a_ns / PROCS_TICK_NS == b_ns / PROCS_TICK_NS);
}

/* Copies a text of the process into its entry, as far as there is room. */
static struct bytes keep_text(struct proc_entry *e, struct bytes b, size_t max)
{
	size_t room = PROCS_TEXT - e->text_n;
	char *at = e->text + e->text_n;

	if (b.n > max)
		b.n = max;
	if (b.n > room)
		b.n = room;
	if (!b.n)
		return (struct bytes){0};
	memcpy(at, b.p, b.n);
	e->text_n += b.n;
	return (struct bytes){at, b.n};
}

static void set_cgroup(struct proc_entry *e, struct bytes path)
{
	e->proc.cgroup = keep_text(e, path, PROCS_PATH / 2);
	e->proc.container = container_id(e->proc.cgroup);
	e->proc.pod = container_pod(e->proc.cgroup);
}

/* Names and ids change during a life; the texts of the image do not. */
static void set_task(struct procs *p, struct proc_entry *e, const struct rec_task *task)
{
	struct proc *proc = &e->proc;

	if (proc->ppid != task->ppid)
		p->changes++;
	memcpy(e->comm, task->comm, REC_COMM);
	proc->comm = (struct bytes){e->comm, strnlen(e->comm, REC_COMM)};
	proc->pid = task->pid;
	proc->ppid = task->ppid;
	proc->uid = task->uid;
	proc->gid = task->gid;
	proc->loginuid = task->loginuid;
	proc->ns_pid = task->ns_pid;
	proc->cgroup_id = task->cgroup;
	proc->seen = e->seen;
}

/* The entry of a new process, or of a new image of one: what outputs know of it is void. e: what
 * was found under its pid, NULL = nothing. */
static struct proc_entry *begin_image(struct procs *p, struct proc_entry *e,
				      const struct rec_task *task)
{
	uint64_t start = task->start;

	if (!e)
		e = lru_put(p->table, &task->pid, NULL);
	else if (e->known && procs_same_start(e->proc.start_boot_ns, start))
		start = e->proc.start_boot_ns;
	memset(e, 0, offsetof(struct proc_entry, text)); /* text_n says how much of it counts */
	e->pid = task->pid;
	e->age = p->age;
	e->proc.start_boot_ns = start;
	set_task(p, e, task);
	p->changes++;
	return e;
}

static struct bytes cgroup_path(struct procs *p, uint64_t id)
{
	struct cgroup_entry *c = lru_get(p->cgroups, &id);

	return c ? (struct bytes){c->path, c->n} : (struct bytes){0};
}

void procs_cgroup(struct procs *p, uint64_t id, struct bytes path)
{
	struct cgroup_entry *c = lru_put(p->cgroups, &id, NULL);

	c->n = path.n < sizeof(c->path) ? path.n : sizeof(c->path);
	memcpy(c->path, path.p, c->n);
}

static void set_image(struct procs *p, struct proc_entry *e, const struct layout_proc *proc)
{
	struct bytes cgroup = proc->cgroup.n ? proc->cgroup : cgroup_path(p, proc->task->cgroup);

	e->known = true;
	e->proc.exe = keep_text(e, proc->exe, PROCS_PATH);
	e->proc.cwd = keep_text(e, proc->cwd, PROCS_PATH);
	set_cgroup(e, cgroup);
	e->proc.cmdline = keep_text(e, proc->cmdline, PROCS_ARGS);
}

/* A child is its parent under another pid, until it executes something. */
static void set_forked(struct procs *p, struct proc_entry *e, const struct rec_task *task)
{
	const struct proc_entry *parent = lru_peek(p->table, &task->ppid);
	struct layout_proc image = {.task = task};

	if (!parent || !parent->known)
		return;
	image.exe = parent->proc.exe;
	image.cwd = parent->proc.cwd;
	image.cgroup = parent->proc.cgroup;
	image.cmdline = parent->proc.cmdline;
	set_image(p, e, &image);
}

/* The process has ended: it is kept in place of the one that ended longest ago. */
static void bury_process(struct procs *p, struct proc_entry *e)
{
	struct proc_entry *old = lru_peek(p->table, &p->dead[p->dead_at].pid);

	if (old && old->dead && old->proc.start_boot_ns == p->dead[p->dead_at].start) {
		lru_delete(p->table, old);
		p->changes++;
	}
	e->dead = true;
	p->dead[p->dead_at].pid = e->pid;
	p->dead[p->dead_at].start = e->proc.start_boot_ns;
	p->dead_at = (p->dead_at + 1) % PROCS_DEAD;
}

/* Cgroup v2 ids found in /proc scans name the cgroups that were there before us. */
static void learn_cgroup(struct procs *p, const struct layout_proc *proc)
{
	if (proc->cgroup.n && proc->task->cgroup && !lru_peek(p->cgroups, &proc->task->cgroup))
		procs_cgroup(p, proc->task->cgroup, proc->cgroup);
}

static bool same_image(const struct proc_entry *e, const struct layout_proc *proc)
{
	return bytes_eq(e->proc.exe, proc->exe) && bytes_eq(e->proc.cwd, proc->cwd) &&
	       bytes_eq(e->proc.cgroup, proc->cgroup) && bytes_eq(e->proc.cmdline, proc->cmdline);
}

void procs_update(struct procs *p, const struct rec *rec, const struct layout_proc *proc)
{
	const struct rec_task *task = proc->task;
	struct proc_entry *e = lru_get(p->table, &task->pid);
	bool same = e && procs_same_start(e->proc.start_boot_ns, task->start);

	if (rec->kind == REC_EXIT) {
		if (same)
			bury_process(p, e);
		return;
	}
	if (rec->kind == REC_PROC) {
		learn_cgroup(p, proc);
		if (same && e->known && e->age == p->age)
			return; /* the kernel's own record was there first, and is newer */
		if (same && e->known && same_image(e, proc)) {
			e->age = p->age;
			set_task(p, e, task);
			return;
		}
	}
	e = begin_image(p, e, task);
	if (rec->kind == REC_FORK)
		set_forked(p, e, task);
	else
		set_image(p, e, proc);
}

/* The process that e's ppid means; NULL = it is not known. */
static struct proc_entry *find_parent(const struct procs *p, const struct proc_entry *e)
{
	struct proc_entry *up = e->proc.ppid ? lru_peek(p->table, &e->proc.ppid) : NULL;
	bool later = up &&
		     up->proc.start_boot_ns / PROCS_TICK_NS > e->proc.start_boot_ns / PROCS_TICK_NS;

	return later ? NULL : up;
}

/* Links as many ancestors as anybody reads, unless that was done and nothing has changed since. */
static void link_parents(const struct procs *p, struct proc_entry *e)
{
	if (e->linked == p->changes)
		return;
	e->linked = p->changes;
	for (int i = 0; e && i < PROC_ANCESTORS; i++) {
		struct proc_entry *up = find_parent(p, e);

		e->proc.parent = up ? &up->proc : NULL;
		e = up;
	}
}

const struct proc *procs_find(struct procs *p, const struct rec_task *task, int64_t offset_ns,
			      bool *ret_known)
{
	struct proc_entry *e = lru_get(p->table, &task->pid);

	if (!e || !procs_same_start(e->proc.start_boot_ns, task->start)) {
		e = begin_image(p, e, task);
		set_cgroup(e, cgroup_path(p, task->cgroup));
	} else {
		set_task(p, e, task);
	}
	e->proc.start_unix_ns = e->proc.start_boot_ns + (uint64_t)offset_ns;
	link_parents(p, e);
	*ret_known = e->known;
	return &e->proc;
}

const struct proc *procs_peek(const struct procs *p, uint32_t pid, uint64_t start_boot_ns)
{
	const struct proc_entry *e = lru_peek(p->table, &pid);

	if (!e || !e->known ||
	    (start_boot_ns && !procs_same_start(e->proc.start_boot_ns, start_boot_ns)))
		return NULL;
	return &e->proc;
}

int procs_each(const struct procs *p, procs_fn fn, void *arg)
{
	const struct proc_entry *e;
	int r = 0;

	for (e = lru_oldest(p->table); e && r >= 0; e = lru_newer(p->table, e))
		if (e->known && !e->dead)
			r = fn(&e->proc, arg);
	return r < 0 ? r : 0;
}

int procs_each_cgroup(const struct procs *p, procs_cgroup_fn fn, void *arg)
{
	const struct cgroup_entry *c;
	int r = 0;

	for (c = lru_oldest(p->cgroups); c && r >= 0; c = lru_newer(p->cgroups, c))
		r = fn(c->id, (struct bytes){c->path, c->n}, arg);
	return r < 0 ? r : 0;
}

void procs_renew(struct procs *p)
{
	p->age++;
}
