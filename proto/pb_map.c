/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/pb_map.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "capture/base/chunk.h"
#include "proto/event.pb-c.h"
#include "proto/pb_map_query.h"
#include "proto/pb_map_size.h"
#include "proto/pb_write.h"

#define EVENT_FLAG(sym, bit, name)                                                                 \
	_Static_assert((int)PENSTOCK__V1__EVENT_FLAG__FLAG_##sym == (int)EVENT_F_##sym,            \
		       "EventFlag in event.proto differs from events.def: " name);
#include "capture/events.def"
#undef EVENT_FLAG

_Static_assert((int)PENSTOCK__V1__ROLE__ROLE_SERVER == (int)FLOW_ROLE_SERVER &&
		       (int)PENSTOCK__V1__DIRECTION__DIRECTION_RECEIVE == (int)DIRECTION_RECEIVE,
	       "Role and Direction in event.proto differ from event.h");

/* Fields are known by their numbers in event.proto, and written in that order. */

struct pb_map {
	struct pb_stream stream;
	uint8_t scratch[PB_MAP_MOST]; /* for a message that may be larger than the room */
};

int pb_map_new(struct pb_map **ret, struct err *err)
{
	void *p = mmap(NULL, sizeof(struct pb_map), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return errf(err, -ENOMEM, "no memory for protobuf messages");
	*ret = p;
	return 0;
}

void pb_map_free(struct pb_map *m)
{
	if (m)
		munmap(m, sizeof(*m));
}

void pb_map_stream(struct pb_map *m, const struct pb_stream *stream)
{
	m->stream = *stream;
}

static uint8_t *put_bool(uint8_t *p, unsigned field, bool v)
{
	return pb_write_number(p, field, v);
}

static uint8_t *put_own(uint8_t *p, unsigned field, const char *text)
{
	return pb_write_text(p, field, bytes_of(text));
}

static uint8_t *put_message(uint8_t *p, unsigned field, size_t guess, struct pb_write_message *ret)
{
	return pb_write_begin(pb_write_tag(p, field, PB_WRITE_LENGTH), guess, ret);
}

static uint8_t *put_args(uint8_t *p, unsigned field, struct bytes block)
{
	struct bytes arg;

	while (bytes_next_arg(&block, &arg))
		p = pb_write_item(p, field, arg);
	return p;
}

/* heavy: with what only ProcessInfo tells. */
static uint8_t *put_process(uint8_t *p, unsigned field, const struct event *ev, bool heavy)
{
	const struct proc *proc = ev->proc;
	struct pb_write_message m;

	p = put_message(p, field, 48 + proc->comm.n + proc->exe.n + proc->container.n, &m);
	p = pb_write_number(p, 1, proc->pid);
	p = pb_write_number(p, 2, ev->tid);
	p = pb_write_number(p, 3, proc->uid);
	p = pb_write_bytes(p, 4, proc->comm);
	p = pb_write_fixed(p, 5, proc->start_boot_ns);
	p = pb_write_number(p, 6, proc->cgroup_id);
	p = pb_write_bytes(p, 7, proc->exe);
	p = pb_write_text(p, 8, proc->container);
	p = pb_write_number(p, 9, proc->ppid);
	p = pb_write_number(p, 10, proc->gid);
	p = pb_write_number(p, 11, proc->ns_pid);
	p = pb_write_number(p, 12, proc->loginuid);
	p = pb_write_fixed(p, 13, proc->start_unix_ns);
	if (heavy) {
		p = pb_write_bytes(p, 14, proc->cgroup);
		p = pb_write_text(p, 15, proc->pod);
	}
	return pb_write_end(p, &m);
}

static const struct proc *proc_parent(const struct proc *proc)
{
	return proc ? proc->parent : NULL;
}

static uint8_t *put_parents(uint8_t *p, unsigned field, const struct proc *proc)
{
	unsigned n = 0;

	for (proc = proc_parent(proc); proc && n < PROC_ANCESTORS; proc = proc->parent, n++) {
		struct pb_write_message m;

		p = put_message(p, field, 15 + proc->comm.n + proc->exe.n, &m);
		p = pb_write_number(p, 1, proc->pid);
		p = pb_write_bytes(p, 4, proc->comm);
		p = pb_write_fixed(p, 5, proc->start_boot_ns);
		p = pb_write_bytes(p, 7, proc->exe);
		p = pb_write_end(p, &m);
	}
	return p;
}

static uint8_t *put_exec(uint8_t *p, const struct event *ev)
{
	const struct event_exec *exec = &ev->exec;
	struct pb_write_message m;

	p = put_message(p, 24, 128 + exec->argv.n, &m);
	p = pb_write_bytes(p, 1, exec->path);
	p = put_args(p, 2, exec->argv);
	p = pb_write_number(p, 3, exec->argv_total);
	p = pb_write_bytes(p, 4, exec->cwd);
	p = put_parents(p, 5, ev->proc);
	return pb_write_end(p, &m);
}

static uint8_t *put_exit(uint8_t *p, const struct event_exit *exit)
{
	struct pb_write_message m;

	p = put_message(p, 25, 0, &m);
	p = pb_write_number(p, 1, exit->code);
	p = pb_write_number(p, 2, exit->signal);
	p = put_bool(p, 3, exit->core);
	p = pb_write_number(p, 4, exit->lifetime_ns);
	return pb_write_end(p, &m);
}

static uint8_t *put_line(uint8_t *p, const struct event *ev)
{
	const struct event_line *line = &ev->line;
	struct pb_write_message m;

	p = put_message(p, 18, 25 + line->text.n + line->cwd.n + line->tty.n + line->expanded.n,
			&m);
	p = put_own(p, 1, line->shell);
	p = pb_write_bytes(p, 2, line->text);
	p = pb_write_bytes(p, 3, line->cwd);
	p = pb_write_bytes(p, 4, line->tty);
	if (line->has_status)
		p = pb_write_signed(p, 5, line->status);
	p = pb_write_bytes(p, 8, line->expanded);
	p = pb_write_number(p, 9, line->id);
	p = pb_write_fixed(p, 10, event_unix(ev, line->start_boot_ns));
	p = put_bool(p, 11, line->script);
	return pb_write_end(p, &m);
}

static uint8_t *put_flow(uint8_t *p, const struct flow *flow)
{
	size_t n = flow->family == AF_INET6 ? 16 : flow->family ? 4 : 0;
	struct pb_write_message m;

	p = put_message(p, 5, 64, &m);
	p = pb_write_fixed(p, 1, flow->id);
	p = pb_write_bytes(p, 2, (struct bytes){(const char *)flow->local, n});
	p = pb_write_number(p, 3, flow->local_port);
	p = pb_write_bytes(p, 4, (struct bytes){(const char *)flow->remote, n});
	p = pb_write_number(p, 5, flow->remote_port);
	p = pb_write_number(p, 6, flow->ip_proto);
	p = pb_write_number(p, 7, flow->netns);
	p = pb_write_number(p, 8, flow->cookie);
	p = pb_write_number(p, 10, flow->role);
	return pb_write_end(p, &m);
}

static uint8_t *put_data(uint8_t *p, const struct event *ev)
{
	const struct event_data *data = &ev->data;
	struct pb_write_message m;

	p = put_message(p, 16, 30 + data->payload.n, &m);
	p = pb_write_bytes(p, 1, data->payload);
	p = put_own(p, 2, data->library);
	p = put_own(p, 8, event_protocol_name(ev->flow->protocol));
	p = pb_write_number(p, 9, data->missing);
	p = pb_write_number(p, 10, data->call_offset);
	p = pb_write_number(p, 11, data->call_total);
	p = put_bool(p, 12, data->fin);
	return pb_write_end(p, &m);
}

static uint8_t *put_attach(uint8_t *p, const struct event_attach *attach)
{
	struct pb_write_message m;

	p = put_message(p, 26, 100, &m);
	p = pb_write_bytes(p, 1, attach->hook);
	p = pb_write_bytes(p, 2, attach->target);
	p = pb_write_bytes(p, 3, attach->note);
	p = pb_write_number(p, 4, attach->offset);
	p = pb_write_number(p, 5, attach->pid);
	if (attach->status)
		p = pb_write_signed(p, 6, attach->status);
	return pb_write_end(p, &m);
}

static uint8_t *put_loss(uint8_t *p, const struct event *ev)
{
	const struct event_loss *loss = &ev->loss;
	struct pb_write_message m;

	p = put_message(p, 102, 64, &m);
	p = pb_write_number(p, 2, loss->count);
	p = pb_write_fixed(p, 4, event_unix(ev, loss->first_boot_ns));
	p = pb_write_fixed(p, 5, event_unix(ev, loss->last_boot_ns));
	p = pb_write_number(p, 6, loss->first_seq);
	p = pb_write_number(p, 7, loss->last_seq);
	p = put_own(p, 12, loss->probe);
	p = put_own(p, 13, loss->reason);
	p = pb_write_number(p, 14,
			    loss->first_seq ? PENSTOCK__V1__LOSS_UNIT__EVENTS
					    : PENSTOCK__V1__LOSS_UNIT__RECORDS);
	return pb_write_end(p, &m);
}

static uint8_t *put_stats(uint8_t *p, const struct event_stats *stats)
{
	struct pb_write_message m, counter;

	p = put_message(p, 101, 4096, &m);
	for (unsigned i = 0; i < stats->n; i++) {
		p = put_message(p, 14, 40, &counter);
		p = put_own(p, 1, stats->v[i].name);
		p = pb_write_number(p, 2, stats->v[i].value);
		p = put_own(p, 3, stats->v[i].group);
		p = pb_write_end(p, &counter);
	}
	p = put_bool(p, 15, stats->final);
	return pb_write_end(p, &m);
}

static uint8_t *put_run(uint8_t *p, const struct pb_stream *stream, const struct event *ev)
{
	const struct run *run = ev->run;
	struct pb_write_message m, clock;

	p = put_message(p, 100, 300 + stream->descriptor.n, &m);
	p = pb_write_bytes(p, 1, stream->id);
	p = pb_write_bytes(p, 2, (struct bytes){(const char *)run->host_id, 16});
	p = pb_write_bytes(p, 3, (struct bytes){(const char *)run->boot_id, 16});
	p = pb_write_text(p, 4, run->host);
	p = pb_write_text(p, 5, run->os);
	p = pb_write_text(p, 6, run->kernel);
	p = pb_write_text(p, 7, run->arch);
	p = put_own(p, 8, "penstock");
	p = pb_write_text(p, 9, run->version);
	p = pb_write_number(p, 10, stream->schema_minor);
	p = pb_write_bytes(p, 11, stream->schema_sha256);
	p = pb_write_bytes(p, 12, stream->descriptor);
	p = put_message(p, 13, 18, &clock);
	p = pb_write_fixed(p, 1, run->start_boot_ns);
	p = pb_write_fixed(p, 2, run->start_unix_ns);
	p = pb_write_end(p, &clock);
	p = pb_write_number(p, 14, ev->seq);
	p = pb_write_fixed(p, 18, run->run_id);
	p = pb_write_number(p, 19, run->pid);
	p = pb_write_bytes(p, 20, run->cmdline);
	p = put_own(p, 21, run->probes);
	return pb_write_end(p, &m);
}

static uint8_t *put_body(uint8_t *p, const struct pb_map *m, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_META:
		return put_run(p, &m->stream, ev);
	case EVENT_EXEC:
		return put_exec(p, ev);
	case EVENT_EXIT:
		return put_exit(p, &ev->exit);
	case EVENT_LINE:
		return put_line(p, ev);
	case EVENT_DATA:
		return put_data(p, ev);
	case EVENT_QUERY:
		return pb_map_query(p, ev);
	case EVENT_ATTACH:
		return put_attach(p, &ev->attach);
	case EVENT_LOSS:
		return put_loss(p, ev);
	case EVENT_STATS:
		return put_stats(p, &ev->stats);
	case EVENT_KINDS:
		break;
	}
	return p;
}

static const uint8_t map_types[EVENT_KINDS] = {
	[EVENT_META] = PENSTOCK__V1__EVENT_TYPE__META,
	[EVENT_EXEC] = PENSTOCK__V1__EVENT_TYPE__EXEC,
	[EVENT_EXIT] = PENSTOCK__V1__EVENT_TYPE__EXIT,
	[EVENT_LINE] = PENSTOCK__V1__EVENT_TYPE__SHELL,
	[EVENT_DATA] = PENSTOCK__V1__EVENT_TYPE__TLS_DATA,
	[EVENT_QUERY] = PENSTOCK__V1__EVENT_TYPE__SQL,
	[EVENT_ATTACH] = PENSTOCK__V1__EVENT_TYPE__ATTACH,
	[EVENT_LOSS] = PENSTOCK__V1__EVENT_TYPE__LOSS,
	[EVENT_STATS] = PENSTOCK__V1__EVENT_TYPE__STATS,
};

/* What the event is about: fields 6 to 11. */
static uint8_t *put_circumstances(uint8_t *p, const struct event *ev)
{
	bool data = ev->kind == EVENT_DATA;

	if (data)
		p = pb_write_number(p, 6, ev->data.direction);
	p = pb_write_number(p, 7, ev->flags);
	if (data) {
		p = pb_write_number(p, 8, ev->data.stream_offset);
		if (ev->flags & EVENT_F_TRUNCATED)
			p = pb_write_number(p, 9, ev->data.call_total);
	}
	p = pb_write_number(p, 10, ev->cpu);
	if (ev->kind == EVENT_LINE)
		p = pb_write_number(p, 11, ev->line.duration_ns);
	if (ev->kind == EVENT_QUERY)
		p = pb_write_number(p, 11, ev->query.duration_ns);
	return p;
}

static uint8_t *put_event(uint8_t *p, const struct pb_map *m, const struct event *ev, size_t guess)
{
	struct pb_write_message message;

	p = pb_write_begin(p, guess, &message);
	p = pb_write_fixed(p, 1, ev->time_unix_ns);
	p = pb_write_number(p, 2, ev->seq);
	p = pb_write_number(p, 3, map_types[ev->kind]);
	if (ev->proc)
		p = put_process(p, 4, ev, false);
	if (ev->flow)
		p = put_flow(p, ev->flow);
	p = put_circumstances(p, ev);
	p = put_own(p, 13, ev->probe);
	p = pb_write_fixed(p, 14, ev->time_boot_ns);
	return pb_write_end(put_body(p, m, ev), &message);
}

static uint8_t *put_info(uint8_t *p, const struct pb_map *m, const struct event *ev, size_t guess)
{
	struct pb_write_message message, info;

	p = pb_write_begin(p, guess, &message);
	p = pb_write_fixed(p, 1, ev->time_unix_ns);
	p = pb_write_number(p, 3, PENSTOCK__V1__EVENT_TYPE__PROCESS_INFO);
	p = pb_write_number(p, 10, ev->cpu);
	p = put_own(p, 13, ev->probe);
	p = pb_write_fixed(p, 14, ev->time_boot_ns);
	p = put_message(p, 23, guess, &info);
	p = put_process(p, 1, ev, true);
	/* The Exec beside it has them whole; a search for them should find one place. */
	if (ev->kind != EVENT_EXEC)
		p = put_args(p, 2, ev->proc->cmdline);
	p = pb_write_bytes(p, 3, ev->proc->cwd);
	p = put_parents(p, 10, ev->proc);
	return pb_write_end(pb_write_end(p, &info), &message);
}

typedef uint8_t *(*put_fn)(uint8_t *p, const struct pb_map *m, const struct event *ev,
			   size_t guess);

/* Where there may be too little room, the message is made elsewhere and measured. */
static int map_write(struct pb_map *m, put_fn put, const struct event *ev,
		     const struct pb_map_size *size, struct bytes dst, size_t *ret_n)
{
	uint8_t *p = (uint8_t *)dst.p;
	size_t n;

	if (size->least > CHUNK_JUMBO)
		return -EMSGSIZE;
	if (size->most <= dst.n) {
		*ret_n = put(p, m, ev, size->guess) - p;
		return 0;
	}
	if (size->least > dst.n)
		return -ENOBUFS;
	assert(size->most <= sizeof(m->scratch));
	n = put(m->scratch, m, ev, size->guess) - m->scratch;
	if (n > CHUNK_JUMBO)
		return -EMSGSIZE;
	if (n > dst.n)
		return -ENOBUFS;
	memcpy(p, m->scratch, n);
	*ret_n = n;
	return 0;
}

int pb_map_event(struct pb_map *m, const struct event *ev, uint8_t *dst, size_t room, size_t *ret_n)
{
	struct pb_map_size size = pb_map_size(ev);

	if (ev->kind >= EVENT_KINDS || (ev->kind == EVENT_STATS && ev->stats.n > PB_MAP_COUNTERS))
		return -EMSGSIZE;
	if (ev->kind == EVENT_META)
		pb_map_size_add(&size, m->stream.descriptor);
	return map_write(m, put_event, ev, &size, (struct bytes){(char *)dst, room}, ret_n);
}

int pb_map_process(struct pb_map *m, const struct event *ev, uint8_t *dst, size_t room,
		   size_t *ret_n)
{
	struct pb_map_size size = pb_map_size_process(ev);

	return map_write(m, put_info, ev, &size, (struct bytes){(char *)dst, room}, ret_n);
}
