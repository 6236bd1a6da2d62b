/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/pcapng/journal.h"

#include <ctype.h>
#include <string.h>

#include "capture/base/utf8.h"
#include "capture/stats.h"
#include "encoders/pcapng/block.h"
#include "encoders/pcapng/journal_field.h"
#include "encoders/pcapng/journal_query.h"

enum {
	ROW_FIXED = 2048, /* names, numbers and words of any row */
	ROW_PARENT = 64,  /* "comm(pid) < " */
	ROW_COUNTER = 2 * 128,
	ROW_COUNTER_NAME = 48,
};

enum priority {
	PRIORITY_WARNING = 4,
	PRIORITY_NOTICE = 5,
	PRIORITY_INFO = 6
};

static uint8_t *put_args(uint8_t *p, struct bytes args, size_t limit)
{
	return put_joined(p, utf8_cut(args, limit));
}

static uint8_t *args_field(uint8_t *p, struct bytes args)
{
	uint8_t *value;

	if (!args.n)
		return p;
	value = OPEN(p, "_CMDLINE");
	return journal_field_close(value, put_args(value, args, PCAPNG_JOURNAL_TEXT));
}

static uint8_t *parents_field(uint8_t *p, const struct proc *parent)
{
	uint8_t *value = OPEN(p, "PENSTOCK_PARENTS");
	unsigned n = 0;

	p = value;
	for (; parent && n < PROC_ANCESTORS; parent = parent->parent, n++) {
		if (n)
			p = PUT_LITERAL(p, " < ");
		p = put_bytes(p, utf8_cut(parent->comm, 16));
		*p++ = '(';
		p = put_u64(p, parent->pid);
		*p++ = ')';
	}
	return journal_field_close(value, p);
}

static uint8_t *process_fields(uint8_t *p, const struct event *ev)
{
	const struct proc *proc = ev->proc;

	p = NUMBER(p, "_PID", proc->pid);
	p = NUMBER(p, "_UID", proc->uid);
	p = NUMBER(p, "_GID", proc->gid);
	p = TEXT(p, "_COMM", proc->comm, PCAPNG_JOURNAL_NAME);
	p = TEXT(p, "_EXE", proc->exe, PCAPNG_JOURNAL_NAME);
	p = args_field(p, ev->kind == EVENT_EXEC ? ev->exec.argv : proc->cmdline);
	if (proc->loginuid != UINT32_MAX)
		p = NUMBER(p, "_AUDIT_LOGINUID", proc->loginuid);
	p = TEXT(p, "_SYSTEMD_CGROUP", proc->cgroup, PCAPNG_JOURNAL_NAME);
	if (ev->tid)
		p = NUMBER(p, "PENSTOCK_TID", ev->tid);
	p = NUMBER(p, "PENSTOCK_PPID", proc->ppid);
	if (proc->parent)
		p = parents_field(p, proc->parent);
	p = TEXT(p, "PENSTOCK_CONTAINER_ID", proc->container, PCAPNG_JOURNAL_NAME);
	return TEXT(p, "PENSTOCK_POD_UID", proc->pod, PCAPNG_JOURNAL_NAME);
}

static uint8_t *exec_fields(uint8_t *p, const struct event *ev)
{
	uint8_t *value = OPEN(p, "MESSAGE");

	p = put_args(PUT_LITERAL(value, "exec: "), ev->exec.argv, PCAPNG_JOURNAL_TEXT);
	p = journal_field_close(value, p);
	p = TEXT(p, "PENSTOCK_PATH", ev->exec.path, PCAPNG_JOURNAL_NAME);
	if (ev->exec.argv_total > ev->exec.argv.n)
		p = NUMBER(p, "PENSTOCK_ARGV_BYTES", ev->exec.argv_total);
	return TEXT(p, "PENSTOCK_CWD", ev->exec.cwd, PCAPNG_JOURNAL_NAME);
}

static uint8_t *exit_fields(uint8_t *p, const struct event *ev)
{
	uint8_t *value = OPEN(p, "MESSAGE");

	p = PUT_LITERAL(value, "exit: ");
	if (ev->proc)
		p = put_bytes(p, utf8_cut(ev->proc->comm, PCAPNG_JOURNAL_NAME));
	if (ev->exit.signal)
		p = put_signal(PUT_LITERAL(p, " killed by "), ev->exit.signal);
	else
		p = put_u64(PUT_LITERAL(p, " status "), ev->exit.code);
	if (ev->exit.core)
		p = PUT_LITERAL(p, ", core dumped,");
	p = PUT_LITERAL(put_seconds(PUT_LITERAL(p, " after "), ev->exit.lifetime_ns), " s");
	p = journal_field_close(value, p);
	if (ev->exit.signal)
		p = NUMBER(p, "PENSTOCK_SIGNAL", ev->exit.signal);
	else
		p = NUMBER(p, "PENSTOCK_EXIT_STATUS", ev->exit.code);
	if (ev->exit.core)
		p = NUMBER(p, "PENSTOCK_CORE_DUMPED", 1);
	return journal_field_end(put_seconds(OPEN(p, "PENSTOCK_DURATION"), ev->exit.lifetime_ns));
}

/* MESSAGE is the command as it was typed, so that what one sees and searches is one thing. */
static uint8_t *line_fields(uint8_t *p, const struct event *ev)
{
	const struct event_line *line = &ev->line;

	p = TEXT(p, "MESSAGE", line->text, PCAPNG_JOURNAL_TEXT);
	p = TEXT(p, "PENSTOCK_EXPANDED", line->expanded, PCAPNG_JOURNAL_TEXT);
	p = TEXT(p, "PENSTOCK_SHELL", bytes_of(line->shell), PCAPNG_JOURNAL_NAME);
	p = NUMBER(p, "PENSTOCK_COMMAND_ID", line->id);
	p = TEXT(p, "PENSTOCK_TTY", line->tty, PCAPNG_JOURNAL_NAME);
	p = TEXT(p, "PENSTOCK_CWD", line->cwd, PCAPNG_JOURNAL_NAME);
	p = NUMBER(p, "PENSTOCK_START", event_unix(ev, line->start_boot_ns));
	if (line->script)
		p = NUMBER(p, "PENSTOCK_SCRIPT", 1);
	if (!(ev->flags & EVENT_F_UNFINISHED))
		p = journal_field_end(put_seconds(OPEN(p, "PENSTOCK_DURATION"), line->duration_ns));
	if (line->has_status)
		p = journal_field_end(put_i64(OPEN(p, "PENSTOCK_EXIT_STATUS"), line->status));
	return p;
}

static uint8_t *attach_fields(uint8_t *p, const struct event *ev)
{
	const struct event_attach *attach = &ev->attach;
	uint8_t *value = OPEN(p, "MESSAGE");

	p = attach->status ? PUT_LITERAL(value, "not attached: ")
			   : PUT_LITERAL(value, "attached: ");
	p = put_bytes(p, utf8_cut(attach->hook, PCAPNG_JOURNAL_NAME));
	p = put_bytes(PUT_LITERAL(p, " in "), utf8_cut(attach->target, PCAPNG_JOURNAL_NAME));
	p = journal_field_close(value, p);
	return TEXT(p, "PENSTOCK_NOTE", attach->note, PCAPNG_JOURNAL_NAME);
}

static uint8_t *loss_fields(uint8_t *p, const struct event *ev)
{
	const struct event_loss *loss = &ev->loss;
	uint8_t *value = OPEN(p, "MESSAGE");

	p = put_u64(PUT_LITERAL(value, "lost "), loss->count);
	p = loss->first_seq ? PUT_LITERAL(p, " events (") : PUT_LITERAL(p, " records (");
	p = put_bytes(p, utf8_cut(bytes_of(loss->probe), 64));
	p = put_bytes(PUT_LITERAL(p, " "), utf8_cut(bytes_of(loss->reason), 64));
	p = PUT_LITERAL(p, "): ");
	p = put_bytes(p, utf8_cut(bytes_of(stats_help(loss->reason)), 256));
	p = journal_field_close(value, p);
	p = TEXT(p, "PENSTOCK_LOSS_REASON", bytes_of(loss->reason), 64);
	p = NUMBER(p, "PENSTOCK_LOSS_COUNT", loss->count);
	p = NUMBER(p, "PENSTOCK_LOSS_FIRST", event_unix(ev, loss->first_boot_ns));
	p = NUMBER(p, "PENSTOCK_LOSS_LAST", event_unix(ev, loss->last_boot_ns));
	if (!loss->first_seq)
		return p;
	p = NUMBER(p, "PENSTOCK_LOSS_FIRST_SEQ", loss->first_seq);
	return NUMBER(p, "PENSTOCK_LOSS_LAST_SEQ", loss->last_seq);
}

/* Field names of the journal are upper-case letters, digits and underscores. */
static uint8_t *put_field_name(uint8_t *p, const char *name)
{
	for (unsigned i = 0; name[i] && i < ROW_COUNTER_NAME; i++)
		*p++ = isalnum((unsigned char)name[i]) ? toupper((unsigned char)name[i]) : '_';
	return p;
}

static uint8_t *stats_fields(uint8_t *p, const struct event *ev)
{
	const struct event_stats *stats = &ev->stats;
	unsigned n = stats->n < PCAPNG_JOURNAL_STATS ? stats->n : PCAPNG_JOURNAL_STATS;
	uint8_t *value = OPEN(p, "MESSAGE");

	p = stats->final ? PUT_LITERAL(value, "statistics of the whole run:")
			 : PUT_LITERAL(value, "statistics:");
	for (unsigned i = 0; i < n; i++) {
		if (!stats->v[i].value)
			continue;
		*p++ = ' ';
		p = put_bytes(p, utf8_cut(bytes_of(stats->v[i].group), ROW_COUNTER_NAME));
		*p++ = '.';
		p = put_bytes(p, utf8_cut(bytes_of(stats->v[i].name), ROW_COUNTER_NAME));
		*p++ = '=';
		p = put_u64(p, stats->v[i].value);
	}
	p = journal_field_close(value, p);
	for (unsigned i = 0; i < n; i++) {
		p = put_field_name(PUT_LITERAL(p, "PENSTOCK_STATS_"), stats->v[i].group);
		*p++ = '_';
		p = put_field_name(p, stats->v[i].name);
		*p++ = '=';
		p = journal_field_end(put_u64(p, stats->v[i].value));
	}
	return p;
}

static uint8_t *meta_fields(uint8_t *p, const struct event *ev)
{
	const struct run *run = ev->run;
	uint8_t *value = OPEN(p, "MESSAGE");

	p = put_bytes(PUT_LITERAL(value, "penstock "), utf8_cut(run->version, 64));
	p = put_bytes(PUT_LITERAL(p, " records "), utf8_cut(bytes_of(run->probes), 256));
	p = put_bytes(PUT_LITERAL(p, " on "), utf8_cut(run->host, 256));
	p = journal_field_close(value, p);
	if (!ev->proc)
		p = NUMBER(p, "_PID", run->pid);
	p = TEXT(p, "_CMDLINE", run->cmdline, PCAPNG_JOURNAL_NAME);
	p = TEXT(p, "PENSTOCK_PROBES", bytes_of(run->probes), PCAPNG_JOURNAL_NAME);
	p = TEXT(p, "PENSTOCK_VERSION", run->version, PCAPNG_JOURNAL_NAME);
	p = TEXT(p, "PENSTOCK_OS", run->os, PCAPNG_JOURNAL_NAME);
	p = TEXT(p, "PENSTOCK_KERNEL", run->kernel, PCAPNG_JOURNAL_NAME);
	p = TEXT(p, "PENSTOCK_ARCH", run->arch, PCAPNG_JOURNAL_NAME);
	p = NUMBER(p, "PENSTOCK_START", run->start_unix_ns);
	p = NUMBER(p, "PENSTOCK_RUN_ID", run->run_id);
	p = journal_field_end(
		put_hex(OPEN(p, "PENSTOCK_HOST_ID"), run->host_id, sizeof(run->host_id)));
	return p;
}

static uint8_t *kind_fields(uint8_t *p, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_META:
		return meta_fields(p, ev);
	case EVENT_EXEC:
		return exec_fields(p, ev);
	case EVENT_EXIT:
		return exit_fields(p, ev);
	case EVENT_LINE:
		return line_fields(p, ev);
	case EVENT_ATTACH:
		return attach_fields(p, ev);
	case EVENT_LOSS:
		return loss_fields(p, ev);
	case EVENT_STATS:
		return stats_fields(p, ev);
	case EVENT_QUERY:
		return journal_query_fields(p, ev);
	case EVENT_DATA: /* is packets, not a row */
	case EVENT_KINDS:
		break;
	}
	return p;
}

static enum priority event_priority(const struct event *ev)
{
	bool warn = ev->kind == EVENT_LOSS || (ev->kind == EVENT_ATTACH && ev->attach.status);

	if (ev->kind == EVENT_QUERY && ev->query.failed)
		return PRIORITY_NOTICE;
	return warn ? PRIORITY_WARNING : PRIORITY_INFO;
}

uint8_t *pcapng_journal_row(const struct pcapng_journal *j, const struct event *ev, bool cut,
			    uint8_t *block)
{
	uint8_t *p = pcapng_block_begin(block, PCAPNG_JOURNAL);

	/* Readers look for the time in the first bytes, up to the first NUL. */
	p = NUMBER(p, "__REALTIME_TIMESTAMP", ev->time_unix_ns / 1000);
	p = put_mem(p, j->common, j->n);
	p = NUMBER(p, "PENSTOCK_TIME", ev->time_unix_ns);
	p = NUMBER(p, "PRIORITY", event_priority(ev));
	p = TEXT(p, "PENSTOCK_TYPE", bytes_of(event_kind_name(ev->kind)), PCAPNG_JOURNAL_NAME);
	p = NUMBER(p, "PENSTOCK_SEQ", ev->seq);
	p = TEXT(p, "PENSTOCK_PROBE", bytes_of(ev->probe), 64);
	if (ev->flags)
		p = journal_field_end(put_flags(OPEN(p, "PENSTOCK_FLAGS"), ev->flags, false));
	if (cut)
		p = NUMBER(p, "PENSTOCK_ROW_CUT", 1);
	p = kind_fields(p, ev);
	if (ev->proc)
		p = process_fields(p, ev);
	return pcapng_block_end(block, p);
}

static bool add_kind(size_t *room, const struct event *ev)
{
	bool cut = false;

	switch (ev->kind) {
	case EVENT_LINE:
		cut |= journal_field_room(room, ev->line.text, PCAPNG_JOURNAL_TEXT);
		cut |= journal_field_room(room, ev->line.expanded, PCAPNG_JOURNAL_TEXT);
		cut |= journal_field_room(room, ev->line.tty, PCAPNG_JOURNAL_NAME);
		cut |= journal_field_room(room, ev->line.cwd, PCAPNG_JOURNAL_NAME);
		break;
	case EVENT_EXEC:
		cut |= journal_field_room(room, ev->exec.argv, PCAPNG_JOURNAL_TEXT); /* MESSAGE */
		cut |= journal_field_room(room, ev->exec.argv, PCAPNG_JOURNAL_TEXT); /* _CMDLINE */
		cut |= journal_field_room(room, ev->exec.path, PCAPNG_JOURNAL_NAME);
		cut |= journal_field_room(room, ev->exec.cwd, PCAPNG_JOURNAL_NAME);
		break;
	case EVENT_META:
		*room += 6 * PCAPNG_JOURNAL_NAME;
		break;
	case EVENT_ATTACH:
		*room += 3 * PCAPNG_JOURNAL_NAME;
		break;
	case EVENT_STATS:
		*room += ev->stats.n * (size_t)ROW_COUNTER;
		cut |= ev->stats.n > PCAPNG_JOURNAL_STATS;
		break;
	case EVENT_EXIT:
		*room += ev->proc ? ev->proc->comm.n : 0;
		break;
	case EVENT_QUERY:
		cut |= journal_query_room(room, ev);
		break;
	case EVENT_LOSS:
	case EVENT_DATA:
	case EVENT_KINDS:
		break;
	}
	return cut;
}

size_t pcapng_journal_room(const struct pcapng_journal *j, const struct event *ev, bool *ret_cut)
{
	const struct proc *proc = ev->proc;
	size_t room = PCAPNG_FRAME + ROW_FIXED + j->n;
	bool cut = add_kind(&room, ev);

	if (proc) {
		cut |= journal_field_room(&room, proc->comm, PCAPNG_JOURNAL_NAME);
		cut |= journal_field_room(&room, proc->exe, PCAPNG_JOURNAL_NAME);
		cut |= journal_field_room(&room, proc->cgroup, PCAPNG_JOURNAL_NAME);
		cut |= journal_field_room(&room, proc->container, PCAPNG_JOURNAL_NAME);
		cut |= journal_field_room(&room, proc->pod, PCAPNG_JOURNAL_NAME);
		if (ev->kind != EVENT_EXEC)
			cut |= journal_field_room(&room, proc->cmdline, PCAPNG_JOURNAL_TEXT);
		room += PROC_ANCESTORS * ROW_PARENT;
	}
	*ret_cut = cut;
	return room;
}

void pcapng_journal_init(struct pcapng_journal *j, const struct run *run)
{
	uint8_t *p = PUT_LITERAL(j->common, "SYSLOG_IDENTIFIER=penstock\n");

	p = TEXT(p, "_HOSTNAME", run->host, 256);
	p = journal_field_end(put_hex(OPEN(p, "_BOOT_ID"), run->boot_id, sizeof(run->boot_id)));
	j->n = p - j->common;
}
