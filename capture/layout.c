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

	if (rec->kind != REC_EXEC && rec->kind != REC_LINE)
		return -ENOTSUP;
	ret->role = PART_TEXT;
	ret->ev.kind = rec->kind == REC_EXEC ? EVENT_EXEC : EVENT_LINE;
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

	ret->role = r->line_flags & (LINE_F_CONTINUED | LINE_F_EXPANDED) ? PART_TEXT : PART_BEGIN;
	ret->continues = r->line_flags & LINE_F_CONTINUED;
	ret->expanded = r->line_flags & LINE_F_EXPANDED;
	ret->awaits_end = true;
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

int layout_decode(const struct rec *rec, const char *probe, struct part *ret)
{
	static int (*const decoders[])(const struct rec *, struct part *) = {
		[REC_EXEC] = decode_exec, [REC_EXIT] = decode_exit,
		[REC_LINE] = decode_line, [REC_LINE_END] = decode_line_end,
		[REC_DATA] = decode_data,
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
		.first_unix_ns = r->first_ns,
		.last_unix_ns = r->last_ns,
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
