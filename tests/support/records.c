/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/records.h"

#include <string.h>

/* One record under construction: fixed part, then texts. */
struct draft {
	_Alignas(8) char p[REC_MAX];
	size_t n;
};

static struct draft draft;

static void *begin(struct records *r, size_t fixed, enum rec_kind kind, uint16_t probe,
		   uint8_t flags)
{
	struct rec *rec = (struct rec *)draft.p;

	memset(draft.p, 0, fixed);
	*rec = (struct rec){.kind = kind, .flags = flags, .probe = probe, .time = r->now};
	draft.n = fixed;
	return rec;
}

static size_t add(struct bytes b)
{
	if (b.n)
		memcpy(draft.p + draft.n, b.p, b.n);
	draft.n += b.n;
	return b.n;
}

static void end(struct records *r)
{
	records_raw(r, draft.p, draft.n);
}

void records_raw(struct records *r, void *rec, size_t len)
{
	int result;

	((struct rec *)rec)->len = (uint32_t)len;
	result = r->fn(rec, r->arg);
	if (result < 0 && !r->result)
		r->result = result;
	r->now += 1000;
}

void records_init(struct records *r, source_fn fn, void *arg)
{
	*r = (struct records){.fn = fn, .arg = arg, .now = RECORDS_BOOT};
}

void records_run(struct records *r)
{
	static const char texts[] = "host\0Debian\0"
				    "6.1.0\0x86_64\0"
				    "0.1.0\0penstock record";
	struct rec_run *run = begin(r, sizeof(*run), REC_RUN, 0, 0);

	run->version = REC_VERSION;
	run->pid = 1;
	run->probes[0] = 1u << RECORDS_EXEC | 1u << RECORDS_BASH;
	add((struct bytes){texts, sizeof(texts)});
	end(r);
}

void records_clock(struct records *r)
{
	struct rec_clock *clock = begin(r, sizeof(*clock), REC_CLOCK, 0, 0);

	clock->unix_ns = RECORDS_UNIX + (r->now - RECORDS_BOOT);
	end(r);
}

void records_start(struct records *r, source_fn fn, void *arg)
{
	records_init(r, fn, arg);
	records_run(r);
	records_clock(r);
}

void records_loss(struct records *r, const char *reason, uint64_t count)
{
	struct rec_loss *loss = begin(r, sizeof(*loss), REC_LOSS, 0, 0);

	loss->count = count;
	loss->first_ns = loss->last_ns = r->now;
	loss->reason_len = (uint32_t)add(bytes_of(reason));
	end(r);
}

void records_bare(struct records *r, enum rec_kind kind)
{
	begin(r, sizeof(struct rec), kind, 0, 0);
	end(r);
}

struct rec_task records_task(uint32_t pid, uint32_t ppid, uint64_t start, const char *comm)
{
	struct rec_task task = {.pid = pid,
				.tid = pid,
				.ppid = ppid,
				.uid = 1000,
				.gid = 1000,
				.loginuid = UINT32_MAX,
				.ns_pid = pid,
				.start = start};

	strncpy(task.comm, comm, sizeof(task.comm) - 1);
	return task;
}

void records_proc(struct records *r, struct rec_task task, const char *exe, struct bytes cmdline)
{
	struct rec_proc *p = begin(r, sizeof(*p), REC_PROC, 0, 0);

	p->task = task;
	p->exe_len = (uint16_t)add(bytes_of(exe));
	p->cwd_len = (uint16_t)add(BYTES("/root"));
	p->cgroup_len = (uint16_t)add(BYTES("/user.slice"));
	p->cmdline_len = (uint32_t)add(cmdline);
	end(r);
}

void records_fork(struct records *r, struct rec_task task)
{
	struct rec_fork *f = begin(r, sizeof(*f), REC_FORK, RECORDS_EXEC, 0);

	f->task = task;
	end(r);
}

void records_exec(struct records *r, struct rec_task task, const char *exe, struct bytes args,
		  uint32_t total)
{
	uint8_t flags = total > args.n ? REC_F_MORE : 0;
	struct rec_exec *e = begin(r, sizeof(*e), REC_EXEC, RECORDS_EXEC, flags);

	e->task = task;
	e->id = r->now;
	e->exe_len = (uint16_t)add(bytes_of(exe));
	e->cwd_len = (uint16_t)add(BYTES("/tmp"));
	e->args_len = (uint32_t)add(args);
	e->args_total = total;
	end(r);
}

void records_exit(struct records *r, struct rec_task task, uint32_t code)
{
	struct rec_exit *e = begin(r, sizeof(*e), REC_EXIT, RECORDS_EXEC, 0);

	e->task = task;
	e->code = code;
	end(r);
}

void records_line(struct records *r, struct rec_task task, uint64_t id, uint32_t line_flags,
		  struct bytes text, uint8_t flags)
{
	struct rec_line *l = begin(r, sizeof(*l), REC_LINE, RECORDS_BASH, flags);

	l->task = task;
	l->id = id;
	l->shell = LINE_BASH;
	l->line_flags = line_flags;
	memcpy(l->tty, "pts/1", 6);
	if (!line_flags)
		l->cwd_len = (uint16_t)add(BYTES("/home"));
	l->text_len = (uint32_t)add(text);
	end(r);
}

void records_line_end(struct records *r, struct rec_task task, uint64_t id, int status)
{
	struct rec_line_end *l = begin(r, sizeof(*l), REC_LINE_END, RECORDS_BASH, 0);

	l->task = task;
	l->id = id;
	l->status = status;
	end(r);
}

void records_part(struct records *r, enum rec_kind kind, uint32_t pid, uint64_t id, uint32_t offset,
		  struct bytes text, uint8_t flags)
{
	uint16_t probe = kind == REC_EXEC ? RECORDS_EXEC : RECORDS_BASH;
	struct rec_part *p = begin(r, sizeof(*p), kind, probe, flags | REC_F_PART);

	p->id = id;
	p->pid = pid;
	p->offset = offset;
	p->n = (uint32_t)add(text);
	end(r);
}

void records_counter(struct records *r, uint16_t probe, enum kcounter counter, uint64_t value)
{
	struct rec_counters *c =
		begin(r, sizeof(*c) + sizeof(struct rec_counter), REC_COUNTERS, 0, 0);

	c->n = 1;
	c->v[0] = (struct rec_counter){.probe = probe, .counter = counter, .value = value};
	end(r);
}
