/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --tree: a process and its descendants, by what events say of processes and their parents. */
#include <errno.h>

#include "capture/archive/query_inside.h"

enum {
	TREE_MAX = 65536
};

struct member {
	uint32_t pid;
	uint32_t roots; /* bits: of which --tree (those beyond 31 share the last) */
	uint64_t start_boot_ns;
};

int query_tree_new(struct query *q, struct err *err)
{
	if (!q->tree)
		q->tree = lru_new(TREE_MAX, sizeof(struct member), sizeof(uint32_t));
	return q->tree ? 0 : errf(err, -ENOMEM, "out of memory");
}

void query_forget(struct query *q)
{
	if (q->tree)
		lru_clear(q->tree);
}

static uint32_t root_bit(const struct query_list *l, const struct query_value *v)
{
	size_t i = (size_t)(v - l->v);

	return 1u << (i < 31 ? i : 31);
}

/* Of which trees that pid is the root. */
static uint32_t roots_of(const struct query *q, uint32_t pid)
{
	const struct query_list *l = &q->lists[QUERY_PROCESS];
	uint32_t roots = 0;

	for (unsigned i = 0; i < l->n; i++)
		if (l->v[i].match == query_matches_tree && l->v[i].number == pid)
			roots |= root_bit(l, &l->v[i]);
	return roots;
}

static uint32_t roots_of_parent(const struct query *q, const struct proc *proc)
{
	const struct member *up = proc->ppid ? lru_peek(q->tree, &proc->ppid) : NULL;
	const struct proc *ancestor = proc->parent;
	uint32_t roots = roots_of(q, proc->ppid);

	if (up && up->start_boot_ns <= proc->start_boot_ns)
		roots |= up->roots;
	for (unsigned i = 0; ancestor && i < PROC_ANCESTORS; i++, ancestor = ancestor->parent)
		roots |= roots_of(q, ancestor->pid);
	return roots;
}

/* Once in a tree, a process stays in it, also when its parent ends and another adopts it. */
void query_tree_see(struct query *q, const struct proc *proc)
{
	struct member *m = lru_put(q->tree, &proc->pid, NULL);

	if (m->start_boot_ns != proc->start_boot_ns)
		m->roots = roots_of(q, proc->pid);
	m->start_boot_ns = proc->start_boot_ns;
	m->roots |= roots_of_parent(q, proc);
}

bool query_matches_tree(struct query *q, const struct query_value *v, const struct event *ev)
{
	const struct member *m = ev->proc ? lru_peek(q->tree, &ev->proc->pid) : NULL;

	return m && m->roots & root_bit(&q->lists[QUERY_PROCESS], v);
}
