/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One JSON object a line, under the field names of proto/event.proto. A field of type bytes is a
 * plain string where it is valid UTF-8, else <name>_base64. A field that does not apply is left
 * out. Absolute times in nanoseconds, and ids that use all of their 64 bits, are strings of digits.
 */
#include <errno.h>
#include <stddef.h>

#include "capture/encoder.h"
#include "encoders/jsonl/query.h"
#include "encoders/write/json.h"
#include "encoders/write/put.h"

struct jsonl {
	uint64_t second; /* whose date is in `date` */
	uint8_t date[PUT_DATE];
	bool relay; /* streams are told by the ids that they have */
};

static void put_process(struct put *w, const struct event *ev)
{
	const struct proc *proc = ev->proc;

	JSON(w, ",\"process\":{");
	JSON_FIRST(w, "pid", proc->pid);
	if (ev->tid)
		JSON_NUMBER(w, "tid", ev->tid);
	JSON_NUMBER(w, "ppid", proc->ppid);
	JSON_NUMBER(w, "uid", proc->uid);
	JSON_NUMBER(w, "gid", proc->gid);
	if (proc->loginuid != UINT32_MAX)
		JSON_NUMBER(w, "loginuid", proc->loginuid);
	if (proc->ns_pid)
		JSON_NUMBER(w, "ns_pid", proc->ns_pid);
	JSON_BYTES(w, "comm", proc->comm);
	JSON_BYTES(w, "exe", proc->exe);
	JSON_DIGITS(w, "start_boot_ns", proc->start_boot_ns);
	JSON_DIGITS(w, "start_unix_nano", proc->start_unix_ns);
	JSON_NUMBER(w, "cgroup_id", proc->cgroup_id);
	JSON_BYTES(w, "cgroup", proc->cgroup);
	JSON_STRING(w, "container_id", proc->container);
	JSON_STRING(w, "pod_uid", proc->pod);
	JSON(w, "}");
}

static void put_parents(struct put *w, const struct proc *parent)
{
	if (!parent)
		return;
	JSON(w, ",\"parents\":[");
	for (unsigned n = 0; parent && n < PROC_ANCESTORS; parent = parent->parent, n++) {
		if (n)
			JSON(w, ",");
		JSON(w, "{");
		JSON_FIRST(w, "pid", parent->pid);
		JSON_BYTES(w, "comm", parent->comm);
		JSON(w, "}");
	}
	JSON(w, "]");
}

static void put_exec(struct put *w, const struct event *ev)
{
	JSON(w, ",\"exec\":{");
	JSON_FIRST(w, "argv_bytes", ev->exec.argv_total);
	JSON_BYTES(w, "path", ev->exec.path);
	json_argv(w, ev->exec.argv);
	JSON_BYTES(w, "cwd", ev->exec.cwd);
	put_parents(w, ev->proc ? ev->proc->parent : NULL);
	JSON(w, "}");
}

static void put_exit(struct put *w, const struct event *ev)
{
	JSON(w, ",\"exit\":{");
	JSON_FIRST(w, "code", ev->exit.code);
	if (ev->exit.signal)
		JSON_NUMBER(w, "signal", ev->exit.signal);
	if (ev->exit.core)
		JSON(w, ",\"core_dumped\":true");
	JSON_NUMBER(w, "lifetime_ns", ev->exit.lifetime_ns);
	JSON(w, "}");
}

static void put_line(struct put *w, const struct event *ev)
{
	const struct event_line *line = &ev->line;

	if (line->duration_ns)
		JSON_NUMBER(w, "duration_ns", line->duration_ns);
	JSON(w, ",\"shell\":{");
	JSON_FIRST(w, "command_id", line->id);
	JSON_STRING(w, "shell", bytes_of(line->shell));
	JSON_BYTES(w, "command", line->text);
	JSON_BYTES(w, "expanded", line->expanded);
	JSON_BYTES(w, "cwd", line->cwd);
	JSON_BYTES(w, "tty", line->tty);
	if (line->has_status)
		JSON_SIGNED(w, "exit_code", line->status);
	JSON_DIGITS(w, "start_unix_nano", event_unix(ev, line->start_boot_ns));
	if (line->script)
		JSON(w, ",\"script\":true");
	JSON(w, "}");
}

static void put_flow(struct put *w, const struct flow *flow)
{
	JSON(w, ",\"conn\":{");
	JSON_HEX(w, "id", flow->id);
	if (flow->family) {
		JSON_ADDRESS(w, "local_addr", flow->family, flow->local);
		JSON_NUMBER(w, "local_port", flow->local_port);
		JSON_ADDRESS(w, "remote_addr", flow->family, flow->remote);
		JSON_NUMBER(w, "remote_port", flow->remote_port);
		JSON_NUMBER(w, "ip_proto", flow->ip_proto);
	}
	if (flow->netns)
		JSON_NUMBER(w, "netns_inum", flow->netns);
	if (flow->cookie)
		JSON_DIGITS(w, "socket_cookie", flow->cookie);
	if (flow->role)
		JSON_STRING(w, "role",
			    flow->role == FLOW_ROLE_CLIENT ? BYTES("client") : BYTES("server"));
	JSON(w, "}");
}

static void put_data(struct put *w, const struct event *ev)
{
	const struct event_data *data = &ev->data;

	put_flow(w, ev->flow);
	JSON_STRING(w, "direction",
		    data->direction == DIRECTION_TRANSMIT ? BYTES("transmit") : BYTES("receive"));
	JSON_NUMBER(w, "stream_offset", data->stream_offset);
	if (ev->flags & EVENT_F_TRUNCATED)
		JSON_NUMBER(w, "orig_len", data->call_total);
	JSON(w, ",\"tls_data\":{");
	JSON_FIRST(w, "call_offset", data->call_offset);
	JSON_NUMBER(w, "call_total", data->call_total);
	if (data->missing)
		JSON_NUMBER(w, "missing", data->missing);
	if (data->fin)
		JSON(w, ",\"fin\":true");
	JSON_STRING(w, "library", bytes_of(data->library));
	JSON_STRING(w, "protocol", bytes_of(event_protocol_name(ev->flow->protocol)));
	JSON_BYTES(w, "payload", data->payload);
	JSON(w, "}");
}

static void put_query(struct put *w, const struct event *ev)
{
	if (ev->flow)
		put_flow(w, ev->flow);
	jsonl_query(w, ev);
}

static void put_attach(struct put *w, const struct event *ev)
{
	const struct event_attach *attach = &ev->attach;

	JSON(w, ",\"attach\":{");
	JSON_FIRST(w, "offset", attach->offset);
	JSON_BYTES(w, "hook", attach->hook);
	JSON_BYTES(w, "target", attach->target);
	JSON_BYTES(w, "note", attach->note);
	if (attach->pid)
		JSON_NUMBER(w, "pid", attach->pid);
	JSON_SIGNED(w, "status", attach->status);
	JSON(w, "}");
}

static void put_loss(struct put *w, const struct event *ev)
{
	const struct event_loss *loss = &ev->loss;

	JSON(w, ",\"loss\":{");
	JSON_FIRST(w, "count", loss->count);
	JSON_STRING(w, "unit", loss->first_seq ? BYTES("events") : BYTES("records"));
	JSON_STRING(w, "probe", bytes_of(loss->probe));
	JSON_STRING(w, "reason", bytes_of(loss->reason));
	JSON_DIGITS(w, "first_unix_nano", event_unix(ev, loss->first_boot_ns));
	JSON_DIGITS(w, "last_unix_nano", event_unix(ev, loss->last_boot_ns));
	if (loss->first_seq) {
		JSON_NUMBER(w, "first_seq", loss->first_seq);
		JSON_NUMBER(w, "last_seq", loss->last_seq);
	}
	JSON(w, "}");
}

static void put_stats(struct put *w, const struct event *ev)
{
	const struct event_stats *stats = &ev->stats;

	JSON(w, ",\"stats\":{\"counters\":[");
	for (unsigned i = 0; i < stats->n; i++) {
		if (i)
			JSON(w, ",");
		JSON(w, "{");
		JSON_FIRST(w, "value", stats->v[i].value);
		JSON_STRING(w, "group", bytes_of(stats->v[i].group));
		JSON_STRING(w, "name", bytes_of(stats->v[i].name));
		JSON(w, "}");
	}
	JSON(w, "]");
	if (stats->final)
		JSON(w, ",\"final\":true");
	JSON(w, "}");
}

static void put_run(struct put *w, const struct event *ev, bool relay)
{
	const struct run *run = ev->run;

	JSON(w, ",\"stream_info\":{");
	JSON_FIRST(w, "pid", run->pid);
	json_id(w, ",\"host_id\":", run->host_id);
	json_id(w, ",\"boot_id\":", run->boot_id);
	JSON_STRING(w, "host_name", run->host);
	JSON_STRING(w, "os", run->os);
	JSON_STRING(w, "kernel", run->kernel);
	JSON_STRING(w, "arch", run->arch);
	JSON_STRING(w, "producer", BYTES("penstock"));
	JSON_STRING(w, "producer_version", run->version);
	JSON_STRING(w, "probes", bytes_of(run->probes));
	JSON_BYTES(w, "cmdline", run->cmdline);
	JSON_DIGITS(w, "run_id", run->run_id);
	if (relay)
		json_id(w, ",\"stream_id\":", run->stream_id);
	JSON(w, ",\"clock\":{");
	JSON_FIRST_DIGITS(w, "boot_ns", run->start_boot_ns);
	JSON_DIGITS(w, "unix_ns", run->start_unix_ns);
	JSON(w, "}}");
}

static int put_body(struct put *w, const struct event *ev, bool relay)
{
	switch (ev->kind) {
	case EVENT_META:
		put_run(w, ev, relay);
		return 0;
	case EVENT_EXEC:
		put_exec(w, ev);
		return 0;
	case EVENT_EXIT:
		put_exit(w, ev);
		return 0;
	case EVENT_LINE:
		put_line(w, ev);
		return 0;
	case EVENT_DATA:
		put_data(w, ev);
		return 0;
	case EVENT_ATTACH:
		put_attach(w, ev);
		return 0;
	case EVENT_LOSS:
		put_loss(w, ev);
		return 0;
	case EVENT_STATS:
		put_stats(w, ev);
		return 0;
	case EVENT_QUERY:
		put_query(w, ev);
		return 0;
	case EVENT_KINDS:
		break;
	}
	return -EOPNOTSUPP;
}

static void put_time(struct put *w, struct jsonl *x, uint64_t ns)
{
	uint64_t second = ns / 1000000000;
	uint8_t *p;

	if (!put_room(w, 2 * PUT_DATE + 2 * PUT_NUMBER + 32))
		return;
	if (second != x->second) {
		put_date(x->date, second);
		x->second = second;
	}
	p = PUT_LITERAL(w->p, "{\"time\":\"");
	p = put_mem(p, x->date, PUT_DATE);
	*p++ = '.';
	p = put_digits(p, ns % 1000000000, 9);
	p = PUT_LITERAL(p, "Z\",\"time_unix_nano\":\"");
	p = put_u64(p, ns);
	*p++ = '"';
	w->p = p;
}

static int jsonl_open(void *ctx, const void *cfg, const struct encoder_env *env, struct err *err)
{
	struct jsonl *x = ctx;

	x->second = UINT64_MAX;
	x->relay = env->relay;
	return 0;
}

static int jsonl_encode(void *ctx, const struct event *ev, struct out *out)
{
	struct put w = put_begin(out->tail);
	struct jsonl *x = ctx;
	int r;

	put_time(&w, x, ev->time_unix_ns);
	JSON_DIGITS(&w, "time_boot_ns", ev->time_boot_ns);
	JSON_NUMBER(&w, "seq", ev->seq);
	JSON_STRING(&w, "type", bytes_of(event_kind_name(ev->kind)));
	JSON_STRING(&w, "probe", bytes_of(ev->probe));
	if (ev->flags && put_room(&w, PUT_FLAGS + 16)) {
		w.p = put_flags(PUT_LITERAL(w.p, ",\"flags\":["), ev->flags, true);
		*w.p++ = ']';
	}
	if (ev->proc) {
		JSON_NUMBER(&w, "cpu", ev->cpu);
		put_process(&w, ev);
	}
	r = put_body(&w, ev, x->relay);
	if (r)
		return r;
	JSON(&w, "}\n");
	return put_end(&w, ev, out->tail);
}

static void jsonl_close(void *ctx)
{
}

const struct encoder_ops encoder_jsonl = {
	.name = "jsonl",
	.extension = "jsonl",
	.content_type = "application/x-ndjson",
	.summary = "one JSON object a line",
	.ctx_size = sizeof(struct jsonl),
	.open = jsonl_open,
	.encode = jsonl_encode,
	.close = jsonl_close,
};
