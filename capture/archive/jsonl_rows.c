/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which key is what: the other side of encoders/jsonl.c. */
#include <stddef.h>

#include "capture/archive/jsonl.h"

#define NAMED(text)                                                                                \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
#define MEMBER(name, what, type, member)                                                           \
	{                                                                                          \
		NAMED(name), what, sizeof(((type *)0)->member), 0, offsetof(type, member), 0       \
	}
#define ROW(name, what, member) MEMBER(name, what, struct jsonl_line, member)
/* What may be missing: `flag` tells. */
#define OPTIONAL(name, what, member, flag)                                                         \
	{                                                                                          \
		NAMED(name), what, sizeof(((struct jsonl_line *)0)->member), 0,                    \
			offsetof(struct jsonl_line, member), offsetof(struct jsonl_line, flag)     \
	}
#define INSIDE(name, where)                                                                        \
	{                                                                                          \
		NAMED(name), JSONL_INSIDE, 0, where, 0, 0                                          \
	}

static const struct jsonl_row event_rows[] = {
	ROW("time_unix_nano", JSONL_NUMBER, ev.time_unix_ns),
	ROW("time_boot_ns", JSONL_NUMBER, ev.time_boot_ns),
	ROW("seq", JSONL_NUMBER, ev.seq),
	ROW("type", JSONL_KIND, ev.kind),
	ROW("probe", JSONL_NAME, ev.probe),
	INSIDE("flags", JSONL_FLAGS),
	ROW("cpu", JSONL_NUMBER, ev.cpu),
	INSIDE("process", JSONL_PROCESS),
	INSIDE("conn", JSONL_CONN),
	ROW("direction", JSONL_DIRECTION, data.direction),
	ROW("stream_offset", JSONL_NUMBER, data.stream_offset),
	ROW("duration_ns", JSONL_NUMBER, line.duration_ns),
	INSIDE("exec", JSONL_EXEC),
	INSIDE("exit", JSONL_EXIT),
	INSIDE("shell", JSONL_SHELL),
	INSIDE("sql", JSONL_SQL),
	INSIDE("tls_data", JSONL_DATA),
	INSIDE("attach", JSONL_ATTACH),
	INSIDE("loss", JSONL_LOSS),
	INSIDE("stats", JSONL_STATS),
	INSIDE("stream_info", JSONL_STREAM),
};

static const struct jsonl_row process_rows[] = {
	ROW("pid", JSONL_NUMBER, proc.pid),
	ROW("tid", JSONL_NUMBER, ev.tid),
	ROW("ppid", JSONL_NUMBER, proc.ppid),
	ROW("uid", JSONL_NUMBER, proc.uid),
	ROW("gid", JSONL_NUMBER, proc.gid),
	ROW("loginuid", JSONL_NUMBER, proc.loginuid),
	ROW("ns_pid", JSONL_NUMBER, proc.ns_pid),
	ROW("comm", JSONL_BYTES, proc.comm),
	ROW("exe", JSONL_BYTES, proc.exe),
	ROW("start_boot_ns", JSONL_NUMBER, proc.start_boot_ns),
	ROW("start_unix_nano", JSONL_NUMBER, proc.start_unix_ns),
	ROW("cgroup_id", JSONL_NUMBER, proc.cgroup_id),
	ROW("cgroup", JSONL_BYTES, proc.cgroup),
	ROW("container_id", JSONL_BYTES, proc.container),
	ROW("pod_uid", JSONL_BYTES, proc.pod),
};

static const struct jsonl_row exec_rows[] = {
	ROW("argv_bytes", JSONL_NUMBER, exec.argv_total),
	ROW("path", JSONL_BYTES, exec.path),
	INSIDE("argv", JSONL_ARGV),
	ROW("cwd", JSONL_BYTES, exec.cwd),
	INSIDE("parents", JSONL_PARENTS),
};

static const struct jsonl_row exit_rows[] = {
	ROW("code", JSONL_NUMBER, exit.code),
	ROW("signal", JSONL_NUMBER, exit.signal),
	ROW("core_dumped", JSONL_BOOL, exit.core),
	ROW("lifetime_ns", JSONL_NUMBER, exit.lifetime_ns),
};

static const struct jsonl_row shell_rows[] = {
	ROW("command_id", JSONL_NUMBER, line.id),
	ROW("shell", JSONL_NAME, line.shell),
	ROW("command", JSONL_BYTES, line.text),
	ROW("expanded", JSONL_BYTES, line.expanded),
	ROW("cwd", JSONL_BYTES, line.cwd),
	ROW("tty", JSONL_BYTES, line.tty),
	OPTIONAL("exit_code", JSONL_STATUS, line.status, line.has_status),
	ROW("start_unix_nano", JSONL_NUMBER, line.start_boot_ns),
	ROW("script", JSONL_BOOL, line.script),
};

static const struct jsonl_row sql_rows[] = {
	ROW("id", JSONL_NUMBER, query.id),
	ROW("outer_id", JSONL_NUMBER, query.outer),
	ROW("db_system", JSONL_NAME, query.system),
	ROW("side", JSONL_NAME, query.side),
	ROW("command", JSONL_NAME, query.command),
	ROW("query", JSONL_BYTES, query.text),
	ROW("query_total", JSONL_NUMBER, query.text_total),
	ROW("fingerprint", JSONL_BYTES, query.fingerprint),
	ROW("statement_name", JSONL_BYTES, query.statement_name),
	ROW("statement_id", JSONL_NUMBER, query.statement_id),
	INSIDE("params", JSONL_PARAMS),
	ROW("params_cut", JSONL_BOOL, query.params.cut),
	ROW("user", JSONL_BYTES, query.user),
	ROW("database", JSONL_BYTES, query.database),
	ROW("client", JSONL_BYTES, query.client),
	ROW("application", JSONL_BYTES, query.application),
	ROW("session", JSONL_NUMBER, query.session),
	OPTIONAL("rows", JSONL_NUMBER, query.rows, query.has_rows),
	OPTIONAL("rows_sent", JSONL_NUMBER, query.rows_sent, query.has_rows_sent),
	OPTIONAL("error_code", JSONL_NUMBER, query.error, query.failed),
	OPTIONAL("sqlstate", JSONL_BYTES, query.sqlstate, query.failed),
	OPTIONAL("error", JSONL_BYTES, query.message, query.failed),
	ROW("results", JSONL_NUMBER, query.results),
	ROW("warnings", JSONL_NUMBER, query.warnings),
	ROW("start_unix_nano", JSONL_NUMBER, query.start_boot_ns),
};

static const struct jsonl_row conn_rows[] = {
	ROW("id", JSONL_HEX, flow.id),
	ROW("local_addr", JSONL_ADDRESS, flow.local),
	ROW("local_port", JSONL_NUMBER, flow.local_port),
	ROW("remote_addr", JSONL_ADDRESS, flow.remote),
	ROW("remote_port", JSONL_NUMBER, flow.remote_port),
	ROW("ip_proto", JSONL_NUMBER, flow.ip_proto),
	ROW("netns_inum", JSONL_NUMBER, flow.netns),
	ROW("socket_cookie", JSONL_NUMBER, flow.cookie),
	ROW("role", JSONL_ROLE, flow.role),
};

static const struct jsonl_row data_rows[] = {
	ROW("call_offset", JSONL_NUMBER, data.call_offset),
	ROW("call_total", JSONL_NUMBER, data.call_total),
	ROW("missing", JSONL_NUMBER, data.missing),
	ROW("fin", JSONL_BOOL, data.fin),
	ROW("library", JSONL_NAME, data.library),
	ROW("protocol", JSONL_PROTOCOL, flow.protocol),
	ROW("payload", JSONL_BYTES, data.payload),
};

static const struct jsonl_row attach_rows[] = {
	ROW("offset", JSONL_NUMBER, attach.offset), ROW("hook", JSONL_BYTES, attach.hook),
	ROW("target", JSONL_BYTES, attach.target),  ROW("note", JSONL_BYTES, attach.note),
	ROW("pid", JSONL_NUMBER, attach.pid),       ROW("status", JSONL_STATUS, attach.status),
};

static const struct jsonl_row loss_rows[] = {
	ROW("count", JSONL_NUMBER, loss.count),
	ROW("probe", JSONL_NAME, loss.probe),
	ROW("reason", JSONL_NAME, loss.reason),
	ROW("first_unix_nano", JSONL_NUMBER, loss.first_boot_ns),
	ROW("last_unix_nano", JSONL_NUMBER, loss.last_boot_ns),
	ROW("first_seq", JSONL_NUMBER, loss.first_seq),
	ROW("last_seq", JSONL_NUMBER, loss.last_seq),
};

static const struct jsonl_row stats_rows[] = {
	INSIDE("counters", JSONL_COUNTER_LIST),
	ROW("final", JSONL_BOOL, stats.final),
};

static const struct jsonl_row stream_rows[] = {
	ROW("pid", JSONL_NUMBER, run.pid),
	ROW("host_id", JSONL_ID, run.host_id),
	ROW("stream_id", JSONL_ID, run.stream_id),
	ROW("boot_id", JSONL_ID, run.boot_id),
	ROW("host_name", JSONL_BYTES, run.host),
	ROW("os", JSONL_BYTES, run.os),
	ROW("kernel", JSONL_BYTES, run.kernel),
	ROW("arch", JSONL_BYTES, run.arch),
	ROW("producer_version", JSONL_BYTES, run.version),
	ROW("probes", JSONL_NAME, run.probes),
	ROW("cmdline", JSONL_BYTES, run.cmdline),
	ROW("run_id", JSONL_NUMBER, run.run_id),
	INSIDE("clock", JSONL_CLOCK),
};

static const struct jsonl_row clock_rows[] = {
	ROW("boot_ns", JSONL_NUMBER, run.start_boot_ns),
	ROW("unix_ns", JSONL_NUMBER, run.start_unix_ns),
};

/* Elements of arrays: offsets are those in the element. */
static const struct jsonl_row parent_rows[] = {
	MEMBER("pid", JSONL_NUMBER, struct proc, pid),
	MEMBER("comm", JSONL_BYTES, struct proc, comm),
};

static const struct jsonl_row counter_rows[] = {
	MEMBER("value", JSONL_NUMBER, struct event_counter, value),
	MEMBER("group", JSONL_NAME, struct event_counter, group),
	MEMBER("name", JSONL_NAME, struct event_counter, name),
};

#define ROWS(rows)                                                                                 \
	{                                                                                          \
		rows, sizeof(rows) / sizeof((rows)[0])                                             \
	}
static const struct {
	const struct jsonl_row *v;
	unsigned n;
} rows_of[JSONL_PLACES] = {
	[JSONL_EVENT] = ROWS(event_rows),     [JSONL_PROCESS] = ROWS(process_rows),
	[JSONL_EXEC] = ROWS(exec_rows),       [JSONL_EXIT] = ROWS(exit_rows),
	[JSONL_SHELL] = ROWS(shell_rows),     [JSONL_CONN] = ROWS(conn_rows),
	[JSONL_SQL] = ROWS(sql_rows),         [JSONL_DATA] = ROWS(data_rows),
	[JSONL_ATTACH] = ROWS(attach_rows),   [JSONL_LOSS] = ROWS(loss_rows),
	[JSONL_STATS] = ROWS(stats_rows),     [JSONL_STREAM] = ROWS(stream_rows),
	[JSONL_CLOCK] = ROWS(clock_rows),     [JSONL_PARENT] = ROWS(parent_rows),
	[JSONL_COUNTER] = ROWS(counter_rows),
};

static bool key_sheds(struct bytes *key, struct bytes ending)
{
	if (key->n <= ending.n || memcmp(key->p + key->n - ending.n, ending.p, ending.n))
		return false;
	key->n -= ending.n;
	return true;
}

const struct jsonl_row *jsonl_row_find(enum jsonl_place place, struct bytes key, unsigned *at,
				       bool *ret_base64)
{
	unsigned n = rows_of[place].n;

	*ret_base64 = key_sheds(&key, BYTES("_base64"));
	for (unsigned i = 0; i < n; i++) {
		const struct jsonl_row *row = &rows_of[place].v[(*at + i) % n];

		if (!bytes_eq(row->name, key))
			continue;
		*at = (*at + i + 1) % n;
		return row;
	}
	return NULL;
}
