/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/pb_map_size.h"
#include "proto/pb_map_query.h"

void pb_map_size_add(struct pb_map_size *size, struct bytes text)
{
	size->least += text.n;
	size->most += text.n;
}

static void size_add_args(struct pb_map_size *size, struct bytes block)
{
	size->least += block.n ? block.n - 1 : 0; /* its last NUL may be missing */
	size->most += 2 * block.n + PB_WRITE_FIELD;
}

static void size_add_process(struct pb_map_size *size, const struct proc *proc)
{
	if (!proc)
		return;
	pb_map_size_add(size, proc->comm);
	pb_map_size_add(size, proc->exe);
}

static void size_add_parents(struct pb_map_size *size, const struct proc *proc)
{
	unsigned n = 0;

	for (proc = proc ? proc->parent : NULL; proc && n < PROC_ANCESTORS;
	     proc = proc->parent, n++) {
		size_add_process(size, proc);
		size->most += PB_MAP_PARENT;
	}
}

static void size_add_body(struct pb_map_size *size, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_META:
		pb_map_size_add(size, ev->run->cmdline);
		break;
	case EVENT_EXEC:
		pb_map_size_add(size, ev->exec.path);
		pb_map_size_add(size, ev->exec.cwd);
		size_add_args(size, ev->exec.argv);
		size_add_parents(size, ev->proc);
		break;
	case EVENT_LINE:
		pb_map_size_add(size, ev->line.text);
		pb_map_size_add(size, ev->line.expanded);
		pb_map_size_add(size, ev->line.tty);
		pb_map_size_add(size, ev->line.cwd);
		break;
	case EVENT_DATA:
		pb_map_size_add(size, ev->data.payload);
		break;
	case EVENT_QUERY:
		pb_map_query_size(size, &ev->query);
		break;
	case EVENT_ATTACH:
		pb_map_size_add(size, ev->attach.hook);
		pb_map_size_add(size, ev->attach.target);
		pb_map_size_add(size, ev->attach.note);
		break;
	case EVENT_STATS:
		size->most += (size_t)ev->stats.n * PB_MAP_COUNTER;
		break;
	case EVENT_EXIT:
	case EVENT_LOSS:
	case EVENT_KINDS:
		break;
	}
}

/* Most messages have short strings and small numbers. */
static struct pb_map_size size_begin(const struct event *ev)
{
	struct pb_map_size size = {.most = PB_MAP_BASE};

	size_add_process(&size, ev->proc);
	return size;
}

static struct pb_map_size size_end(struct pb_map_size size)
{
	size.guess = size.least + 128;
	return size;
}

struct pb_map_size pb_map_size(const struct event *ev)
{
	struct pb_map_size size = size_begin(ev);

	size_add_body(&size, ev);
	return size_end(size);
}

struct pb_map_size pb_map_size_process(const struct event *ev)
{
	struct pb_map_size size = size_begin(ev);

	pb_map_size_add(&size, ev->proc->cgroup);
	pb_map_size_add(&size, ev->proc->cwd);
	if (ev->kind != EVENT_EXEC)
		size_add_args(&size, ev->proc->cmdline);
	size_add_parents(&size, ev->proc);
	return size_end(size);
}
