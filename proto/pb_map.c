/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/pb_map.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "capture/base/chunk.h"
#include "capture/base/utf8.h"
#include "proto/event.pb-c.h"

#define EVENT_FLAG(sym, bit, name)                                                                 \
	_Static_assert((int)PENSTOCK__V1__EVENT_FLAG__FLAG_##sym == (int)EVENT_F_##sym,            \
		       "EventFlag in event.proto differs from events.def: " name);
#include "capture/events.def"
#undef EVENT_FLAG

_Static_assert((int)PENSTOCK__V1__ROLE__ROLE_SERVER == (int)FLOW_ROLE_SERVER &&
		       (int)PENSTOCK__V1__DIRECTION__DIRECTION_RECEIVE == (int)DIRECTION_RECEIVE,
	       "Role and Direction in event.proto differ from event.h");

enum {
	MAP_ARGS = CHUNK_JUMBO / 2, /* an argument takes two bytes at least: more fit no chunk */
	MAP_COUNTERS = 4096,
	MAP_TEXT = 3 * 256 + 1, /* fields of type string, made UTF-8: ids and names */
	MAP_DELIMITER = 5,
};

enum text_slot {
	SLOT_CONTAINER,
	SLOT_POD,
	SLOT_HOST,
	SLOT_OS,
	SLOT_KERNEL,
	SLOT_ARCH,
	SLOT_VERSION,
	SLOTS
};

/* One lazily filled mapping: what an event does not need costs no memory. */
struct pb_map {
	Penstock__V1__Event event;
	Penstock__V1__Process process;
	union {
		Penstock__V1__ProcessInfo info;
		Penstock__V1__Exec exec;
		Penstock__V1__Exit exit;
		Penstock__V1__ShellCommand shell;
		Penstock__V1__Attach attach;
		Penstock__V1__StreamInfo stream;
		Penstock__V1__Stats stats;
		Penstock__V1__Loss loss;
		Penstock__V1__TlsData data;
	} body;
	Penstock__V1__Connection conn;
	Penstock__V1__ClockSample clock;
	Penstock__V1__Process parents[PROC_ANCESTORS], *parent_list[PROC_ANCESTORS];
	char texts[SLOTS][MAP_TEXT];
	Penstock__V1__Counter counters[MAP_COUNTERS], *counter_list[MAP_COUNTERS];
	ProtobufCBinaryData args[MAP_ARGS];
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

static ProtobufCBinaryData map_binary(struct bytes b)
{
	return (ProtobufCBinaryData){b.n, (uint8_t *)b.p};
}

/* Texts that are ours: known to be ASCII. */
static char *map_own(const char *text)
{
	return text ? (char *)text : (char *)protobuf_c_empty_string;
}

static char *map_string(struct pb_map *m, enum text_slot slot, struct bytes text)
{
	if (!text.n)
		return (char *)protobuf_c_empty_string;
	utf8_copy(m->texts[slot], MAP_TEXT, text);
	return m->texts[slot];
}

static void map_process(struct pb_map *m, const struct event *ev)
{
	const struct proc *proc = ev->proc;
	Penstock__V1__Process *to = &m->process;

	penstock__v1__process__init(to);
	to->pid = proc->pid;
	to->tid = ev->tid;
	to->uid = proc->uid;
	to->gid = proc->gid;
	to->ppid = proc->ppid;
	to->ns_pid = proc->ns_pid;
	to->loginuid = proc->loginuid;
	to->comm = map_binary(proc->comm);
	to->exe = map_binary(proc->exe);
	to->start_boot_ns = proc->start_boot_ns;
	to->start_unix_nano = proc->start_unix_ns;
	to->cgroup_id = proc->cgroup_id;
	to->container_id = map_string(m, SLOT_CONTAINER, proc->container);
	m->event.process = to;
}

static size_t map_parents(struct pb_map *m, const struct proc *proc)
{
	size_t n = 0;

	for (proc = proc ? proc->parent : NULL; proc && n < PROC_ANCESTORS; proc = proc->parent) {
		Penstock__V1__Process *to = &m->parents[n];

		penstock__v1__process__init(to);
		to->pid = proc->pid;
		to->comm = map_binary(proc->comm);
		to->exe = map_binary(proc->exe);
		to->start_boot_ns = proc->start_boot_ns;
		m->parent_list[n++] = to;
	}
	return n;
}

/* -EMSGSIZE when there are more arguments than any chunk can hold. */
static int map_args(struct pb_map *m, struct bytes block, size_t *ret)
{
	struct bytes arg;
	size_t n = 0;

	while (bytes_next_arg(&block, &arg)) {
		if (n == MAP_ARGS)
			return -EMSGSIZE;
		m->args[n++] = map_binary(arg);
	}
	*ret = n;
	return 0;
}

static int map_exec(struct pb_map *m, const struct event *ev)
{
	Penstock__V1__Exec *to = &m->body.exec;

	penstock__v1__exec__init(to);
	to->path = map_binary(ev->exec.path);
	to->argv = m->args;
	to->argv_bytes = ev->exec.argv_total;
	to->cwd = map_binary(ev->exec.cwd);
	to->parents = m->parent_list;
	to->n_parents = map_parents(m, ev->proc);
	m->event.exec = to;
	m->event.body_case = PENSTOCK__V1__EVENT__BODY_EXEC;
	return map_args(m, ev->exec.argv, &to->n_argv);
}

static int map_exit(struct pb_map *m, const struct event *ev)
{
	Penstock__V1__Exit *to = &m->body.exit;

	penstock__v1__exit__init(to);
	to->code = ev->exit.code;
	to->signal = ev->exit.signal;
	to->core_dumped = ev->exit.core;
	to->lifetime_ns = ev->exit.lifetime_ns;
	m->event.exit = to;
	m->event.body_case = PENSTOCK__V1__EVENT__BODY_EXIT;
	return 0;
}

static int map_line(struct pb_map *m, const struct event *ev)
{
	const struct event_line *line = &ev->line;
	Penstock__V1__ShellCommand *to = &m->body.shell;

	penstock__v1__shell_command__init(to);
	to->shell = map_own(line->shell);
	to->command = map_binary(line->text);
	to->expanded = map_binary(line->expanded);
	to->cwd = map_binary(line->cwd);
	to->tty = map_binary(line->tty);
	to->command_id = line->id;
	to->start_unix_nano = line->start_unix_ns;
	if (line->has_status) {
		to->exit_code = line->status;
		to->exit_code_opt_case = PENSTOCK__V1__SHELL_COMMAND__EXIT_CODE_OPT_EXIT_CODE;
	}
	m->event.duration_ns = line->duration_ns;
	m->event.shell = to;
	m->event.body_case = PENSTOCK__V1__EVENT__BODY_SHELL;
	return 0;
}

static void map_flow(struct pb_map *m, const struct flow *flow)
{
	size_t n = flow->family == AF_INET6 ? 16 : flow->family ? 4 : 0;
	Penstock__V1__Connection *to = &m->conn;

	penstock__v1__connection__init(to);
	to->id = flow->id;
	to->local_addr = (ProtobufCBinaryData){n, (uint8_t *)flow->local};
	to->remote_addr = (ProtobufCBinaryData){n, (uint8_t *)flow->remote};
	to->local_port = flow->local_port;
	to->remote_port = flow->remote_port;
	to->ip_proto = flow->ip_proto;
	to->netns_inum = flow->netns;
	to->socket_cookie = flow->cookie;
	to->role = (Penstock__V1__Role)flow->role;
	m->event.conn = to;
}

static int map_data(struct pb_map *m, const struct event *ev)
{
	const struct event_data *data = &ev->data;
	Penstock__V1__TlsData *to = &m->body.data;

	map_flow(m, ev->flow);
	penstock__v1__tls_data__init(to);
	to->payload = map_binary(data->payload);
	to->library = map_own(data->library);
	to->protocol = map_own(event_protocol_name(ev->flow->protocol));
	to->missing = data->missing;
	to->call_offset = data->call_offset;
	to->call_total = data->call_total;
	to->fin = data->fin;
	m->event.direction = (Penstock__V1__Direction)data->direction;
	m->event.stream_offset = data->stream_offset;
	if (ev->flags & EVENT_F_TRUNCATED)
		m->event.orig_len = data->call_total;
	m->event.tls_data = to;
	m->event.body_case = PENSTOCK__V1__EVENT__BODY_TLS_DATA;
	return 0;
}

static int map_attach(struct pb_map *m, const struct event *ev)
{
	Penstock__V1__Attach *to = &m->body.attach;

	penstock__v1__attach__init(to);
	to->hook = map_binary(ev->attach.hook);
	to->target = map_binary(ev->attach.target);
	to->note = map_binary(ev->attach.note);
	to->offset = ev->attach.offset;
	to->pid = ev->attach.pid;
	to->status = ev->attach.status;
	m->event.attach = to;
	m->event.body_case = PENSTOCK__V1__EVENT__BODY_ATTACH;
	return 0;
}

static int map_loss(struct pb_map *m, const struct event *ev)
{
	const struct event_loss *loss = &ev->loss;
	Penstock__V1__Loss *to = &m->body.loss;

	penstock__v1__loss__init(to);
	to->count = loss->count;
	to->first_unix_nano = loss->first_unix_ns;
	to->last_unix_nano = loss->last_unix_ns;
	to->first_seq = loss->first_seq;
	to->last_seq = loss->last_seq;
	to->probe = map_own(loss->probe);
	to->reason = map_own(loss->reason);
	to->unit = loss->first_seq ? PENSTOCK__V1__LOSS_UNIT__EVENTS
				   : PENSTOCK__V1__LOSS_UNIT__RECORDS;
	m->event.loss = to;
	m->event.body_case = PENSTOCK__V1__EVENT__BODY_LOSS;
	return 0;
}

static int map_stats(struct pb_map *m, const struct event *ev)
{
	Penstock__V1__Stats *to = &m->body.stats;

	if (ev->stats.n > MAP_COUNTERS)
		return -EMSGSIZE;
	penstock__v1__stats__init(to);
	for (unsigned i = 0; i < ev->stats.n; i++) {
		Penstock__V1__Counter *counter = &m->counters[i];

		penstock__v1__counter__init(counter);
		counter->group = map_own(ev->stats.v[i].group);
		counter->name = map_own(ev->stats.v[i].name);
		counter->value = ev->stats.v[i].value;
		m->counter_list[i] = counter;
	}
	to->counters = m->counter_list;
	to->n_counters = ev->stats.n;
	to->final = ev->stats.final;
	m->event.stats = to;
	m->event.body_case = PENSTOCK__V1__EVENT__BODY_STATS;
	return 0;
}

static int map_run(struct pb_map *m, const struct event *ev)
{
	const struct run *run = ev->run;
	Penstock__V1__StreamInfo *to = &m->body.stream;

	penstock__v1__clock_sample__init(&m->clock);
	m->clock.boot_ns = run->start_boot_ns;
	m->clock.unix_ns = run->start_unix_ns;
	penstock__v1__stream_info__init(to);
	to->host_id = (ProtobufCBinaryData){sizeof(run->host_id), (uint8_t *)run->host_id};
	to->boot_id = (ProtobufCBinaryData){sizeof(run->boot_id), (uint8_t *)run->boot_id};
	to->host_name = map_string(m, SLOT_HOST, run->host);
	to->os = map_string(m, SLOT_OS, run->os);
	to->kernel = map_string(m, SLOT_KERNEL, run->kernel);
	to->arch = map_string(m, SLOT_ARCH, run->arch);
	to->producer = map_own("penstock");
	to->producer_version = map_string(m, SLOT_VERSION, run->version);
	to->clock = &m->clock;
	to->first_seq = ev->seq;
	to->run_id = run->run_id;
	to->pid = run->pid;
	to->cmdline = map_binary(run->cmdline);
	to->probes = map_own(run->probes);
	m->event.stream_info = to;
	m->event.body_case = PENSTOCK__V1__EVENT__BODY_STREAM_INFO;
	return 0;
}

/* What all events have. */
static void map_head(struct pb_map *m, const struct event *ev, Penstock__V1__EventType type)
{
	Penstock__V1__Event *to = &m->event;

	penstock__v1__event__init(to);
	to->time_unix_nano = ev->time_unix_ns;
	to->time_boot_ns = ev->time_boot_ns;
	to->type = type;
	to->flags = ev->flags;
	to->cpu = ev->cpu;
	to->probe = map_own(ev->probe);
	if (ev->proc)
		map_process(m, ev);
}

static int map_pack(const struct pb_map *m, uint8_t *dst, size_t room, size_t *ret_n)
{
	size_t n = penstock__v1__event__get_packed_size(&m->event), head = 0;
	uint8_t delimiter[MAP_DELIMITER];

	if (n > CHUNK_JUMBO - MAP_DELIMITER)
		return -EMSGSIZE;
	for (size_t left = n; head == 0 || left; left >>= 7)
		delimiter[head++] = (left & 0x7f) | (left > 0x7f ? 0x80 : 0);
	if (room < head + n)
		return -ENOBUFS;
	memcpy(dst, delimiter, head);
	*ret_n = head + penstock__v1__event__pack(&m->event, dst + head);
	return 0;
}

static int map_body(struct pb_map *m, const struct event *ev)
{
	static const Penstock__V1__EventType types[EVENT_KINDS] = {
		[EVENT_META] = PENSTOCK__V1__EVENT_TYPE__META,
		[EVENT_EXEC] = PENSTOCK__V1__EVENT_TYPE__EXEC,
		[EVENT_EXIT] = PENSTOCK__V1__EVENT_TYPE__EXIT,
		[EVENT_LINE] = PENSTOCK__V1__EVENT_TYPE__SHELL,
		[EVENT_DATA] = PENSTOCK__V1__EVENT_TYPE__TLS_DATA,
		[EVENT_ATTACH] = PENSTOCK__V1__EVENT_TYPE__ATTACH,
		[EVENT_LOSS] = PENSTOCK__V1__EVENT_TYPE__LOSS,
		[EVENT_STATS] = PENSTOCK__V1__EVENT_TYPE__STATS,
	};

	map_head(m, ev, types[ev->kind]);
	m->event.seq = ev->seq;
	switch (ev->kind) {
	case EVENT_META:
		return map_run(m, ev);
	case EVENT_EXEC:
		return map_exec(m, ev);
	case EVENT_EXIT:
		return map_exit(m, ev);
	case EVENT_LINE:
		return map_line(m, ev);
	case EVENT_DATA:
		return map_data(m, ev);
	case EVENT_ATTACH:
		return map_attach(m, ev);
	case EVENT_LOSS:
		return map_loss(m, ev);
	case EVENT_STATS:
		return map_stats(m, ev);
	case EVENT_KINDS:
		break;
	}
	return -EMSGSIZE;
}

int pb_map_event(struct pb_map *m, const struct event *ev, uint8_t *dst, size_t room, size_t *ret_n)
{
	int r = map_body(m, ev);

	return r ? r : map_pack(m, dst, room, ret_n);
}

int pb_map_process(struct pb_map *m, const struct event *ev, uint8_t *dst, size_t room,
		   size_t *ret_n)
{
	const struct proc *proc = ev->proc;
	Penstock__V1__ProcessInfo *to = &m->body.info;
	int r;

	map_head(m, ev, PENSTOCK__V1__EVENT_TYPE__PROCESS_INFO);
	m->event.flags = 0;
	m->process.cgroup = map_binary(proc->cgroup);
	m->process.pod_uid = map_string(m, SLOT_POD, proc->pod);
	/* The same in Event.process would only be said twice. */
	m->event.process = NULL;
	penstock__v1__process_info__init(to);
	to->process = &m->process;
	to->cwd = map_binary(proc->cwd);
	to->parents = m->parent_list;
	to->n_parents = map_parents(m, proc);
	to->argv = m->args;
	/* The Exec beside it has them whole; a search for them should find one place. */
	if (ev->kind != EVENT_EXEC) {
		r = map_args(m, proc->cmdline, &to->n_argv);
		if (r)
			return r;
	}
	m->event.process_info = to;
	m->event.body_case = PENSTOCK__V1__EVENT__BODY_PROCESS_INFO;
	return map_pack(m, dst, room, ret_n);
}
