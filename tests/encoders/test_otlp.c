/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log records of OpenTelemetry, read by protobuf's own decoder. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/encoding.h"
#include "tests/support/events.h"
#include "tests/support/otlp_record.h"

#define FIRST "time_unix_nano: 1732453680123456789 severity_number: "
#define LAST  "observed_time_unix_nano: 1732453680123456789 event_name: \"penstock."

static void assert_common(const char *text, const char *kind, const char *severity)
{
	char all[256];

	snprintf(all, sizeof(all), "log_records { " FIRST "%s", severity);
	otlp_record_says(text, all);
	snprintf(all, sizeof(all), LAST "%s\" }", kind);
	otlp_record_says(text, all);
	INT("penstock.seq", "7");
	INT("penstock.time_boot_ns", "5000123456789");
}

static void assert_process(const char *text)
{
	INT("thread.id", "1234");
	INT("cpu.logical_number", "1");
	INT("process.pid", "1234");
	INT("process.parent_pid", "812");
	INT("process.user.id", "1000");
	INT("penstock.process.gid", "1000");
	INT("penstock.process.loginuid", "1000");
	INT("process.vpid", "12");
	TEXT("process.creation.time", "2024-11-24T12:51:20.000000000Z");
	INT("penstock.process.start_boot_ns", "4000000000000");
	TEXT("penstock.process.comm", "bash");
	TEXT("process.executable.name", "bash");
	TEXT("process.executable.path", "/usr/bin/bash");
	INT("penstock.process.cgroup_id", "4242");
	TEXT("container.id", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	TEXT("k8s.pod.uid", "8c2a4b1e-5d6f-4a7b-9c8d-0e1f2a3b4c5d");
}

static void exec_is_told(void **state)
{
	struct event ev = events_of(EVENT_EXEC);
	char *text = otlp_record_of(&ev);

	assert_common(text, "exec", "9 severity_text: \"INFO\"");
	assert_process(text);
	TEXT("penstock.probe", "core");
	TEXT("penstock.exec.path", "/usr/bin/ls");
	otlp_record_says(text, ATTRIBUTE("process.command_args",
					 "array_value { values { string_value: \"ls\" } "
					 "values { string_value: \"-l\" } "
					 "values { string_value: \"it\\'s here\" } }"));
	INT("penstock.exec.argv_bytes", "16");
	TEXT("process.working_directory", "/home/alice");
	otlp_record_silent(text, "body");
	free(text);
}

static void exit_is_told(void **state)
{
	struct event ev = events_of(EVENT_EXIT);
	char *text;

	ev.exit.signal = 9;
	ev.exit.core = true;
	text = otlp_record_of(&ev);
	assert_common(text, "exit", "9");
	assert_process(text);
	INT("process.exit.code", "3");
	INT("penstock.exit.signal", "9");
	TRUE("penstock.exit.core_dumped");
	INT("penstock.exit.lifetime_ns", "12345678");
	free(text);
}

static void line_is_told(void **state)
{
	struct event ev = events_of(EVENT_LINE);
	char *text;

	ev.line.expanded = BYTES("echo !!");
	ev.flags = EVENT_F_TRUNCATED | EVENT_F_UNFINISHED;
	text = otlp_record_of(&ev);
	assert_common(text, "shell", "9");
	assert_process(text);
	otlp_record_says(text, "body { string_value: \"echo nonce \\\"x\\\" | wc -l\" }");
	TEXT("penstock.shell.name", "bash");
	INT("penstock.shell.command_id", "5");
	TEXT("penstock.shell.expanded", "echo !!");
	TEXT("penstock.shell.tty", "/dev/pts/3");
	TEXT("process.working_directory", "/home/alice");
	INT("penstock.shell.start_unix_nano", "1732453680103456789");
	INT("penstock.shell.duration_ns", "20000000");
	INT("penstock.shell.exit_code", "1");
	otlp_record_says(text, ATTRIBUTE("penstock.flags",
					 "array_value { values { string_value: \"truncated\" } "
					 "values { string_value: \"unfinished\" } }"));
	free(text);
}

static void assert_connection(const char *text)
{
	TEXT("penstock.conn_id", "1234567890abcdef");
	TEXT("network.type", "ipv4");
	TEXT("network.transport", "tcp");
	TEXT("network.local.address", "192.0.2.1");
	INT("network.local.port", "40000");
	TEXT("network.peer.address", "192.0.2.20");
	INT("network.peer.port", "8443");
	TEXT("server.address", "192.0.2.20");
	INT("server.port", "8443");
	TEXT("network.protocol.name", "http");
	TEXT("penstock.protocol", "http1");
	TEXT("penstock.role", "client");
	INT("penstock.netns", "4026531840");
	INT("penstock.socket_cookie", "77");
	otlp_record_silent(text, "client.address");
}

static void data_is_told(void **state)
{
	struct event ev = events_of(EVENT_DATA);
	char *text;

	ev.data.stream_offset = 100;
	ev.data.call_offset = 5;
	ev.data.begin = 90;
	ev.data.missing = 10;
	ev.data.repeated = 1;
	ev.data.unseen = 2;
	ev.data.end = 144;
	ev.data.peer_end = 33;
	ev.data.fin = ev.data.late = true;
	text = otlp_record_of(&ev);
	assert_common(text, "tls_data", "9");
	assert_process(text);
	assert_connection(text);
	otlp_record_says(text, "body { bytes_value: \"GET /n.txt?x HTTP/1.1\\r\\nHost: ");
	TEXT("network.io.direction", "transmit");
	INT("penstock.stream_offset", "100");
	INT("penstock.call_offset", "5");
	INT("penstock.orig_len", "44");
	INT("penstock.stream_begin", "90");
	INT("penstock.missing", "10");
	INT("penstock.repeated", "1");
	INT("penstock.unseen", "2");
	INT("penstock.stream_end", "144");
	INT("penstock.peer_stream_end", "33");
	TEXT("penstock.tls.library", "openssl");
	TRUE("penstock.fin");
	TRUE("penstock.late");
	free(text);
}

static void the_other_ends_of_connections_are_told(void **state)
{
	struct event ev = events_of(EVENT_DATA);
	struct flow flow = *ev.flow;
	char *text;

	flow.role = FLOW_ROLE_SERVER;
	flow.family = AF_INET6;
	flow.ip_proto = IPPROTO_UDP;
	flow.protocol = PROTOCOL_HTTP2;
	memset(flow.remote, 0, sizeof(flow.remote));
	flow.remote[15] = 1;
	ev.flow = &flow;
	text = otlp_record_of(&ev);
	TEXT("client.address", "::1");
	INT("client.port", "8443");
	TEXT("network.type", "ipv6");
	TEXT("network.transport", "udp");
	TEXT("network.protocol.version", "2");
	otlp_record_silent(text, "server.address");
	free(text);
	flow = (struct flow){.id = UINT64_MAX, .cookie = UINT64_MAX};
	text = otlp_record_of(&ev);
	TEXT("penstock.conn_id", "ffffffffffffffff");
	TEXT("penstock.socket_cookie", "18446744073709551615");
	otlp_record_silent(text, "network.peer");
	otlp_record_silent(text, "protocol");
	free(text);
}

static void attach_is_told(void **state)
{
	struct event ev = events_of(EVENT_ATTACH);
	char *text;

	ev.attach.status = -ENOENT;
	text = otlp_record_of(&ev);
	assert_common(text, "attach", "13 severity_text: \"WARN\"");
	TEXT("penstock.attach.hook", "readline");
	TEXT("penstock.attach.target", "/usr/bin/bash");
	TEXT("penstock.attach.note", "return");
	INT("penstock.attach.offset", "703710");
	INT("penstock.attach.pid", "1234");
	INT("penstock.attach.status", "-2");
	TEXT("error.type", "ENOENT");
	otlp_record_silent(text, "process.pid");
	free(text);
}

static void loss_is_told(void **state)
{
	struct event ev = events_of(EVENT_LOSS);
	char *text = otlp_record_of(&ev);

	assert_common(text, "loss", "13 severity_text: \"WARN\"");
	TEXT("penstock.loss.probe", "bash");
	TEXT("penstock.loss.reason", "no_space");
	INT("penstock.loss.count", "12");
	TEXT("penstock.loss.unit", "records");
	INT("penstock.loss.first_unix_nano", "1732453680123456289");
	INT("penstock.loss.last_unix_nano", "1732453680123456789");
	free(text);
	ev.loss.first_seq = 3;
	ev.loss.last_seq = 14;
	text = otlp_record_of(&ev);
	TEXT("penstock.loss.unit", "events");
	INT("penstock.loss.first_seq", "3");
	INT("penstock.loss.last_seq", "14");
	free(text);
}

static void stats_are_told(void **state)
{
	struct event ev = events_of(EVENT_STATS);
	char *text = otlp_record_of(&ev);

	assert_common(text, "stats", "9");
	otlp_record_says(text, "body { kvlist_value { "
			       "values { key: \"kernel.bash.submitted\" value { int_value: 17 } } "
			       "values { key: \"kernel.bash.no_space\" value { int_value: 0 } } "
			       "values { key: \"reader.read\" value { "
			       "string_value: \"18446744073709551615\" } } } }");
	TRUE("penstock.stats.final");
	free(text);
}

static void the_resource_tells_the_run(void **state)
{
	const struct encoder_ops *ops = encoder_by_name("otlp");
	struct event meta = events_of(EVENT_META);
	struct encoding e;
	char *text;

	encoding_open(&e, ops, NULL, NULL);
	encoding_begin(&e);
	assert_int_equal(encoding_add(&e, &meta), -EOPNOTSUPP);
	encoding_ship(&e);
	text = otlp_record_decoded("ResourceLogs", e.p, e.n);
	assert_int_equal(strncmp(text, "resource { attributes {", 23), 0);
	TEXT("service.name", "penstock");
	TEXT("service.version", "0.1.0");
	TEXT("host.name", "testhost");
	TEXT("host.id", "400102030405060708090a0b0c0d0e0f");
	TEXT("host.arch", "amd64");
	TEXT("os.type", "linux");
	TEXT("os.description", "Debian GNU/Linux 12");
	TEXT("os.version", "6.18.0");
	TEXT("penstock.boot_id", "b00102030405060708090a0b0c0d0e0f");
	TEXT("penstock.run_id", "1122334455667788");
	INT("penstock.pid", "4000");
	TEXT("penstock.command_line", "penstock record -p bash -p exec -w all.pcapng");
	TEXT("penstock.probes", "bash,exec");
	INT("penstock.start_boot_ns", "4999123456789");
	INT("penstock.start_unix_nano", "1732453679123456789");
	free(text);
	encoding_close(&e);
}

/* Only the first event of a process carries what is long. */
static void images_are_told_once(void **state)
{
	struct event ev = events_of(EVENT_EXIT);
	char *text;

	ev.proc_first = true;
	text = otlp_record_of(&ev);
	otlp_record_says(text, ATTRIBUTE("process.command_args",
					 "array_value { values { string_value: \"bash\" } "
					 "values { string_value: \"--norc\" } }"));
	TEXT("process.working_directory", "/home/alice");
	TEXT("process.linux.cgroup", "/user.slice/user-1000.slice/session-2.scope");
	otlp_record_says(text,
			 "key: \"penstock.process.ancestors\" value { array_value { "
			 "values { kvlist_value { values { key: \"pid\" value { int_value: 812 } } "
			 "values { key: \"comm\" value { string_value: \"sshd\" } } "
			 "values { key: \"exe\" value { string_value: \"/usr/sbin/sshd\" } } "
			 "values { key: \"start_boot_ns\" value { int_value: 2000 } } } } "
			 "values { kvlist_value { values { key: \"pid\" value { int_value: 1 } } ");
	free(text);
	ev.proc_first = false;
	text = otlp_record_of(&ev);
	otlp_record_silent(text, "command_args");
	otlp_record_silent(text, "ancestors");
	free(text);
}

/* A request with one string that is no UTF-8 would be refused as a whole. */
static void any_text_makes_a_valid_record(void **state)
{
	static const struct bytes texts[] = {
		BYTES("\xff"),        BYTES("a\0\xff\0"),
		BYTES("\xc0\xaf"),    BYTES("\xed\xa0\x80"),
		BYTES("\0"),          BYTES("\xf4\x90\x80\x80"),
		BYTES("caf\xc3\xa9"), {0},
	};

	for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
			struct proc proc;
			struct event ev = events_hostile(kind, texts[i], &proc);

			if (kind == EVENT_META)
				continue;
			ev.proc_first = true;
			free(otlp_record_of(&ev));
		}
	}
}

static void text_that_is_no_text_goes_as_bytes(void **state)
{
	struct event ev = events_of(EVENT_LINE);
	struct proc proc = *ev.proc;
	char *text;

	proc.comm = BYTES("\xff");
	ev.proc = &proc;
	ev.line.text = BYTES("echo \xff");
	text = otlp_record_of(&ev);
	otlp_record_says(text, "body { bytes_value: \"echo \\377\" }");
	otlp_record_says(text, ATTRIBUTE("penstock.process.comm", "bytes_value: \"\\377\""));
	free(text);
}

/* Whole, up to what a chunk holds; and more than that is said to be too large. */
static void large_texts_are_whole(void **state)
{
	const struct encoder_ops *ops = encoder_by_name("otlp");
	size_t n = CHUNK_JUMBO - 8192;
	struct event ev = events_of(EVENT_LINE);
	char *text = malloc(CHUNK_JUMBO);
	struct encoding e;

	assert_non_null(text);
	memset(text, 'x', CHUNK_JUMBO);
	encoding_open(&e, ops, NULL, NULL);
	ev.line.text = (struct bytes){text, n};
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_non_null(memmem(e.p, e.n, text, n));
	ev.line.text.n = CHUNK_JUMBO;
	assert_int_equal(encoding_add(&e, &ev), -EMSGSIZE);
	memset(text, 0, CHUNK_JUMBO); /* every byte an argument, each of which takes four */
	ev = events_of(EVENT_EXEC);
	ev.exec.argv = (struct bytes){text, CHUNK_JUMBO / 2};
	assert_int_equal(encoding_add(&e, &ev), -EMSGSIZE);
	encoding_close(&e);
	free(text);
}

/* A chunk takes records until the next one might not fit, and is never overrun. */
static void records_fill_chunks(void **state)
{
	const struct encoder_ops *ops = encoder_by_name("otlp");
	struct event ev = events_of(EVENT_DATA);
	struct encoding e;
	unsigned n = 0;

	encoding_open(&e, ops, NULL, NULL);
	ev.proc_first = true;
	while (ops->encode(e.ctx, &ev, &e.out) == 0)
		n++;
	assert_in_range(n, 50, 100);
	assert_in_range(e.out.tail->len, CHUNK_SIZE - 8192, CHUNK_SIZE);
	encoding_ship(&e);
	free(otlp_record_decoded("ScopeLogs", e.p, e.n));
	encoding_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exec_is_told),
		cmocka_unit_test(exit_is_told),
		cmocka_unit_test(line_is_told),
		cmocka_unit_test(data_is_told),
		cmocka_unit_test(the_other_ends_of_connections_are_told),
		cmocka_unit_test(attach_is_told),
		cmocka_unit_test(loss_is_told),
		cmocka_unit_test(stats_are_told),
		cmocka_unit_test(the_resource_tells_the_run),
		cmocka_unit_test(images_are_told_once),
		cmocka_unit_test(any_text_makes_a_valid_record),
		cmocka_unit_test(text_that_is_no_text_goes_as_bytes),
		cmocka_unit_test(large_texts_are_whole),
		cmocka_unit_test(records_fill_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
