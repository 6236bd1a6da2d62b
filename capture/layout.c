/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/layout.h"

#include <errno.h>
#include <sys/socket.h>

#include "capture/stats.h"

bool layout_valid(const void *p, size_t n)
{
	const struct rec *rec = p;

	return n >= sizeof(*rec) && rec->len >= sizeof(*rec) && rec->len <= n &&
	       rec->len <= REC_MAX;
}

/* Walks the variable part: texts that follow each other from `data` to the end of the record. */
struct tail {
	const char *p, *end;
	bool bad;
};

static struct tail tail_begin(const struct rec *rec, size_t fixed)
{
	return (struct tail){(const char *)rec + fixed, (const char *)rec + rec->len, false};
}

static struct bytes tail_take(struct tail *t, size_t n)
{
	struct bytes b = {t->p, n};

	if (t->bad || n > (size_t)(t->end - t->p)) {
		t->bad = true;
		return (struct bytes){0};
	}
	t->p += n;
	return b;
}

static struct bytes tail_text(struct tail *t)
{
	const char *nul = t->bad ? NULL : memchr(t->p, 0, (size_t)(t->end - t->p));
	struct bytes b;

	if (!nul) {
		t->bad = true;
		return (struct bytes){0};
	}
	b = tail_take(t, (size_t)(nul - t->p));
	t->p++;
	return b;
}

static size_t rec_fixed_size(const struct rec *rec)
{
	if (rec->flags & REC_F_PART)
		return sizeof(struct rec_part);
	switch (rec->kind) {
	case REC_PROC:
		return sizeof(struct rec_proc);
	case REC_FORK:
		return sizeof(struct rec_fork);
	case REC_EXEC:
		return sizeof(struct rec_exec);
	case REC_EXIT:
		return sizeof(struct rec_exit);
	case REC_LINE:
		return sizeof(struct rec_line);
	case REC_LINE_END:
		return sizeof(struct rec_line_end);
	case REC_DATA:
		return sizeof(struct rec_data);
	case REC_QUERY:
		return sizeof(struct rec_query);
	case REC_QUERY_END:
		return sizeof(struct rec_query_end);
	case REC_QUERY_BIND:
		return sizeof(struct rec_query_bind);
	default:
		return 0;
	}
}

const struct rec_task *layout_task(const struct rec *rec)
{
	size_t fixed = rec_fixed_size(rec);

	if (!fixed || rec->len < fixed || rec->flags & REC_F_PART)
		return NULL;
	return (const struct rec_task *)(rec + 1);
}

static uint32_t rec_event_flags(const struct rec *rec)
{
	return (rec->flags & REC_F_TRUNCATED ? EVENT_F_TRUNCATED : 0) |
	       (rec->flags & REC_F_FAULT ? EVENT_F_FAULT : 0);
}

static int decode_part(const struct rec *rec, struct part *ret)
{
	const struct rec_part *r = (const void *)rec;
	struct tail t = tail_begin(rec, sizeof(*r));

	if (rec->kind != REC_EXEC && rec->kind != REC_LINE && rec->kind != REC_QUERY)
		return -ENOTSUP;
	ret->role = PART_TEXT;
	ret->ev.kind = rec->kind == REC_EXEC   ? EVENT_EXEC
		       : rec->kind == REC_LINE ? EVENT_LINE
					       : EVENT_QUERY;
	ret->last = !(rec->flags & REC_F_MORE);
	ret->offset = r->offset;
	ret->pid = r->pid;
	ret->id = r->id;
	ret->text = tail_take(&t, r->n);
	return t.bad ? -EBADMSG : 0;
}

static int decode_exec(const struct rec *rec, struct part *ret)
{
	const struct rec_exec *r = (const void *)rec;
	struct tail t = tail_begin(rec, sizeof(*r));

	ret->role = PART_BEGIN;
	ret->last = !(rec->flags & REC_F_MORE);
	ret->id = r->id;
	ret->ev.kind = EVENT_EXEC;
	ret->ev.exec.path = tail_take(&t, r->exe_len);
	ret->ev.exec.cwd = tail_take(&t, r->cwd_len);
	ret->text = ret->ev.exec.argv = tail_take(&t, r->args_len);
	ret->ev.exec.argv_total = r->args_total;
	return t.bad || r->args_total < r->args_len ? -EBADMSG : 0;
}

static int decode_exit(const struct rec *rec, struct part *ret)
{
	const struct rec_exit *r = (const void *)rec;

	ret->role = PART_WHOLE;
	ret->ev.kind = EVENT_EXIT;
	ret->ev.exit.signal = r->code & 0x7f;
	ret->ev.exit.core = r->code & 0x80;
	ret->ev.exit.code = r->code >> 8 & 0xff;
	ret->ev.exit.lifetime_ns = rec->time > r->task.start ? rec->time - r->task.start : 0;
	return 0;
}

static const char *shell_name(uint32_t shell)
{
	return shell == LINE_BASH ? "bash" : shell == LINE_ZSH ? "zsh" : NULL;
}

static int decode_line(const struct rec *rec, struct part *ret)
{
	const struct rec_line *r = (const void *)rec;
	struct tail t = tail_begin(rec, sizeof(*r));
	struct event_line *line = &ret->ev.line;

	ret->role = r->line_flags & (LINE_F_CONTINUED | LINE_F_EXPANDED | LINE_F_WHOLE)
			    ? PART_TEXT
			    : PART_BEGIN;
	ret->continues = r->line_flags & LINE_F_CONTINUED;
	ret->expanded = r->line_flags & LINE_F_EXPANDED;
	ret->whole = r->line_flags & LINE_F_WHOLE;
	line->script = r->line_flags & LINE_F_SCRIPT;
	ret->awaits_end = !line->script || r->line_flags & LINE_F_ENDS;
	ret->last = !(rec->flags & REC_F_MORE);
	ret->id = r->id;
	ret->ev.kind = EVENT_LINE;
	if (r->line_flags & LINE_F_INPROGRESS)
		ret->ev.flags |= EVENT_F_IN_PROGRESS;
	line->shell = r->shell ? shell_name(r->shell) : ret->ev.probe;
	line->id = r->id;
	line->tty = (struct bytes){r->tty, strnlen(r->tty, sizeof(r->tty))};
	line->cwd = tail_take(&t, r->cwd_len);
	ret->text = line->text = tail_take(&t, r->text_len);
	return t.bad || !line->shell ? -EBADMSG : 0;
}

static int decode_line_end(const struct rec *rec, struct part *ret)
{
	const struct rec_line_end *r = (const void *)rec;

	ret->role = PART_END;
	ret->id = r->id;
	ret->ev.kind = EVENT_LINE;
	ret->ev.line.status = r->status;
	ret->ev.line.has_status = true;
	return 0;
}

static const char *library_name(uint16_t library)
{
	static const char *const names[] = {[DATA_OPENSSL] = "openssl",
					    [DATA_GNUTLS] = "gnutls",
					    [DATA_NSS] = "nss",
					    [DATA_GO] = "go"};

	return library < sizeof(names) / sizeof(names[0]) ? names[library] : NULL;
}

static int decode_flow(const struct rec_flow *r, uint64_t id, struct flow *ret)
{
	*ret = (struct flow){.id = id,
			     .cookie = r->cookie,
			     .netns = r->netns,
			     .family = (uint8_t)r->family,
			     .ip_proto = (uint8_t)r->protocol,
			     .role = (enum flow_role)r->role,
			     .local_port = r->local_port,
			     .remote_port = r->remote_port};
	memcpy(ret->local, r->local, sizeof(ret->local));
	memcpy(ret->remote, r->remote, sizeof(ret->remote));
	if (r->role > REC_ROLE_SERVER)
		return -EBADMSG;
	return r->family == 0 || r->family == AF_INET || r->family == AF_INET6 ? 0 : -EBADMSG;
}

static int decode_data(const struct rec *rec, struct part *ret)
{
	const struct rec_data *r = (const void *)rec;
	struct tail t = tail_begin(rec, sizeof(*r));
	struct event_data *data = &ret->ev.data;

	ret->role = PART_WHOLE;
	ret->ev.kind = EVENT_DATA;
	ret->ev.flow = &ret->flow;
	data->payload = tail_take(&t, r->n);
	data->stream_offset = r->stream_offset;
	data->call_offset = r->call_offset;
	data->call_total = r->call_total;
	data->direction = r->direction == DATA_TRANSMIT ? DIRECTION_TRANSMIT : DIRECTION_RECEIVE;
	data->library = library_name(r->library);
	data->fin = r->data_flags & DATA_F_FIN;
	data->late = r->data_flags & DATA_F_LATE;
	if (r->data_flags & DATA_F_UNSEEN)
		ret->ev.flags |= EVENT_F_UNSEEN;
	if (t.bad || !data->library || r->direction < DATA_TRANSMIT || r->direction > DATA_RECEIVE)
		return -EBADMSG;
	if (r->stream_offset > UINT64_MAX - r->call_total - r->n) /* no stream is so long */
		return -EBADMSG;
	return decode_flow(&r->flow, r->conn, &ret->flow);
}

/* A text in a field of fixed size. */
static struct bytes field_text(const char *p, size_t size)
{
	return (struct bytes){p, strnlen(p, size)};
}

#define FIELD(array) field_text(array, sizeof(array))

static const char *name_of(const char *const *names, size_t n, unsigned number)
{
	return number < n ? names[number] : NULL;
}

#define NAME_OF(names, number) name_of(names, sizeof(names) / sizeof((names)[0]), number)

static int decode_query(const struct rec *rec, struct part *ret)
{
	static const char *const systems[] = {
		[QUERY_MYSQL] = "mysql", [QUERY_POSTGRES] = "postgresql"};
	static const char *const sides[] = {[QUERY_SERVER] = "server", [QUERY_CLIENT] = "client"};
	static const char *const commands[QUERY_COMMAND_MAX] = {
		[QUERY_TEXT] = "query",
		[QUERY_PREPARE] = "prepare",
		[QUERY_BIND] = "bind",
		[QUERY_EXECUTE] = "execute",
		[QUERY_STATEMENT] = "statement",
		[QUERY_DATABASE] = "database",
		[QUERY_CHANGE_USER] = "change_user",
		[QUERY_CALL] = "call",
	};
	const struct rec_query *r = (const void *)rec;
	const struct rec_session *s = &r->session;
	struct tail t = tail_begin(rec, sizeof(*r));

	ret->role = PART_BEGIN;
	ret->awaits_end = true;
	ret->last = !(rec->flags & REC_F_MORE);
	ret->id = r->id;
	ret->ev.kind = EVENT_QUERY;
	ret->ev.flow = &ret->flow;
	if (r->query_flags & QUERY_F_LATE)
		ret->ev.flags |= EVENT_F_IN_PROGRESS;
	ret->ev.query = (struct event_query){
		.system = NAME_OF(systems, r->system),
		.side = NAME_OF(sides, r->side),
		.command = NAME_OF(commands, r->command),
		.id = r->id,
		.outer = r->outer,
		.session = s->number,
		.statement_id = r->statement,
		.statement_name = FIELD(r->name),
		.text_total = r->text_total,
		.user = FIELD(s->user),
		.database = FIELD(s->database),
		.client = FIELD(s->client),
		.application = FIELD(s->application),
		.params = {.raw = tail_take(&t, r->params_len),
			   .format = (uint8_t)r->params_format,
			   .cut = r->query_flags & QUERY_F_PARAMS_CUT},
	};
	ret->text = tail_take(&t, r->text_len);
	if (t.bad || !ret->ev.query.system || !ret->ev.query.side || !ret->ev.query.command ||
	    r->params_format > QUERY_PARAMS_MYSQL_NAMED || r->params_len > QUERY_PARAMS_MAX)
		return -EBADMSG;
	return decode_flow(&s->flow, s->conn, &ret->flow);
}

static int decode_query_end(const struct rec *rec, struct part *ret)
{
	const struct rec_query_end *r = (const void *)rec;
	struct tail t = tail_begin(rec, sizeof(*r));

	ret->role = PART_END;
	ret->id = r->id;
	ret->ev.kind = EVENT_QUERY;
	ret->ev.query = (struct event_query){
		.rows = r->rows,
		.has_rows = r->end_flags & QUERY_END_ROWS,
		.rows_sent = r->rows_sent,
		.has_rows_sent = r->end_flags & QUERY_END_SENT,
		.failed = r->end_flags & QUERY_END_ERROR,
		.error = r->error,
		.results = r->results,
		.warnings = r->warnings,
		.sqlstate = FIELD(r->sqlstate),
		.message = tail_take(&t, r->message_len),
	};
	return t.bad ? -EBADMSG : 0;
}

static int decode_query_bind(const struct rec *rec, struct part *ret)
{
	const struct rec_query_bind *r = (const void *)rec;
	struct tail t = tail_begin(rec, sizeof(*r));

	if (r->types_n > QUERY_TYPES_MAX || r->n > QUERY_PARAMS_MAX || r->n > r->total)
		return -EBADMSG;
	ret->role = PART_CONTEXT;
	ret->id = r->conn;
	ret->ev.kind = EVENT_QUERY;
	ret->ev.query.statement_name = FIELD(r->name);
	ret->ev.query.params =
		(struct query_params){.format = QUERY_PARAMS_POSTGRES, .cut = r->n < r->total};
	/* one after the other: an initialiser would take them in any order */
	ret->ev.query.params.types = tail_take(&t, 4 * r->types_n);
	ret->ev.query.params.raw = tail_take(&t, r->n);
	return t.bad ? -EBADMSG : 0;
}

int layout_decode(const struct rec *rec, const char *probe, struct part *ret)
{
	static int (*const decoders[])(const struct rec *, struct part *) = {
		[REC_EXEC] = decode_exec,           [REC_EXIT] = decode_exit,
		[REC_LINE] = decode_line,           [REC_LINE_END] = decode_line_end,
		[REC_DATA] = decode_data,           [REC_QUERY] = decode_query,
		[REC_QUERY_END] = decode_query_end, [REC_QUERY_BIND] = decode_query_bind,
	};
	size_t fixed = rec_fixed_size(rec);

	if (!fixed)
		return -ENOTSUP;
	if (rec->len < fixed)
		return -EMSGSIZE;
	*ret = (struct part){.ev = {.probe = probe, .flags = rec_event_flags(rec)}};
	if (rec->flags & REC_F_PART)
		return decode_part(rec, ret);
	if (rec->kind >= sizeof(decoders) / sizeof(decoders[0]) || !decoders[rec->kind])
		return -ENOTSUP;
	ret->task = layout_task(rec);
	ret->pid = ret->task->pid;
	ret->ev.tid = ret->task->tid;
	ret->ev.cpu = ret->task->cpu;
	return decoders[rec->kind](rec, ret);
}

enum {
	RUN_MOST =
		12 * 1024 /* twice what any penstock writes: what opens a generation is bounded */
};

int layout_run(const struct rec *rec, struct run *ret, uint64_t ret_probes[4])
{
	const struct rec_run *r = (const void *)rec;
	struct run run = {.pid = 0};
	struct tail t;

	if (rec->len < sizeof(*r) || rec->len > RUN_MOST)
		return -EMSGSIZE;
	if (r->version > REC_VERSION)
		return -EPROTO;
	t = tail_begin(rec, sizeof(*r));
	memcpy(run.boot_id, r->boot_id, sizeof(run.boot_id));
	memcpy(run.host_id, r->host_id, sizeof(run.host_id));
	run.run_id = r->run_id;
	run.pid = r->pid;
	run.start_boot_ns = rec->time;
	run.host = tail_text(&t);
	run.os = tail_text(&t);
	run.kernel = tail_text(&t);
	run.arch = tail_text(&t);
	run.version = tail_text(&t);
	run.cmdline = tail_text(&t);
	if (t.bad)
		return -EBADMSG;
	memcpy(ret_probes, r->probes, sizeof(r->probes));
	*ret = run;
	return 0;
}

int layout_attach(const struct rec *rec, struct event_attach *ret)
{
	const struct rec_attach *r = (const void *)rec;
	struct event_attach attach;
	struct tail t;

	if (rec->len < sizeof(*r))
		return -EMSGSIZE;
	t = tail_begin(rec, sizeof(*r));
	attach = (struct event_attach){.offset = r->offset, .pid = r->pid, .status = r->status};
	attach.hook = tail_take(&t, r->hook_len);
	attach.target = tail_take(&t, r->target_len);
	attach.note = tail_take(&t, r->note_len);
	if (t.bad)
		return -EBADMSG;
	*ret = attach;
	return 0;
}

static const char *loss_reason(struct bytes name)
{
	for (unsigned i = 0; i < OSTAT_MAX; i++)
		if (stats_output_rows[i].loss &&
		    bytes_eq(name, bytes_of(stats_output_rows[i].name)))
			return stats_output_rows[i].name;
	for (unsigned i = 0; i < REASON_MAX; i++)
		if (bytes_eq(name, bytes_of(stats_reason_rows[i].name)))
			return stats_reason_rows[i].name;
	return "unknown";
}

int layout_loss(const struct rec *rec, struct event_loss *ret)
{
	const struct rec_loss *r = (const void *)rec;

	if (rec->len < sizeof(*r))
		return -EMSGSIZE;
	if (r->reason_len > rec->len - sizeof(*r))
		return -EBADMSG;
	*ret = (struct event_loss){
		.probe = "recording",
		.reason = loss_reason((struct bytes){r->data, r->reason_len}),
		.count = r->count,
		.first_boot_ns = r->first_ns,
		.last_boot_ns = r->last_ns,
	};
	return 0;
}

int layout_proc(const struct rec *rec, struct layout_proc *ret)
{
	struct layout_proc proc = {.task = layout_task(rec)};
	struct tail t;

	if (!proc.task)
		return -EMSGSIZE;
	if (rec->kind == REC_PROC) {
		const struct rec_proc *r = (const void *)rec;

		t = tail_begin(rec, sizeof(*r));
		proc.exe = tail_take(&t, r->exe_len);
		proc.cwd = tail_take(&t, r->cwd_len);
		proc.cgroup = tail_take(&t, r->cgroup_len);
		proc.cmdline = tail_take(&t, r->cmdline_len);
	} else if (rec->kind == REC_EXEC) {
		const struct rec_exec *r = (const void *)rec;

		t = tail_begin(rec, sizeof(*r));
		proc.exe = tail_take(&t, r->exe_len);
		proc.cwd = tail_take(&t, r->cwd_len);
		proc.cmdline = tail_take(&t, r->args_len);
	} else {
		t = (struct tail){.bad = false};
	}
	if (t.bad)
		return -EBADMSG;
	*ret = proc;
	return 0;
}
