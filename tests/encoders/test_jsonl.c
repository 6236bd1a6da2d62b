/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/event.pb-c.h"
#include "tests/support/encoding.h"
#include "tests/support/events.h"

extern const struct encoder_ops encoder_jsonl;

static void record(struct encoding *e, const struct event *ev, unsigned n)
{
	encoding_open(e, &encoder_jsonl, NULL, NULL);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(encoding_add(e, &ev[i]), 0);
	encoding_end(e);
}

#define PROCESS                                                                                    \
	"\"process\":{\"pid\":1234,\"tid\":1234,\"ppid\":812,\"uid\":1000,\"gid\":1000,"           \
	"\"loginuid\":1000,\"ns_pid\":12,\"comm\":\"bash\",\"exe\":\"/usr/bin/bash\","             \
	"\"start_boot_ns\":\"4000000000000\",\"start_unix_nano\":\"1732452680000000000\","         \
	"\"cgroup_id\":4242,\"cgroup\":\"/user.slice/user-1000.slice/session-2.scope\","           \
	"\"container_id\":"                                                                        \
	"\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","                    \
	"\"pod_uid\":\"8c2a4b1e-5d6f-4a7b-9c8d-0e1f2a3b4c5d\"}"
#define HEAD                                                                                       \
	"{\"time\":\"2024-11-24T13:08:00.123456789Z\",\"time_unix_nano\":\"1732453680123456789\"," \
	"\"time_boot_ns\":\"5000123456789\",\"seq\":7,"

static void writes_these_lines(void **state)
{
	static const struct {
		enum event_kind kind;
		uint32_t flags;
		const char *line;
	} rows[] = {
		{EVENT_LINE, EVENT_F_TRUNCATED | EVENT_F_GAP,
		 HEAD "\"type\":\"shell\",\"probe\":\"bash\",\"flags\":[\"truncated\",\"gap\"],"
		      "\"cpu\":1," PROCESS ",\"duration_ns\":20000000,\"shell\":{\"command_id\":5,"
		      "\"shell\":\"bash\",\"command\":\"echo nonce \\\"x\\\" | wc -l\","
		      "\"cwd\":\"/home/alice\",\"tty\":\"/dev/pts/3\",\"exit_code\":1,"
		      "\"start_unix_nano\":\"1732453680103456789\"}}\n"},
		{EVENT_EXEC, 0,
		 HEAD "\"type\":\"exec\",\"probe\":\"core\",\"cpu\":1," PROCESS
		      ",\"exec\":{\"argv_bytes\":16,\"path\":\"/usr/bin/ls\","
		      "\"argv\":[\"ls\",\"-l\",\"it's here\"],\"cwd\":\"/home/alice\","
		      "\"parents\":[{\"pid\":812,\"comm\":\"sshd\"},"
		      "{\"pid\":1,\"comm\":\"systemd\"}]}}\n"},
		{EVENT_EXIT, 0,
		 HEAD "\"type\":\"exit\",\"probe\":\"core\",\"cpu\":1," PROCESS
		      ",\"exit\":{\"code\":3,\"lifetime_ns\":12345678}}\n"},
		{EVENT_DATA, EVENT_F_TRUNCATED,
		 HEAD "\"type\":\"tls_data\",\"probe\":\"tls\",\"flags\":[\"truncated\"],"
		      "\"cpu\":1," PROCESS ",\"conn\":{\"id\":\"1234567890abcdef\","
		      "\"local_addr\":\"192.0.2.1\",\"local_port\":40000,"
		      "\"remote_addr\":\"192.0.2.20\",\"remote_port\":8443,\"ip_proto\":6,"
		      "\"netns_inum\":4026531840,\"socket_cookie\":\"77\",\"role\":\"client\"},"
		      "\"direction\":\"transmit\",\"stream_offset\":0,\"orig_len\":44,"
		      "\"tls_data\":{\"call_offset\":0,\"call_total\":44,\"library\":\"openssl\","
		      "\"protocol\":\"http1\",\"payload\":\"GET /n.txt?x HTTP/1.1\\r\\n"
		      "Host: \\\"localhost\\\"\\r\\n\\r\\n\"}}\n"},
		{EVENT_LOSS, 0,
		 HEAD "\"type\":\"loss\",\"probe\":\"core\",\"loss\":{\"count\":12,"
		      "\"unit\":\"records\",\"probe\":\"bash\",\"reason\":\"no_space\","
		      "\"first_unix_nano\":\"1732453680123456289\","
		      "\"last_unix_nano\":\"1732453680123456789\"}}\n"},
	};
	struct encoding e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct event ev = events_of(rows[i].kind);

		ev.flags = rows[i].flags;
		record(&e, &ev, 1);
		assert_string_equal((char *)e.p, rows[i].line);
		encoding_close(&e);
	}
}

static void data_of_any_connection(void **state)
{
	struct event ev = events_of(EVENT_DATA);
	struct flow flow = {.id = 3, .family = AF_INET6, .local = {[15] = 1}, .remote = {0x20, 1}};
	struct encoding e;

	ev.flow = &flow;
	ev.data = (struct event_data){.direction = DIRECTION_RECEIVE,
				      .library = "openssl",
				      .payload = BYTES("\xff\0"),
				      .call_total = 2,
				      .missing = 5,
				      .fin = true};
	record(&e, &ev, 1);
	assert_non_null(strstr((char *)e.p, "\"local_addr\":\"::1\","));
	assert_non_null(strstr((char *)e.p, "\"remote_addr\":\"2001::\","));
	assert_non_null(strstr((char *)e.p, "\"direction\":\"receive\",\"stream_offset\":0,"));
	assert_non_null(strstr((char *)e.p,
			       "\"missing\":5,\"fin\":true,\"library\":\"openssl\","
			       "\"protocol\":\"unknown\",\"payload_base64\":\"/wA=\"}"));
	encoding_close(&e);
	flow.family = 0;
	record(&e, &ev, 1);
	assert_non_null(strstr((char *)e.p, "\"conn\":{\"id\":\"0000000000000003\"},"));
	encoding_close(&e);
}

static void query_has(struct event *ev, const char *want, const char *not_wanted)
{
	struct encoding e;

	record(&e, ev, 1);
	if (!strstr((char *)e.p, want))
		fail_msg("%s\nhas no %s", (char *)e.p, want);
	if (not_wanted && strstr((char *)e.p, not_wanted))
		fail_msg("%s\nhas %s", (char *)e.p, not_wanted);
	encoding_close(&e);
}

static void writes_this_statement(void **state)
{
	struct event ev = events_of(EVENT_QUERY);

	ev.flags = EVENT_F_TRUNCATED;
	query_has(&ev,
		  HEAD "\"type\":\"sql\",\"probe\":\"mysqld\",\"flags\":[\"truncated\"],"
		       "\"cpu\":1," PROCESS ",\"conn\":{\"id\":\"00778899aabbcc01\","
		       "\"local_addr\":\"192.0.2.20\",\"local_port\":3306,"
		       "\"remote_addr\":\"192.0.2.1\",\"remote_port\":40001,\"ip_proto\":6,"
		       "\"netns_inum\":4026531840,\"role\":\"server\"},"
		       "\"duration_ns\":3000000,\"sql\":{\"id\":\"6\",\"db_system\":\"mysql\","
		       "\"side\":\"server\",\"command\":\"execute\","
		       "\"query\":\"insert into t values(?, ?, ?, 'x''y')\",\"query_total\":80,"
		       "\"fingerprint\":\"insert into t values(?+)\",\"statement_id\":3,"
		       "\"params\":[\"17\",null,\"\"],\"user\":\"alice\",\"database\":\"shop\","
		       "\"client\":\"192.0.2.1\",\"application\":\"till\",\"session\":42,"
		       "\"rows\":0,\"rows_sent\":0,\"error_code\":1062,\"sqlstate\":\"23000\","
		       "\"error\":\"Duplicate entry '17' for key 'PRIMARY'\",\"warnings\":1,"
		       "\"start_unix_nano\":\"1732453680120456789\"}}\n",
		  NULL);
}

static void statements_of_any_kind(void **state)
{
	struct event ev = events_of(EVENT_QUERY);
	static const struct event_query bare = {.system = "postgresql",
						.side = "client",
						.command = "query",
						.text = BYTES("x\xff"),
						.text_total = 2,
						.start_boot_ns = 5000123456789};

	ev.query.params.raw = BYTES("\1\0\0\0\xff\377\377\377\377\2\0\0\0ok");
	ev.query.params.cut = true;
	query_has(&ev, "\"params_base64\":[\"/w==\",null,\"b2s=\"],\"params_cut\":true,",
		  "\"params\":");
	ev.flow = NULL;
	ev.query = bare;
	query_has(&ev,
		  "},\"sql\":{\"id\":\"0\",\"db_system\":\"postgresql\",\"side\":\"client\","
		  "\"command\":\"query\",\"query_base64\":\"eP8=\",\"start_unix_nano\":"
		  "\"1732453680123456789\"}}\n",
		  "conn");
	ev.query.failed = true; /* nobody knows why */
	query_has(&ev, "eP8=\",\"error_code\":0,", "sqlstate");
	ev.query.sqlstate = BYTES("42P01");
	query_has(&ev, "eP8=\",\"sqlstate\":\"42P01\",\"start", "error_code");
	ev.query.failed = false;
	query_has(&ev, "eP8=\",\"start", "sqlstate");
}

/* The text of one field of a line that has it as a plain string. */
static void assert_command(struct bytes text, const char *want)
{
	struct event ev = events_of(EVENT_LINE);
	struct encoding e;

	ev.line.text = text;
	record(&e, &ev, 1);
	if (!strstr((char *)e.p, want))
		fail_msg("%s\nhas no %s", (char *)e.p, want);
	encoding_close(&e);
}

static void escapes_and_falls_back(void **state)
{
	assert_command(BYTES("\x01\b\t\n\f\r\x1f\"\\/\x7f"),
		       "\"command\":\"\\u0001\\b\\t\\n\\f\\r\\u001f\\\"\\\\/\x7f\"");
	assert_command(BYTES("\0"), "\"command\":\"\\u0000\"");
	assert_command(BYTES("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
		       "\"command\":\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"");
	assert_command(BYTES("\xff"), "\"command_base64\":\"/w==\"");
	assert_command(BYTES("a long beginning\xed\xa0\x80"),
		       "\"command_base64\":\"YSBsb25nIGJlZ2lubmluZ+2ggA==\"");
	assert_command(BYTES("12345678\xc3"), "\"command_base64\":\"MTIzNDU2NzjD\"");
}

static void one_bad_argument_makes_all_base64(void **state)
{
	struct event ev = events_of(EVENT_EXEC);
	struct encoding e;

	ev.exec.argv = BYTES("ok\0\0\xff\0");
	record(&e, &ev, 1);
	assert_non_null(strstr((char *)e.p, "\"argv_base64\":[\"b2s=\",\"\",\"/w==\"]"));
	assert_null(strstr((char *)e.p, "\"argv\":"));
	encoding_close(&e);
}

static void leaves_the_chunk_alone(void **state)
{
	char text[64];
	struct encoding e;
	struct proc proc;

	memset(text, 1, sizeof(text));
	for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
		for (unsigned plain = 0; plain < 2; plain++) {
			struct event ev =
				plain ? events_of(kind)
				      : events_hostile(kind, (struct bytes){text, 64}, &proc);
			size_t n;

			record(&e, &ev, 1);
			n = e.n;
			for (size_t cap = 0; cap < n + 8; cap++) {
				int r;

				e.out.tail->cap = cap;
				e.out.tail->p[cap] = 0xaa;
				r = encoder_jsonl.encode(e.ctx, &ev, &e.out);
				assert_int_equal(e.out.tail->p[cap], 0xaa);
				assert_int_equal(e.out.tail->len, r ? 0 : n);
				assert_true(r == 0 || r == -ENOBUFS);
				assert_true(r == 0 || cap < n + 512);
				chunk_reset(e.out.tail);
			}
			e.out.tail->cap = CHUNK_SIZE;
			encoding_close(&e);
		}
	}
}

static void large_texts(void **state)
{
	size_t n = CHUNK_JUMBO + 1;
	char *text = malloc(n);
	struct event ev = events_of(EVENT_LINE);
	struct encoding e;

	memset(text, 'a', n);
	encoding_open(&e, &encoder_jsonl, NULL, NULL);
	ev.line.text = (struct bytes){text, n};
	assert_int_equal(encoder_jsonl.encode(e.ctx, &ev, &e.out), -EMSGSIZE);
	assert_int_equal(e.out.tail->len, 0);
	ev.line.text.n = CHUNK_JUMBO - 10;
	assert_int_equal(encoding_add(&e, &ev), -EMSGSIZE);
	ev.line.text.n = CHUNK_JUMBO - 2000;
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_true(e.n > CHUNK_JUMBO - 2000 && e.n < CHUNK_JUMBO);
	ev.line.text.n = 64 * 1024 + 1; /* fits an ordinary chunk, though not if all were escaped */
	assert_int_equal(encoder_jsonl.encode(e.ctx, &ev, &e.out), 0);
	encoding_close(&e);
	free(text);
}

/* ---- names -------------------------------------------------------------------------------- */

/* Every key in p must be a field of its message: `time` and _base64 are what JSON adds. Returns the
 * end of the object. */
static const char *check_object(const char *p, const ProtobufCMessageDescriptor *message)
{
	const ProtobufCFieldDescriptor *field = NULL;

	for (p++; *p != '}';) {
		if (*p == '"') {
			const char *end = strchr(p + 1, '"');
			char name[64];

			if (end[1] != ':') { /* a string in an array or a value */
				p = end + 1;
				continue;
			}
			snprintf(name, sizeof(name), "%.*s", (int)(end - p - 1), p + 1);
			if (strlen(name) > 7 && !strcmp(name + strlen(name) - 7, "_base64"))
				name[strlen(name) - 7] = 0;
			field = protobuf_c_message_descriptor_get_field_by_name(message, name);
			if (!field && strcmp(name, "time"))
				fail_msg("%s has no field %s", message->name, name);
			p = end + 2;
		} else if (*p == '{') {
			assert_non_null(field);
			assert_int_equal(field->type, PROTOBUF_C_TYPE_MESSAGE);
			p = check_object(p, field->descriptor);
		} else {
			p++;
		}
	}
	return p + 1;
}

static void names_are_those_of_the_schema(void **state)
{
	struct encoding e;

	for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
		struct event ev = events_of(kind);

		ev.flags = EVENT_F_TRUNCATED;
		if (kind == EVENT_LINE) /* no quotes in it: check_object() knows no escapes */
			ev.line.text = BYTES("ls");
		if (kind == EVENT_QUERY) /* and nothing left out */
			ev.query.outer = ev.query.results = 1;
		if (kind == EVENT_QUERY)
			ev.query.statement_name = BYTES("s");
		record(&e, &ev, 1);
		assert_string_equal(check_object((char *)e.p, &penstock__v1__event__descriptor),
				    "\n");
		encoding_close(&e);
	}
}

/* ---- judged by programs that we did not write ---------------------------------------------- */

/* Python reads every line and compares each command with the bytes that went in. */
static void python_reads_every_line(void **state)
{
	uint64_t seed = 4;
	static const char script[] =
		"import sys, json, base64\n"
		"lines = open(sys.argv[1], 'rb').read().split(b'\\n')\n"
		"assert lines.pop() == b''\n"
		"n = 0\n"
		"for line in lines:\n"
		"    e = json.loads(line.decode())\n"
		"    s = e['shell']\n"
		"    b = lambda d, k: d[k].encode() if k in d else base64.b64decode(d[k + "
		"'_base64'], "
		"validate=True)\n"
		"    assert b(s, 'command') == bytes.fromhex(s['shell']), line\n"
		"    assert b(e['process'], 'comm') == bytes.fromhex(s['shell']), line\n"
		"    n += 1\n"
		"print(n)\n";
	char text[120], hex[241], *out;
	struct encoding e;
	struct proc proc;
	int status;

	if (!encoding_has("python3"))
		skip();
	encoding_open(&e, &encoder_jsonl, NULL, NULL);
	for (unsigned round = 0; round < 5000; round++) {
		size_t n = 1 + events_random(&seed) % sizeof(text);
		unsigned mask = round % 2 ? 0xff : 0x7f;
		struct event ev;

		for (size_t i = 0; i < n; i++) {
			text[i] = round < 256 ? round + i : events_random(&seed) & mask;
			snprintf(hex + 2 * i, 3, "%02x", (unsigned char)text[i]);
		}
		ev = events_hostile(EVENT_LINE, (struct bytes){text, n}, &proc);
		ev.line.shell = hex;
		assert_int_equal(encoding_add(&e, &ev), 0);
	}
	encoding_end(&e);
	out = encoding_run(&status, "python3 -c \"%s\" %s 2>&1", script, encoding_file(e.p, e.n));
	assert_string_equal(out, "5000\n");
	free(out);
	encoding_close(&e);
}

static void jq_reads_all_kinds(void **state)
{
	struct event ev[EVENT_KINDS];
	struct encoding e;
	char *out;
	int status;

	if (!encoding_has("jq"))
		skip();
	for (unsigned i = 0; i < EVENT_KINDS; i++)
		ev[i] = events_of(i);
	record(&e, ev, EVENT_KINDS);
	out = encoding_run(&status, "jq -r .type %s | tr '\\n' ' '", encoding_file(e.p, e.n));
	assert_string_equal(out, "meta exec exit shell sql tls_data attach loss stats ");
	free(out);
	encoding_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_these_lines),
		cmocka_unit_test(data_of_any_connection),
		cmocka_unit_test(writes_this_statement),
		cmocka_unit_test(statements_of_any_kind),
		cmocka_unit_test(escapes_and_falls_back),
		cmocka_unit_test(one_bad_argument_makes_all_base64),
		cmocka_unit_test(leaves_the_chunk_alone),
		cmocka_unit_test(large_texts),
		cmocka_unit_test(names_are_those_of_the_schema),
		cmocka_unit_test(python_reads_every_line),
		cmocka_unit_test(jq_reads_all_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
