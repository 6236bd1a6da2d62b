/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "capture/archive/decoder.h"
#include "kern/events.h"
#include "tests/support/encoding.h"
#include "tests/support/events.h"
#include "tests/support/replayed.h"

extern const struct encoder_ops encoder_jsonl;

static void *ctx;

static int setup(void **state)
{
	ctx = calloc(1, decoder_jsonl.ctx_size);
	return ctx ? 0 : -1;
}

static int teardown(void **state)
{
	decoder_jsonl.close(ctx);
	free(ctx);
	return 0;
}

static int encode_again(struct event *ev, void *encoding)
{
	return encoding_add(encoding, ev);
}

static struct bytes encoded(struct encoding *e, const struct event *ev)
{
	size_t before = e->n;

	assert_int_equal(encoding_add(e, ev), 0);
	encoding_ship(e);
	return (struct bytes){(const char *)e->p + before, e->n - before};
}

/* The line, decoded and encoded again, is the same line. The decoder gets it in memory of exactly
 * its size. */
static void assert_returns(struct bytes line)
{
	char *copy = malloc(line.n);
	struct err err = {""};
	struct encoding e;
	size_t want;

	assert_non_null(copy);
	memcpy(copy, line.p, line.n);
	encoding_open(&e, &encoder_jsonl, NULL, NULL);
	assert_int_equal(decoder_jsonl.extent(ctx, (struct bytes){copy, line.n}, &want), line.n);
	if (decoder_jsonl.decode(ctx, (struct bytes){copy, line.n}, encode_again, &e, &err))
		fail_msg("%s: %.*s", err.text, (int)line.n, line.p);
	encoding_ship(&e);
	if (e.n != line.n || memcmp(e.p, line.p, e.n))
		fail_msg("%.*s became %.*s", (int)line.n, line.p, (int)e.n, e.p);
	encoding_close(&e);
	free(copy);
}

static void assert_event_returns(const struct event *ev)
{
	struct encoding e;

	encoding_open(&e, &encoder_jsonl, NULL, NULL);
	assert_returns(encoded(&e, ev));
	encoding_close(&e);
}

static void recordings_return(void **state)
{
	for (const char *const *path = replayed_files; *path; path++) {
		struct fake_sink sink;
		unsigned lines = 0;
		char *at, *end;

		replayed_into(*path, &encoder_jsonl, &sink);
		for (at = sink.p; (end = strchr(at, '\n')); at = end + 1, lines++)
			assert_returns((struct bytes){at, end + 1 - at});
		assert_true(lines > 10);
		assert_int_equal(at - sink.p, sink.n);
		fake_sink_done(&sink);
	}
}

/* Whatever a target may have chosen: quotes, control characters, bytes that are no UTF-8. */
static void hostile_texts_return(void **state)
{
	uint64_t seed = 5;
	char text[300];
	struct proc proc;

	for (unsigned round = 0; round < 4000; round++) {
		size_t n = events_random(&seed) % sizeof(text);
		unsigned limit = round % 2 ? 0x100 : 0x80;
		struct event ev;

		for (size_t i = 0; i < n; i++)
			text[i] = events_random(&seed) % limit;
		ev = events_hostile(round % EVENT_KINDS, (struct bytes){text, n}, &proc);
		assert_event_returns(&ev);
	}
}

static void numbers_return(void **state)
{
	struct event ev = events_of(EVENT_DATA);
	struct flow flow = *ev.flow;
	struct proc proc = *ev.proc;

	ev.flow = &flow;
	ev.proc = &proc;
	flow.id = flow.cookie = ev.seq = ev.time_boot_ns = ev.time_unix_ns = UINT64_MAX;
	flow.netns = flow.local_port = flow.remote_port = UINT16_MAX;
	flow.family = AF_INET6;
	flow.ip_proto = UINT8_MAX;
	flow.role = FLOW_ROLE_SERVER;
	flow.protocol = PROTOCOLS - 1;
	proc.pid = proc.ppid = proc.uid = proc.gid = proc.ns_pid = ev.cpu = UINT32_MAX;
	proc.start_boot_ns = proc.start_unix_ns = proc.cgroup_id = UINT64_MAX;
	ev.data.stream_offset = ev.data.call_offset = ev.data.call_total = UINT64_MAX;
	ev.data.missing = UINT64_MAX;
	ev.data.fin = true;
	ev.data.direction = DIRECTION_RECEIVE;
	ev.flags = (2 * EVENT_F_UNSEEN - 1) & ~EVENT_F_TRUNCATED;
	assert_event_returns(&ev);
	flow.family = 0;
	assert_event_returns(&ev);
	ev = events_of(EVENT_LINE);
	ev.line.status = INT32_MIN;
	assert_event_returns(&ev);
	ev.line.has_status = false;
	assert_event_returns(&ev);
	ev = events_of(EVENT_QUERY);
	ev.query.id = ev.query.outer = ev.query.session = ev.query.rows = UINT64_MAX;
	ev.query.text_total = ev.query.start_boot_ns = ev.query.duration_ns = UINT64_MAX;
	ev.query.error = ev.query.statement_id = ev.query.results = UINT32_MAX;
	ev.query.warnings = UINT32_MAX;
	assert_event_returns(&ev);
	ev.query.failed = ev.query.has_rows = ev.query.has_rows_sent = false;
	ev.query.params.raw = BYTES("\2\0\0\0\xff\0\0\0\0\0\377\377\377\377");
	ev.query.params.cut = true;
	ev.flow = NULL;
	assert_event_returns(&ev);
	ev.query.params.raw = BYTES("\377\377\377\377");
	ev.query.failed = true;
	ev.query.error = 0;
	ev.query.sqlstate = ev.query.message = (struct bytes){0};
	assert_event_returns(&ev);
	ev = events_of(EVENT_ATTACH);
	ev.attach.status = -EPERM;
	assert_event_returns(&ev);
	ev = events_of(EVENT_LOSS);
	ev.loss.first_seq = 1;
	ev.loss.last_seq = UINT64_MAX;
	assert_event_returns(&ev);
	ev = events_of(EVENT_EXIT);
	ev.exit = (struct event_exit){.signal = 9, .core = true};
	assert_event_returns(&ev);
}

struct taken {
	struct event ev;
	struct proc proc, parent;
	struct flow flow;
	unsigned n;
};

static int take(struct event *ev, void *arg)
{
	struct taken *t = arg;

	t->n++;
	t->ev = *ev;
	if (ev->proc)
		t->proc = *ev->proc;
	if (ev->proc && ev->proc->parent)
		t->parent = *ev->proc->parent;
	if (ev->flow)
		t->flow = *ev->flow;
	return 0;
}

static int decode(const char *line, struct taken *t, struct err *err)
{
	struct bytes rec = bytes_of(line);

	*t = (struct taken){0};
	return decoder_jsonl.decode(ctx, rec, take, t, err);
}

/* What lines mean, not only that they come back. */
static void fields_are_what_they_say(void **state)
{
	struct err err = {""};
	struct taken t;

	assert_int_equal(
		decode("{\"exec\":{\"parents\":[{\"pid\":7,\"comm\":\"sh\"}],\"argv\":[\"a\\n\","
		       "\"\"],\"argv_bytes\":9,\"unheard\":{\"pid\":[1,{\"pid\":2}]}},"
		       "\"process\":{\"pid\":5,\"exe_base64\":\"/w==\",\"comm\":\"\\u0041b\"},"
		       "\"flags\":[\"gap\",\"from_the_future\"],\"seq\":\"3\",\"cpu\":null,"
		       "\"time_unix_nano\":\"1732453680123456789\",\"type\":\"exec\"}",
		       &t, &err),
		0);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.ev.kind, EVENT_EXEC);
	assert_int_equal(t.ev.seq, 3);
	assert_true(t.ev.time_unix_ns == 1732453680123456789ull);
	assert_int_equal(t.ev.flags, EVENT_F_GAP);
	assert_int_equal(t.proc.pid, 5);
	assert_int_equal(t.proc.loginuid, UINT32_MAX);
	assert_true(bytes_eq(t.proc.exe, BYTES("\xff")));
	assert_int_equal(t.parent.pid, 7);
	assert_null(t.parent.parent);
	assert_int_equal(t.ev.exec.argv_total, 9);
	assert_int_equal(t.ev.exec.argv.n, 4);
	assert_int_equal(
		decode("{\"type\":\"tls_data\",\"conn\":{\"id\":\"00000000000000ff\",\"local_addr\""
		       ":\"::1\",\"role\":\"client\"},\"direction\":\"receive\",\"flags\":[\"in_"
		       "progress\"],\"tls_data\":{\"protocol\":\"mysql\",\"payload\":\"x\"}}",
		       &t, &err),
		0);
	assert_int_equal(t.flow.id, 0xff);
	assert_int_equal(t.flow.family, AF_INET6);
	assert_int_equal(t.flow.local[15], 1);
	assert_int_equal(t.flow.role, FLOW_ROLE_CLIENT);
	assert_int_equal(t.flow.protocol, PROTOCOL_MYSQL);
	assert_int_equal(t.ev.data.direction, DIRECTION_RECEIVE);
	assert_true(t.ev.data.late);
	assert_null(t.ev.proc);
}

static void statements_are_what_they_say(void **state)
{
	static const char values[] = "\1\0\0\0"
				     "a"
				     "\377\377\377\377"
				     "\2\0\0\0"
				     "\x01\n";
	struct event_query *q;
	struct err err = {""};
	struct taken t;

	q = &t.ev.query;
	assert_int_equal(
		decode("{\"type\":\"sql\",\"duration_ns\":5,\"sql\":{\"params\":[\"a\",null,"
		       "\"\\u0001\\n\"],\"id\":\"18446744073709551615\",\"rows\":0,"
		       "\"error\":\"no\",\"db_system\":\"mysql\",\"query\":\"select\"}}",
		       &t, &err),
		0);
	assert_true(q->id == UINT64_MAX && q->has_rows && !q->has_rows_sent && q->failed);
	assert_int_equal(q->duration_ns, 5);
	assert_int_equal(q->text_total, 6);
	assert_string_equal(q->system, "mysql");
	assert_string_equal(q->command, "");
	assert_int_equal(q->params.format, QUERY_PARAMS_LIST);
	assert_true(bytes_eq(q->params.raw, (struct bytes){values, sizeof(values) - 1}));
	assert_null(t.ev.flow);
	assert_int_equal(
		decode("{\"type\":\"sql\",\"sql\":{\"params_base64\":[\"/w==\"]}}", &t, &err), 0);
	assert_true(bytes_eq(q->params.raw, BYTES("\1\0\0\0\xff")));
	assert_int_equal(decode("{\"type\":\"sql\",\"sql\":{}}", &t, &err), 0);
	assert_true(!q->params.format && !q->failed && !q->has_rows);
}

static void others_are_refused(void **state)
{
	static const char *const lines[] = {
		"{}",
		"[]",
		"7",
		"{\"type\":\"exit\"}",
		"{\"type\":\"nothing\",\"exit\":{}}",
		"{\"type\":\"exit\",\"exit\":[]}",
		"{\"type\":\"exit\",\"exit\":{\"code\":-1}}",
		"{\"type\":\"exit\",\"exit\":{\"code\":4294967296}}",
		"{\"type\":\"exit\",\"exit\":{\"code\":1.5}}",
		"{\"type\":\"exit\",\"exit\":{\"code\":\"\"}}",
		"{\"type\":\"exit\",\"exit\":{\"code\":true}}",
		"{\"type\":\"exit\",\"exit\":{},\"seq\":18446744073709551616}",
		"{\"type\":\"exit\",\"exit\":{}",
		"{\"type\":\"exit\",\"exit\":{}}}",
		"{\"type\":\"exit\",\"exit\":{}} {}",
		"{\"type\":\"exit\",\"exit\":{},\"probe\":\"\xff\"}",
		"{\"type\":\"exit\",\"exit\":{},\"process\":{\"comm_base64\":\"A\"}}",
		"{\"type\":\"exit\",\"exit\":{},\"process\":{\"comm_base64\":\"A?==\"}}",
		"{\"type\":\"exit\",\"exit\":{},\"process\":{\"comm_base64\":\"A===\"}}",
		"{\"type\":\"tls_data\",\"tls_data\":{}}",
		"{\"type\":\"tls_data\",\"tls_data\":{},\"conn\":{\"id\":\"12\"}}",
		"{\"type\":\"tls_data\",\"tls_data\":{},\"conn\":{\"local_addr\":\"1.2.3\"}}",
		"{\"type\":\"sql\",\"shell\":{}}",
		"{\"type\":\"sql\",\"sql\":{\"params\":{}}",
		"{\"type\":\"sql\",\"sql\":{\"rows\":-1}}",
		"{\"type\":\"sql\",\"sql\":{\"params_base64\":[\"A\"]}}",
		"{\"type\":\"meta\",\"stream_info\":{\"boot_id\":\"zz\"}}",
	};
	struct taken t;

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct err err = {""};

		if (decode(lines[i], &t, &err) != -EBADMSG || !err.text[0] || t.n)
			fail_msg("%s: %s", lines[i], err.text);
	}
}

/* Lists without end, and depth without end, take no more memory than their line. */
static void bombs_are_bounded(void **state)
{
	size_t n = 1000000, len = 0;
	char *line = malloc(12 * n + 200);
	struct err err = {""};
	struct taken t;

	assert_non_null(line);
	len = snprintf(line, 200, "{\"type\":\"stats\",\"stats\":{\"counters\":[{}");
	for (size_t i = 0; i < n; i++)
		len += snprintf(line + len, 8, ",{}");
	memcpy(line + len, "]}}", 4);
	assert_int_equal(decode(line, &t, &err), 0);
	assert_in_range(t.ev.stats.n, 1000, 10000);
	/* The shortest values there are, which become longer than they were. */
	len = snprintf(line, 200, "{\"type\":\"sql\",\"sql\":{\"params\":[\"\"");
	for (size_t i = 0; i < n; i++)
		len += snprintf(line + len, 8, ",\"\"");
	memcpy(line + len, "]}}", 4);
	assert_int_equal(decode(line, &t, &err), 0);
	assert_in_range(t.ev.query.params.raw.n, 4, 4 * (n + 1));
	memset(line + len - 70000, 'v', 70000 - 1); /* one that no other format takes */
	line[len - 1] = '"';
	assert_int_equal(decode(line, &t, &err), -EBADMSG);
	len = snprintf(line, 200, "{\"type\":");
	memset(line + len, '[', n);
	line[len + n] = 0;
	assert_int_equal(decode(line, &t, &err), -EBADMSG);
	free(line);
}

static void lines_are_found(void **state)
{
	char *long_line = malloc(CHUNK_JUMBO + 1);
	size_t want = 1;

	assert_int_equal(decoder_jsonl.extent(ctx, BYTES("{}\n{}\n"), &want), 3);
	assert_int_equal(decoder_jsonl.extent(ctx, BYTES("{\"type\":"), &want), 0);
	assert_int_equal(decoder_jsonl.extent(ctx, BYTES("P\n"), &want), -EBADMSG);
	assert_int_equal(decoder_jsonl.extent(ctx, (struct bytes){0}, &want), 0);
	assert_non_null(long_line);
	memset(long_line, '{', CHUNK_JUMBO + 1);
	long_line[CHUNK_JUMBO] = '\n';
	assert_int_equal(
		decoder_jsonl.extent(ctx, (struct bytes){long_line, CHUNK_JUMBO - 1}, &want), 0);
	assert_int_equal(
		decoder_jsonl.extent(ctx, (struct bytes){long_line, CHUNK_JUMBO + 1}, &want),
		-EBADMSG);
	free(long_line);
}

static int stop(struct event *ev, void *arg)
{
	return -ECANCELED;
}

static void caller_may_stop(void **state)
{
	struct err err;

	assert_int_equal(decoder_jsonl.decode(ctx, BYTES("{\"type\":\"exit\",\"exit\":{}}\n"), stop,
					      NULL, &err),
			 -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recordings_return),
		cmocka_unit_test(hostile_texts_return),
		cmocka_unit_test(numbers_return),
		cmocka_unit_test(fields_are_what_they_say),
		cmocka_unit_test(statements_are_what_they_say),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(bombs_are_bounded),
		cmocka_unit_test(lines_are_found),
		cmocka_unit_test(caller_may_stop),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
