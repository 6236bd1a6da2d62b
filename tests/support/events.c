/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/events.h"

#include <netinet/in.h>

#include "kern/events.h"

#define TIME_UNIX 1732453680123456789ull
#define TIME_BOOT 5000123456789ull

const struct run events_run = {
	.boot_id = {0xb0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	.host_id = {0x40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	.run_id = 0x1122334455667788ull,
	.pid = 4000,
	.start_boot_ns = TIME_BOOT - 1000000000,
	.start_unix_ns = TIME_UNIX - 1000000000,
	.host = BYTES("testhost"),
	.os = BYTES("Debian GNU/Linux 12"),
	.kernel = BYTES("6.18.0"),
	.arch = BYTES("x86_64"),
	.version = BYTES("0.1.0"),
	.cmdline = BYTES("penstock record -p bash -p exec -w all.pcapng"),
	.probes = "bash,exec",
};

static const struct proc init = {
	.pid = 1,
	.loginuid = UINT32_MAX,
	.ns_pid = 1,
	.start_boot_ns = 1000,
	.start_unix_ns = TIME_UNIX - TIME_BOOT + 1000,
	.comm = BYTES("systemd"),
	.exe = BYTES("/usr/lib/systemd/systemd"),
	.cmdline = BYTES("/sbin/init\0"),
};

static const struct proc sshd = {
	.pid = 812,
	.ppid = 1,
	.loginuid = 1000,
	.ns_pid = 812,
	.start_boot_ns = 2000,
	.start_unix_ns = TIME_UNIX - TIME_BOOT + 2000,
	.comm = BYTES("sshd"),
	.exe = BYTES("/usr/sbin/sshd"),
	.cmdline = BYTES("sshd: alice\0"),
	.parent = &init,
};

static const struct proc bash = {
	.pid = 1234,
	.ppid = 812,
	.uid = 1000,
	.gid = 1000,
	.loginuid = 1000,
	.ns_pid = 12,
	.start_boot_ns = 4000000000000ull,
	.start_unix_ns = TIME_UNIX - TIME_BOOT + 4000000000000ull,
	.cgroup_id = 4242,
	.comm = BYTES("bash"),
	.exe = BYTES("/usr/bin/bash"),
	.cmdline = BYTES("bash\0--norc\0"),
	.cwd = BYTES("/home/alice"),
	.cgroup = BYTES("/user.slice/user-1000.slice/session-2.scope"),
	.container = BYTES("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
	.pod = BYTES("8c2a4b1e-5d6f-4a7b-9c8d-0e1f2a3b4c5d"),
	.parent = &sshd,
};

static const struct flow flow = {
	.id = 0x1234567890abcdef,
	.cookie = 77,
	.netns = 4026531840,
	.family = AF_INET,
	.ip_proto = IPPROTO_TCP,
	.role = FLOW_ROLE_CLIENT,
	.local_port = 40000,
	.remote_port = 8443,
	.local = {192, 0, 2, 1},
	.remote = {192, 0, 2, 20},
	.protocol = PROTOCOL_HTTP1,
};

static const struct event_data data_body = {
	.payload = BYTES("GET /n.txt?x HTTP/1.1\r\nHost: \"localhost\"\r\n\r\n"),
	.call_total = 44,
	.end = 44,
	.direction = DIRECTION_TRANSMIT,
	.library = "openssl",
};

static const struct event_counter counters[] = {
	{"kernel.bash", "submitted", 17},
	{"kernel.bash", "no_space", 0},
	{"reader", "read", 18446744073709551615ull},
};

static const struct event_exec exec_body = {.path = BYTES("/usr/bin/ls"),
					    .argv = BYTES("ls\0-l\0it's here\0"),
					    .argv_total = 16,
					    .cwd = BYTES("/home/alice")};

static const struct event_line line_body = {.shell = "bash",
					    .id = 5,
					    .text = BYTES("echo nonce \"x\" | wc -l"),
					    .tty = BYTES("/dev/pts/3"),
					    .cwd = BYTES("/home/alice"),
					    .start_boot_ns = TIME_BOOT - 20000000,
					    .duration_ns = 20000000,
					    .status = 1,
					    .has_status = true};

static const struct flow session = {
	.id = 0x778899aabbcc01,
	.netns = 4026531840,
	.family = AF_INET,
	.ip_proto = IPPROTO_TCP,
	.role = FLOW_ROLE_SERVER,
	.local_port = 3306,
	.remote_port = 40001,
	.local = {192, 0, 2, 20},
	.remote = {192, 0, 2, 1},
	.protocol = PROTOCOL_MYSQL,
};

static const struct event_query query_body = {
	.system = "mysql",
	.side = "server",
	.command = "execute",
	.id = 6,
	.session = 42,
	.statement_id = 3,
	.text = BYTES("insert into t values(?, ?, ?, 'x''y')"),
	.text_total = 80,
	.fingerprint = BYTES("insert into t values(?+)"),
	.user = BYTES("alice"),
	.database = BYTES("shop"),
	.client = BYTES("192.0.2.1"),
	.application = BYTES("till"),
	.params = {.raw = BYTES("\2\0\0\0"
				"17"
				"\377\377\377\377"
				"\0\0\0\0"),
		   .format = QUERY_PARAMS_LIST},
	.start_boot_ns = TIME_BOOT - 3000000,
	.duration_ns = 3000000,
	.rows = 0,
	.has_rows = true,
	.has_rows_sent = true,
	.failed = true,
	.error = 1062,
	.sqlstate = BYTES("23000"),
	.message = BYTES("Duplicate entry '17' for key 'PRIMARY'"),
	.warnings = 1,
};

static const struct event_attach attach_body = {.hook = BYTES("readline"),
						.target = BYTES("/usr/bin/bash"),
						.note = BYTES("return"),
						.offset = 0xabcde,
						.pid = 1234};

static const struct event_loss loss_body = {.probe = "bash",
					    .reason = "no_space",
					    .count = 12,
					    .first_boot_ns = TIME_BOOT - 500,
					    .last_boot_ns = TIME_BOOT};

struct event events_of(enum event_kind kind)
{
	struct event ev = {
		.kind = kind,
		.probe = "core",
		.time_boot_ns = TIME_BOOT,
		.time_unix_ns = TIME_UNIX,
		.seq = 7,
		.tid = 1234,
		.cpu = 1,
		.proc = &bash,
	};

	switch (kind) {
	case EVENT_META:
		ev.proc = NULL;
		ev.run = &events_run;
		break;
	case EVENT_EXEC:
		ev.exec = exec_body;
		break;
	case EVENT_EXIT:
		ev.exit = (struct event_exit){.code = 3, .lifetime_ns = 12345678};
		break;
	case EVENT_LINE:
		ev.probe = "bash";
		ev.line = line_body;
		break;
	case EVENT_DATA:
		ev.probe = "tls";
		ev.flow = &flow;
		ev.data = data_body;
		break;
	case EVENT_QUERY:
		ev.probe = "mysqld";
		ev.flow = &session;
		ev.query = query_body;
		break;
	case EVENT_ATTACH:
		ev.proc = NULL;
		ev.attach = attach_body;
		break;
	case EVENT_LOSS:
		ev.proc = NULL;
		ev.loss = loss_body;
		break;
	case EVENT_STATS:
		ev.proc = NULL;
		ev.stats = (struct event_stats){.v = counters, .n = 3, .final = true};
		break;
	case EVENT_KINDS:
		break;
	}
	return ev;
}

struct event events_hostile(enum event_kind kind, struct bytes text, struct proc *proc)
{
	struct event ev = events_of(kind);

	*proc = bash;
	proc->comm = proc->exe = proc->cmdline = proc->cwd = proc->cgroup = text;
	proc->container = proc->pod = text;
	if (ev.proc)
		ev.proc = proc;
	if (kind == EVENT_EXEC) {
		ev.exec.path = ev.exec.argv = ev.exec.cwd = text;
	} else if (kind == EVENT_LINE) {
		ev.line.text = ev.line.expanded = ev.line.tty = ev.line.cwd = text;
	} else if (kind == EVENT_DATA) {
		ev.data.payload = text;
	} else if (kind == EVENT_QUERY) {
		ev.query.text = ev.query.fingerprint = ev.query.statement_name = text;
		ev.query.user = ev.query.database = ev.query.client = text;
		ev.query.application = ev.query.message = text;
		ev.query.text_total = text.n;
	} else if (kind == EVENT_ATTACH) {
		ev.attach.hook = ev.attach.target = ev.attach.note = text;
	}
	return ev;
}

struct event events_statement(const char *system, struct bytes text)
{
	struct event ev = events_of(EVENT_QUERY);

	ev.query.system = system;
	ev.query.side = "server";
	ev.query.command = "query";
	ev.query.outer = 0;
	ev.query.text = text;
	ev.query.text_total = text.n;
	ev.query.fingerprint = (struct bytes){0};
	ev.query.has_rows_sent = false;
	ev.query.params = (struct query_params){0};
	ev.query.statement_id = 0;
	ev.query.failed = false;
	return ev;
}
