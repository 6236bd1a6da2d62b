/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/pb_read.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "capture/base/chunk.h"
#include "capture/kinds.h"
#include "proto/pb_read_inside.h"
#include "proto/pb_wire.h"

/* Numbers of fields and values of enumerations are those of event.proto. */

enum {
	TYPE_STREAM_END = 103
};

int pb_read_new(struct pb_read **ret, struct err *err)
{
	struct pb_read *r = calloc(1, sizeof(*r));
	void *arena = mmap(NULL, PB_ROWS_ARENA, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!r || arena == MAP_FAILED) {
		free(r);
		if (arena != MAP_FAILED)
			munmap(arena, PB_ROWS_ARENA);
		return errf(err, -ENOMEM, "no memory for protobuf messages");
	}
	r->rows.arena = arena;
	*ret = r;
	return 0;
}

void pb_read_free(struct pb_read *r)
{
	if (!r)
		return;
	munmap(r->rows.arena, PB_ROWS_ARENA);
	free(r);
}

/* ---- processes and connections ------------------------------------------------------------- */

/* Of a process that lies in a struct at `at`; the thread's id is the event's. */
#define PROCESS_ROWS(type, at)                                                                     \
	[1] = {PB_ROW_U32, offsetof(type, at pid)}, [3] = {PB_ROW_U32, offsetof(type, at uid)},    \
	[4] = {PB_ROW_BYTES, offsetof(type, at comm)},                                             \
	[5] = {PB_ROW_FIXED, offsetof(type, at start_boot_ns)},                                    \
	[6] = {PB_ROW_U64, offsetof(type, at cgroup_id)},                                          \
	[7] = {PB_ROW_BYTES, offsetof(type, at exe)},                                              \
	[8] = {PB_ROW_BYTES, offsetof(type, at container)},                                        \
	[9] = {PB_ROW_U32, offsetof(type, at ppid)}, [10] = {PB_ROW_U32, offsetof(type, at gid)},  \
	[11] = {PB_ROW_U32, offsetof(type, at ns_pid)},                                            \
	[12] = {PB_ROW_U32, offsetof(type, at loginuid)},                                          \
	[13] = {PB_ROW_FIXED, offsetof(type, at start_unix_ns)},                                   \
	[14] = {PB_ROW_BYTES, offsetof(type, at cgroup)},                                          \
	[15] = {PB_ROW_BYTES, offsetof(type, at pod)}

static const struct pb_row parent_rows[] = {PROCESS_ROWS(struct proc, )};
static const struct pb_row process_rows[] = {
	PROCESS_ROWS(struct pb_read, proc.),
	[2] = {PB_ROW_U32, offsetof(struct pb_read, ev.tid)},
};

static int read_process(struct pb_read *r, struct bytes in)
{
	r->ev.proc = &r->proc;
	return pb_rows_fill(r, in, PB_ROWS(process_rows), r);
}

/* The nearest comes first. */
static int read_parent(struct pb_read *r, struct bytes in)
{
	struct proc *proc = &r->parents[r->parents_n];

	if (r->parents_n == PROC_ANCESTORS)
		return 0;
	*proc = (struct proc){0};
	if (r->parents_n++)
		proc[-1].parent = proc;
	return pb_rows_fill(r, in, PB_ROWS(parent_rows), proc);
}

static int read_arg(struct pb_read *r, struct bytes in)
{
	pb_rows_copy(&r->rows, in);
	return 0;
}

/* A message that has arguments has no other text of the arena: they lie there one behind the
 * other. */
static struct bytes read_args(const struct pb_read *r)
{
	return r->rows.arena_n > r->args_at
		       ? (struct bytes){r->rows.arena + r->args_at, r->rows.arena_n - r->args_at}
		       : (struct bytes){0};
}

static const struct pb_row connection_rows[] = {
	[1] = {PB_ROW_FIXED, offsetof(struct pb_read, flow.id)},
	[2] = {PB_ROW_BYTES, offsetof(struct pb_read, local)},
	[3] = {PB_ROW_U16, offsetof(struct pb_read, flow.local_port)},
	[4] = {PB_ROW_BYTES, offsetof(struct pb_read, remote)},
	[5] = {PB_ROW_U16, offsetof(struct pb_read, flow.remote_port)},
	[6] = {PB_ROW_U8, offsetof(struct pb_read, flow.ip_proto)},
	[7] = {PB_ROW_U32, offsetof(struct pb_read, flow.netns)},
	[8] = {PB_ROW_U64, offsetof(struct pb_read, flow.cookie)},
	[10] = {PB_ROW_U32, offsetof(struct pb_read, role)},
};

static int read_connection(struct pb_read *r, struct bytes in)
{
	struct flow *flow = &r->flow;
	int ret = pb_rows_fill(r, in, PB_ROWS(connection_rows), r);

	if (ret)
		return ret;
	if (r->role > FLOW_ROLE_SERVER || r->local.n != r->remote.n ||
	    (r->local.n != 0 && r->local.n != 4 && r->local.n != 16))
		return -EBADMSG;
	flow->role = (enum flow_role)r->role;
	flow->family = r->local.n == 16 ? AF_INET6 : r->local.n ? AF_INET : 0;
	if (r->local.n) {
		memcpy(flow->local, r->local.p, r->local.n);
		memcpy(flow->remote, r->remote.p, r->local.n);
	}
	r->ev.flow = flow;
	return 0;
}

/* ---- bodies -------------------------------------------------------------------------------- */

static const struct pb_row data_rows[] = {
	[1] = {PB_ROW_BYTES, offsetof(struct pb_read, ev.data.payload)},
	[2] = {PB_ROW_TEXT, offsetof(struct pb_read, ev.data.library)},
	[8] = {PB_ROW_TEXT, offsetof(struct pb_read, protocol)},
	[9] = {PB_ROW_U64, offsetof(struct pb_read, ev.data.missing)},
	[10] = {PB_ROW_U64, offsetof(struct pb_read, ev.data.call_offset)},
	[11] = {PB_ROW_U64, offsetof(struct pb_read, ev.data.call_total)},
	[12] = {PB_ROW_BOOL, offsetof(struct pb_read, ev.data.fin)},
};

static int read_data(struct pb_read *r, struct bytes in)
{
	r->ev.data.library = "";
	return pb_rows_fill(r, in, PB_ROWS(data_rows), r);
}

/* A status may be absent, which is not the same as 0. */
static int read_status(struct pb_read *r, struct bytes in)
{
	struct pb_wire_field field;

	while (in.n && pb_wire_next(&in, &field) == 0)
		r->ev.line.has_status |= field.number == 5;
	return 0;
}

static const struct pb_row line_rows[] = {
	[1] = {PB_ROW_TEXT, offsetof(struct event, line.shell)},
	[2] = {PB_ROW_BYTES, offsetof(struct event, line.text)},
	[3] = {PB_ROW_BYTES, offsetof(struct event, line.cwd)},
	[4] = {PB_ROW_BYTES, offsetof(struct event, line.tty)},
	[5] = {PB_ROW_S32, offsetof(struct event, line.status)},
	[8] = {PB_ROW_BYTES, offsetof(struct event, line.expanded)},
	[9] = {PB_ROW_U64, offsetof(struct event, line.id)},
	[10] = {PB_ROW_FIXED, offsetof(struct event, line.start_boot_ns)},
	[11] = {PB_ROW_BOOL, offsetof(struct event, line.script)},
};

static int read_line(struct pb_read *r, struct bytes in)
{
	int ret;

	r->ev.line.shell = "";
	ret = pb_rows_fill(r, in, PB_ROWS(line_rows), &r->ev);
	return ret ? ret : read_status(r, in);
}

static const struct pb_row info_rows[] = {
	[1] = {PB_ROW_CALL, 0, read_process},
	[2] = {PB_ROW_CALL, 0, read_arg},
	[3] = {PB_ROW_BYTES, offsetof(struct pb_read, proc.cwd)},
	[10] = {PB_ROW_CALL, 0, read_parent},
};

static int read_info(struct pb_read *r, struct bytes in)
{
	int ret;

	r->args_at = r->rows.arena_n;
	ret = pb_rows_fill(r, in, PB_ROWS(info_rows), r);
	r->proc.cmdline = read_args(r);
	return ret || r->ev.proc ? ret : -EBADMSG;
}

static const struct pb_row exec_rows[] = {
	[1] = {PB_ROW_BYTES, offsetof(struct pb_read, ev.exec.path)},
	[2] = {PB_ROW_CALL, 0, read_arg},
	[3] = {PB_ROW_U64, offsetof(struct pb_read, ev.exec.argv_total)},
	[4] = {PB_ROW_BYTES, offsetof(struct pb_read, ev.exec.cwd)},
	[5] = {PB_ROW_CALL, 0, read_parent},
};

/* The last argument need not have had a NUL: where it would be more than there was, it had none. */
static int read_exec(struct pb_read *r, struct bytes in)
{
	struct event_exec *exec = &r->ev.exec;
	int ret;

	r->args_at = r->rows.arena_n;
	ret = pb_rows_fill(r, in, PB_ROWS(exec_rows), r);
	exec->argv = read_args(r);
	if (exec->argv.n && exec->argv.n == exec->argv_total + 1)
		exec->argv.n--;
	return ret;
}

static const struct pb_row exit_rows[] = {
	[1] = {PB_ROW_U32, offsetof(struct event, exit.code)},
	[2] = {PB_ROW_U32, offsetof(struct event, exit.signal)},
	[3] = {PB_ROW_BOOL, offsetof(struct event, exit.core)},
	[4] = {PB_ROW_U64, offsetof(struct event, exit.lifetime_ns)},
};

static int read_exit(struct pb_read *r, struct bytes in)
{
	return pb_rows_fill(r, in, PB_ROWS(exit_rows), &r->ev);
}

static const struct pb_row attach_rows[] = {
	[1] = {PB_ROW_BYTES, offsetof(struct event, attach.hook)},
	[2] = {PB_ROW_BYTES, offsetof(struct event, attach.target)},
	[3] = {PB_ROW_BYTES, offsetof(struct event, attach.note)},
	[4] = {PB_ROW_U64, offsetof(struct event, attach.offset)},
	[5] = {PB_ROW_U32, offsetof(struct event, attach.pid)},
	[6] = {PB_ROW_S32, offsetof(struct event, attach.status)},
};

static int read_attach(struct pb_read *r, struct bytes in)
{
	return pb_rows_fill(r, in, PB_ROWS(attach_rows), &r->ev);
}

/* The unit follows from the numbers of the events. */
static const struct pb_row loss_rows[] = {
	[2] = {PB_ROW_U64, offsetof(struct event, loss.count)},
	[4] = {PB_ROW_FIXED, offsetof(struct event, loss.first_boot_ns)},
	[5] = {PB_ROW_FIXED, offsetof(struct event, loss.last_boot_ns)},
	[6] = {PB_ROW_U64, offsetof(struct event, loss.first_seq)},
	[7] = {PB_ROW_U64, offsetof(struct event, loss.last_seq)},
	[12] = {PB_ROW_TEXT, offsetof(struct event, loss.probe)},
	[13] = {PB_ROW_TEXT, offsetof(struct event, loss.reason)},
};

static int read_loss(struct pb_read *r, struct bytes in)
{
	r->ev.loss.probe = r->ev.loss.reason = "";
	return pb_rows_fill(r, in, PB_ROWS(loss_rows), &r->ev);
}

static const struct pb_row counter_rows[] = {
	[1] = {PB_ROW_TEXT, offsetof(struct event_counter, name)},
	[2] = {PB_ROW_U64, offsetof(struct event_counter, value)},
	[3] = {PB_ROW_TEXT, offsetof(struct event_counter, group)},
};

static int read_counter(struct pb_read *r, struct bytes in)
{
	if (r->counters_n == PB_READ_COUNTERS)
		return -EBADMSG;
	r->counters[r->counters_n] = (struct event_counter){.group = "", .name = ""};
	return pb_rows_fill(r, in, PB_ROWS(counter_rows), &r->counters[r->counters_n++]);
}

static const struct pb_row stats_rows[] = {
	[14] = {PB_ROW_CALL, 0, read_counter},
	[15] = {PB_ROW_BOOL, offsetof(struct pb_read, ev.stats.final)},
};

static int read_stats(struct pb_read *r, struct bytes in)
{
	int ret = pb_rows_fill(r, in, PB_ROWS(stats_rows), r);

	r->ev.stats.v = r->counters;
	r->ev.stats.n = r->counters_n;
	return ret;
}

static const struct pb_row clock_rows[] = {
	[1] = {PB_ROW_FIXED, offsetof(struct run, start_boot_ns)},
	[2] = {PB_ROW_FIXED, offsetof(struct run, start_unix_ns)},
};

static int read_clock(struct pb_read *r, struct bytes in)
{
	return pb_rows_fill(r, in, PB_ROWS(clock_rows), &r->run);
}

/* The schema is left to those who write a stream. */
static const struct pb_row run_rows[] = {
	[1] = {PB_ROW_BYTES, offsetof(struct pb_read, stream_id)},
	[2] = {PB_ROW_BYTES, offsetof(struct pb_read, host_id)},
	[3] = {PB_ROW_BYTES, offsetof(struct pb_read, boot_id)},
	[4] = {PB_ROW_BYTES, offsetof(struct pb_read, run.host)},
	[5] = {PB_ROW_BYTES, offsetof(struct pb_read, run.os)},
	[6] = {PB_ROW_BYTES, offsetof(struct pb_read, run.kernel)},
	[7] = {PB_ROW_BYTES, offsetof(struct pb_read, run.arch)},
	[9] = {PB_ROW_BYTES, offsetof(struct pb_read, run.version)},
	[13] = {PB_ROW_CALL, 0, read_clock},
	[18] = {PB_ROW_FIXED, offsetof(struct pb_read, run.run_id)},
	[19] = {PB_ROW_U32, offsetof(struct pb_read, run.pid)},
	[20] = {PB_ROW_BYTES, offsetof(struct pb_read, run.cmdline)},
	[21] = {PB_ROW_TEXT, offsetof(struct pb_read, run.probes)},
};

static int read_id(struct bytes in, uint8_t ret[16])
{
	if (in.n != 0 && in.n != 16)
		return -EBADMSG;
	if (in.n)
		memcpy(ret, in.p, in.n);
	return 0;
}

static int read_run(struct pb_read *r, struct bytes in)
{
	int ret;

	r->run = (struct run){.probes = ""};
	r->ev.run = &r->run;
	ret = pb_rows_fill(r, in, PB_ROWS(run_rows), r);
	if (ret)
		return ret;
	if (read_id(r->stream_id, r->run.stream_id) || read_id(r->host_id, r->run.host_id))
		return -EBADMSG;
	return read_id(r->boot_id, r->run.boot_id);
}

/* ---- the message --------------------------------------------------------------------------- */

static const struct pb_row event_rows[] = {
	[1] = {PB_ROW_FIXED, offsetof(struct pb_read, ev.time_unix_ns)},
	[2] = {PB_ROW_U64, offsetof(struct pb_read, ev.seq)},
	[3] = {PB_ROW_U32, offsetof(struct pb_read, type)},
	[4] = {PB_ROW_CALL, 0, read_process},
	[5] = {PB_ROW_CALL, 0, read_connection},
	[6] = {PB_ROW_U32, offsetof(struct pb_read, direction)},
	[7] = {PB_ROW_U32, offsetof(struct pb_read, ev.flags)},
	[8] = {PB_ROW_U64, offsetof(struct pb_read, stream_offset)},
	[10] = {PB_ROW_U32, offsetof(struct pb_read, ev.cpu)},
	[11] = {PB_ROW_U64, offsetof(struct pb_read, duration_ns)},
	[13] = {PB_ROW_TEXT, offsetof(struct pb_read, ev.probe)},
	[14] = {PB_ROW_FIXED, offsetof(struct pb_read, ev.time_boot_ns)},
	[16] = {PB_ROW_BYTES, offsetof(struct pb_read, bodies[BODY_DATA])},
	[18] = {PB_ROW_BYTES, offsetof(struct pb_read, bodies[BODY_LINE])},
	[19] = {PB_ROW_BYTES, offsetof(struct pb_read, bodies[BODY_QUERY])},
	[23] = {PB_ROW_BYTES, offsetof(struct pb_read, bodies[BODY_INFO])},
	[24] = {PB_ROW_BYTES, offsetof(struct pb_read, bodies[BODY_EXEC])},
	[25] = {PB_ROW_BYTES, offsetof(struct pb_read, bodies[BODY_EXIT])},
	[26] = {PB_ROW_BYTES, offsetof(struct pb_read, bodies[BODY_ATTACH])},
	[100] = {PB_ROW_BYTES, offsetof(struct pb_read, bodies[BODY_RUN])},
	[101] = {PB_ROW_BYTES, offsetof(struct pb_read, bodies[BODY_STATS])},
	[102] = {PB_ROW_BYTES, offsetof(struct pb_read, bodies[BODY_LOSS])},
};

/* What makes an event of each body, and the type that goes with it. */
static const struct body {
	unsigned type;
	enum event_kind kind;
	int (*fn)(struct pb_read *r, struct bytes in);
} bodies[BODIES] = {
	[BODY_DATA] = {1, EVENT_DATA, read_data},        [BODY_LINE] = {3, EVENT_LINE, read_line},
	[BODY_QUERY] = {4, EVENT_QUERY, pb_read_query},  [BODY_INFO] = {8, EVENT_KINDS, read_info},
	[BODY_EXEC] = {9, EVENT_EXEC, read_exec},        [BODY_EXIT] = {10, EVENT_EXIT, read_exit},
	[BODY_ATTACH] = {11, EVENT_ATTACH, read_attach}, [BODY_RUN] = {100, EVENT_META, read_run},
	[BODY_STATS] = {101, EVENT_STATS, read_stats},   [BODY_LOSS] = {102, EVENT_LOSS, read_loss},
};

static const struct body *body_of_type(unsigned type)
{
	for (unsigned i = 0; i < BODIES; i++)
		if (bodies[i].type == type)
			return &bodies[i];
	return NULL;
}

static enum protocol protocol_of(const char *name)
{
	for (unsigned i = 0; i < PROTOCOLS; i++)
		if (!strcmp(event_protocol_name((enum protocol)i), name))
			return (enum protocol)i;
	return PROTOCOL_UNKNOWN;
}

static uint32_t known_flags(void)
{
	uint32_t all = 0;

#define EVENT_FLAG(sym, bit, name) all |= 1u << (bit);
#include "capture/events.def"
#undef EVENT_FLAG
	return all;
}

/* Puts where struct event has it what the message has elsewhere. */
static int event_complete(struct pb_read *r)
{
	struct event *ev = &r->ev;
	struct event_data *data = &ev->data;

	ev->flags &= known_flags();
	if (ev->kind < EVENT_KINDS)
		kinds_times_read(ev);
	if (ev->kind == EVENT_LINE)
		ev->line.duration_ns = r->duration_ns;
	if (ev->kind == EVENT_QUERY)
		ev->query.duration_ns = r->duration_ns;
	if (r->parents_n)
		r->proc.parent = &r->parents[0];
	if (ev->kind != EVENT_DATA) {
		if (ev->kind != EVENT_QUERY)
			ev->flow = NULL;
		return 0;
	}
	data->late = ev->flags & EVENT_F_IN_PROGRESS;
	data->stream_offset = r->stream_offset;
	data->direction = (enum direction)r->direction;
	if (r->protocol)
		r->flow.protocol = protocol_of(r->protocol);
	return r->direction > DIRECTION_RECEIVE ? -EBADMSG : 0;
}

static void read_reset(struct pb_read *r)
{
	r->ev = (struct event){.probe = ""};
	r->flow = (struct flow){0};
	r->proc = (struct proc){0};
	r->type = r->direction = r->role = 0;
	r->stream_offset = r->duration_ns = 0;
	r->local = r->remote = r->stream_id = r->host_id = r->boot_id = (struct bytes){0};
	memset(r->bodies, 0, sizeof(r->bodies));
	r->protocol = NULL;
	r->parents_n = r->counters_n = 0;
	r->args_at = r->rows.arena_n = 0;
}

int pb_read_event(struct pb_read *r, struct bytes message, const struct event **ret,
		  struct err *err)
{
	const struct body *body;
	struct bytes in;

	if (message.n > CHUNK_JUMBO)
		return errf(err, -EBADMSG, "a message that is larger than any of ours");
	read_reset(r);
	if (pb_rows_fill(r, message, PB_ROWS(event_rows), r))
		return errf(err, -EBADMSG, "a message that is no event");
	if (r->type == TYPE_STREAM_END || !r->type)
		return 1;
	body = body_of_type(r->type);
	if (!body)
		return errf(err, -EPROTO, "an event of type %u, which this penstock does not know",
			    r->type);
	r->ev.kind = body->kind;
	in = r->bodies[body - bodies];
	if (!in.p || body->fn(r, in) || event_complete(r))
		return errf(err, -EBADMSG, "an event of type %u whose contents are damaged",
			    r->type);
	*ret = &r->ev;
	return 0;
}
