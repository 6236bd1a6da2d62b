/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/otlp/record.h"

#include <stdio.h>
#include <string.h>

#include "encoders/otlp/attribute.h"
#include "encoders/otlp/query.h"

/* Fields of ScopeLogs, LogRecord and KeyValueList. */
enum {
	SCOPE_RECORDS = 2,
	RECORD_TIME = 1,
	RECORD_SEVERITY = 2,
	RECORD_SEVERITY_TEXT = 3,
	RECORD_BODY = 5,
	RECORD_ATTRIBUTES = 6,
	RECORD_OBSERVED = 11,
	RECORD_NAME = 12,
	KVLIST_VALUES = 1, /* of the KeyValueList that is a body */
};

enum {
	SEVERITY_INFO = 9,
	SEVERITY_WARN = 13,
	SEVERITY_ERROR = 17
};

enum {
	RECORD_BASE = 4096, /* more than all attributes together, but for texts of others */
	PARENT_ROOM = 160,
	COUNTER_ROOM = ATTRIBUTE_ROOM,
};

/* ---- size ---------------------------------------------------------------------------------- */

static void size_add(struct record_size *size, struct bytes text)
{
	size->texts += text.n;
}

static void size_add_args(struct record_size *size, struct bytes block)
{
	size->texts += block.n ? block.n - 1 : 0;
	size->most += attribute_texts_size(block);
}

static void size_add_process(struct record_size *size, const struct event *ev)
{
	const struct proc *proc = ev->proc, *parent = proc->parent;

	size_add(size, proc->comm);
	size_add(size, proc->exe);
	size_add(size, proc->exe); /* its last part is there twice */
	size_add(size, proc->container);
	size_add(size, proc->pod);
	if (!ev->proc_first)
		return;
	size_add(size, proc->cgroup);
	size_add(size, proc->cwd);
	size_add_args(size, proc->cmdline);
	for (unsigned n = 0; parent && n < PROC_ANCESTORS; parent = parent->parent, n++) {
		size->most += PARENT_ROOM;
		size_add(size, parent->comm);
		size_add(size, parent->exe);
	}
}

static void size_add_counters(struct record_size *size, const struct event_stats *stats)
{
	for (unsigned i = 0; i < stats->n; i++) {
		size->most += COUNTER_ROOM;
		size->texts += strlen(stats->v[i].group) + strlen(stats->v[i].name);
	}
}

static void size_add_query(struct record_size *size, const struct event_query *q)
{
	size_t texts;

	size->most += otlp_query_size(q, &texts);
	size->texts += texts;
}

static void size_add_body(struct record_size *size, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_EXEC:
		size_add(size, ev->exec.path);
		size_add(size, ev->exec.cwd);
		size_add_args(size, ev->exec.argv);
		break;
	case EVENT_LINE:
		size_add(size, ev->line.text);
		size_add(size, ev->line.expanded);
		size_add(size, ev->line.tty);
		size_add(size, ev->line.cwd);
		break;
	case EVENT_DATA:
		size_add(size, ev->data.payload);
		break;
	case EVENT_ATTACH:
		size_add(size, ev->attach.hook);
		size_add(size, ev->attach.target);
		size_add(size, ev->attach.note);
		break;
	case EVENT_LOSS:
		size_add(size, bytes_of(ev->loss.probe));
		size_add(size, bytes_of(ev->loss.reason));
		break;
	case EVENT_STATS:
		size_add_counters(size, &ev->stats);
		break;
	case EVENT_QUERY:
		size_add_query(size, &ev->query);
		break;
	case EVENT_META:
	case EVENT_EXIT:
	case EVENT_KINDS:
		break;
	}
}

struct record_size record_size(const struct event *ev)
{
	struct record_size size = {.most = RECORD_BASE};

	if (ev->proc)
		size_add_process(&size, ev);
	size_add_body(&size, ev);
	size.most += size.texts;
	return size;
}

/* ---- bodies and what belongs to a kind ----------------------------------------------------- */

/* A body of type string where it can be one. */
static uint8_t *record_text(uint8_t *p, enum attribute_type type, struct bytes text)
{
	if (!text.n)
		return p;
	p = pb_write_tag(p, RECORD_BODY, PB_WRITE_LENGTH);
	return pb_write_item(pb_write_varint(p, attribute_text_size(text.n)), type, text);
}

static uint8_t *record_counters(uint8_t *p, const struct event_stats *stats)
{
	struct attributes a = {.field = KVLIST_VALUES};
	struct pb_write_message value, list;

	p = pb_write_begin(pb_write_tag(p, RECORD_BODY, PB_WRITE_LENGTH), 4096, &value);
	a.p = pb_write_begin(pb_write_tag(p, ATTRIBUTE_KVLIST, PB_WRITE_LENGTH), 4096, &list);
	for (unsigned i = 0; i < stats->n; i++) {
		const struct event_counter *counter = &stats->v[i];
		char name[256];
		int n = snprintf(name, sizeof(name), "%s.%s", counter->group, counter->name);
		struct bytes key = {name, n < (int)sizeof(name) ? (size_t)n : sizeof(name) - 1};

		attribute_count(&a, key, counter->value);
	}
	return pb_write_end(pb_write_end(a.p, &list), &value);
}

static uint8_t *record_body(uint8_t *p, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_LINE:
		return record_text(p, attribute_type_of(ev->line.text), ev->line.text);
	case EVENT_DATA:
		return record_text(p, ATTRIBUTE_BYTES, ev->data.payload);
	case EVENT_STATS:
		return record_counters(p, &ev->stats);
	case EVENT_QUERY:
		return record_text(p, attribute_type_of(ev->query.text), ev->query.text);
	case EVENT_META:
	case EVENT_EXEC:
	case EVENT_EXIT:
	case EVENT_ATTACH:
	case EVENT_LOSS:
	case EVENT_KINDS:
		break;
	}
	return p;
}

static void record_exec(struct attributes *a, const struct event_exec *exec)
{
	attribute_text(a, BYTES("penstock.exec.path"), exec->path);
	attribute_texts(a, BYTES("process.command_args"), exec->argv);
	attribute_count(a, BYTES("penstock.exec.argv_bytes"), exec->argv_total);
	attribute_text(a, BYTES("process.working_directory"), exec->cwd);
}

static void record_exit(struct attributes *a, const struct event_exit *exit)
{
	attribute_int(a, BYTES("process.exit.code"), exit->code);
	if (exit->signal)
		attribute_int(a, BYTES("penstock.exit.signal"), exit->signal);
	if (exit->core)
		attribute_true(a, BYTES("penstock.exit.core_dumped"));
	attribute_count(a, BYTES("penstock.exit.lifetime_ns"), exit->lifetime_ns);
}

static void record_line(struct attributes *a, const struct event *ev)
{
	const struct event_line *line = &ev->line;

	attribute_own(a, BYTES("penstock.shell.name"), bytes_of(line->shell));
	attribute_count(a, BYTES("penstock.shell.command_id"), line->id);
	attribute_text(a, BYTES("penstock.shell.expanded"), line->expanded);
	attribute_text(a, BYTES("penstock.shell.tty"), line->tty);
	attribute_text(a, BYTES("process.working_directory"), line->cwd);
	attribute_count(a, BYTES("penstock.shell.start_unix_nano"),
			event_unix(ev, line->start_boot_ns));
	attribute_count(a, BYTES("penstock.shell.duration_ns"), line->duration_ns);
	if (line->has_status)
		attribute_int(a, BYTES("penstock.shell.exit_code"), line->status);
}

/* How the stream stood is in no record: whoever has the offsets of all of them knows. */
static void record_data(struct attributes *a, const struct event_data *data)
{
	if (data->direction)
		attribute_own(a, BYTES("network.io.direction"),
			      data->direction == DIRECTION_TRANSMIT ? BYTES("transmit")
								    : BYTES("receive"));
	attribute_count(a, BYTES("penstock.stream_offset"), data->stream_offset);
	attribute_count(a, BYTES("penstock.call_offset"), data->call_offset);
	attribute_count(a, BYTES("penstock.orig_len"), data->call_total);
	if (data->missing)
		attribute_count(a, BYTES("penstock.missing"), data->missing);
	if (data->repeated)
		attribute_count(a, BYTES("penstock.repeated"), data->repeated);
	if (data->unseen)
		attribute_count(a, BYTES("penstock.unseen"), data->unseen);
	attribute_count(a, BYTES("penstock.stream_begin"), data->begin);
	attribute_count(a, BYTES("penstock.stream_end"), data->end);
	attribute_count(a, BYTES("penstock.peer_stream_end"), data->peer_end);
	attribute_own(a, BYTES("penstock.tls.library"), bytes_of(data->library));
	if (data->fin)
		attribute_true(a, BYTES("penstock.fin"));
	if (data->late)
		attribute_true(a, BYTES("penstock.late"));
}

static void record_attach(struct attributes *a, const struct event_attach *attach)
{
	attribute_text(a, BYTES("penstock.attach.hook"), attach->hook);
	attribute_text(a, BYTES("penstock.attach.target"), attach->target);
	attribute_text(a, BYTES("penstock.attach.note"), attach->note);
	attribute_count(a, BYTES("penstock.attach.offset"), attach->offset);
	if (attach->pid)
		attribute_int(a, BYTES("penstock.attach.pid"), attach->pid);
	attribute_int(a, BYTES("penstock.attach.status"), attach->status);
	if (attach->status)
		attribute_own(a, BYTES("error.type"), bytes_of(strerrorname_np(-attach->status)));
}

static void record_loss(struct attributes *a, const struct event *ev)
{
	const struct event_loss *loss = &ev->loss;

	attribute_own(a, BYTES("penstock.loss.probe"), bytes_of(loss->probe));
	attribute_own(a, BYTES("penstock.loss.reason"), bytes_of(loss->reason));
	attribute_count(a, BYTES("penstock.loss.count"), loss->count);
	attribute_own(a, BYTES("penstock.loss.unit"),
		      loss->first_seq ? BYTES("events") : BYTES("records"));
	attribute_count(a, BYTES("penstock.loss.first_unix_nano"),
			event_unix(ev, loss->first_boot_ns));
	attribute_count(a, BYTES("penstock.loss.last_unix_nano"),
			event_unix(ev, loss->last_boot_ns));
	if (!loss->first_seq)
		return;
	attribute_count(a, BYTES("penstock.loss.first_seq"), loss->first_seq);
	attribute_count(a, BYTES("penstock.loss.last_seq"), loss->last_seq);
}

static void record_kind(struct attributes *a, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_EXEC:
		record_exec(a, &ev->exec);
		break;
	case EVENT_EXIT:
		record_exit(a, &ev->exit);
		break;
	case EVENT_LINE:
		record_line(a, ev);
		break;
	case EVENT_DATA:
		record_data(a, &ev->data);
		break;
	case EVENT_ATTACH:
		record_attach(a, &ev->attach);
		break;
	case EVENT_LOSS:
		record_loss(a, ev);
		break;
	case EVENT_STATS:
		if (ev->stats.final)
			attribute_true(a, BYTES("penstock.stats.final"));
		break;
	case EVENT_QUERY:
		otlp_query_attributes(a, ev);
		break;
	case EVENT_META:
	case EVENT_KINDS:
		break;
	}
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void record_flags(struct attributes *a, uint32_t flags)
{
	char names[PUT_FLAGS];
	size_t n = (size_t)(put_flags((uint8_t *)names, flags, false) - (uint8_t *)names);

	for (size_t i = 0; i < n; i++)
		if (names[i] == ',')
			names[i] = '\0';
	attribute_texts(a, BYTES("penstock.flags"), (struct bytes){names, n});
}

static void record_attributes(struct attributes *a, const struct event *ev,
			      struct about_times *times)
{
	attribute_count(a, BYTES("penstock.seq"), ev->seq);
	attribute_own(a, BYTES("penstock.probe"), bytes_of(ev->probe));
	attribute_count(a, BYTES("penstock.time_boot_ns"), ev->time_boot_ns);
	if (ev->flags)
		record_flags(a, ev->flags);
	if (ev->proc) {
		attribute_int(a, BYTES("thread.id"), ev->tid);
		attribute_int(a, BYTES("cpu.logical_number"), ev->cpu);
		about_process(a, ev, times);
	}
	if (ev->flow)
		about_flow(a, ev->flow);
	record_kind(a, ev);
}

static unsigned record_severity(const struct event *ev)
{
	if (ev->kind == EVENT_QUERY && ev->query.failed)
		return SEVERITY_ERROR;
	if (ev->kind == EVENT_LOSS || (ev->kind == EVENT_ATTACH && ev->attach.status))
		return SEVERITY_WARN;
	return SEVERITY_INFO;
}

static struct bytes severity_text(unsigned severity)
{
	if (severity == SEVERITY_ERROR)
		return BYTES("ERROR");
	return severity == SEVERITY_WARN ? BYTES("WARN") : BYTES("INFO");
}

static uint8_t *record_name(uint8_t *p, enum event_kind kind)
{
	static const struct bytes names[] = {
#define EVENT_KIND(sym, name, help) {"penstock." name, sizeof("penstock." name) - 1},
#include "capture/events.def"
#undef EVENT_KIND
	};

	return pb_write_item(p, RECORD_NAME, names[kind]);
}

uint8_t *record_put(uint8_t *p, const struct event *ev, const struct record_size *size,
		    struct about_times *times)
{
	unsigned severity = record_severity(ev);
	struct pb_write_message record;
	struct attributes a = {.field = RECORD_ATTRIBUTES};

	p = pb_write_begin(pb_write_tag(p, SCOPE_RECORDS, PB_WRITE_LENGTH), size->texts + 600,
			   &record);
	p = pb_write_fixed(p, RECORD_TIME, ev->time_unix_ns);
	p = pb_write_number(p, RECORD_SEVERITY, severity);
	p = pb_write_item(p, RECORD_SEVERITY_TEXT, severity_text(severity));
	a.p = record_body(p, ev);
	record_attributes(&a, ev, times);
	p = pb_write_fixed(a.p, RECORD_OBSERVED, ev->time_unix_ns);
	return pb_write_end(record_name(p, ev->kind), &record);
}
