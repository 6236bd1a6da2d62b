/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements as conversations: what is told, of which connection, when, and what never is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/query_params.h"
#include "encoders/pcapng/ethernet.h"
#include "kern/events.h"
#include "tests/support/events.h"
#include "tests/support/packets.h"

extern const struct encoder_ops encoder_pcapng;

enum {
	MOST = 1024
};

static struct packet p[MOST];

static void start(struct encoding *e, const char *options)
{
	encoding_open(e, &encoder_pcapng, options, NULL);
	encoding_begin(e);
}

/* One that succeeds, of a server. */
static struct event statement(const char *system, struct bytes text)
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

static unsigned written(struct encoding *e)
{
	return packets_of(e, p, MOST);
}

/* Handshake (3), greeting, login and welcome, request, answer. */
static void mysql_begins_with_a_login(void **state)
{
	struct event ev = statement("mysql", BYTES("select 17"));
	struct encoding e;

	start(&e, "streams=on");
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 8);
	assert_int_equal(p[3].from_port, 3306);
	assert_int_equal(p[3].payload.p[4], 10);
	assert_int_equal(p[4].to_port, 3306);
	assert_true(bytes_eq(p[6].payload, BYTES("\x0a\0\0\0\x03select 17")));
	assert_int_equal(p[6].unix_ns, event_unix(&ev, ev.query.start_boot_ns));
	assert_int_equal(p[7].unix_ns, ev.time_unix_ns);
	assert_int_equal(p[7].ack, p[6].seq + p[6].payload.n);
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 10);
	encoding_close(&e);
}

static void postgres_tells_rows(void **state)
{
	struct event ev = statement("postgresql", BYTES("select 17"));
	struct encoding e;

	ev.query.has_rows = true;
	ev.query.rows = 5;
	start(&e, "streams=on");
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 7);
	assert_int_equal(p[3].to_port, 5432);
	assert_true(bytes_eq(p[5].payload, BYTES("Q\0\0\0\x0eselect 17\0")));
	assert_true(bytes_eq(p[6].payload, BYTES("C\0\0\0\x0dSELECT 5\0Z\0\0\0\x05I")));
	encoding_close(&e);
}

static void assert_answer(struct event ev, struct bytes want)
{
	struct encoding e;
	unsigned n;

	start(&e, "streams=on");
	assert_int_equal(encoding_add(&e, &ev), 0);
	n = written(&e);
	assert_true(n > 0);
	assert_true(bytes_eq(p[n - 1].payload, want));
	encoding_close(&e);
}

/* Applications put comments in front of their statements. */
static void postgres_says_the_verb(void **state)
{
	struct event ev = statement("postgresql", BYTES("/* till */ select 17"));

	ev.query.fingerprint = BYTES("select ?");
	ev.query.has_rows = true;
	ev.query.rows = 1;
	assert_answer(ev, BYTES("C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I"));
	ev.query.fingerprint = BYTES("begin");
	ev.query.rows = 0;
	assert_answer(ev, BYTES("C\0\0\0\x0a"
				"BEGIN\0Z\0\0\0\x05I"));
	ev.query.fingerprint = BYTES("create temp table t(i int)");
	assert_answer(ev, BYTES("C\0\0\0\x11"
				"CREATE TABLE\0Z\0\0\0\x05I"));
	ev.query.fingerprint = BYTES("create or");
	assert_answer(ev, BYTES("C\0\0\0\x0b"
				"CREATE\0Z\0\0\0\x05I"));
	assert_answer(statement("postgresql", BYTES(" ;")), BYTES("I\0\0\0\4Z\0\0\0\x05I"));
	ev.query.command = "call";
	assert_answer(ev, BYTES("V\0\0\0\x08\xff\xff\xff\xffZ\0\0\0\x05I"));
}

static void mysql_tells_rows_that_were_sent(void **state)
{
	struct event ev = statement("mysql", BYTES("select 17"));

	ev.query.has_rows = false;
	ev.query.has_rows_sent = true;
	ev.query.rows_sent = 70000;
	ev.query.warnings = 3;
	assert_answer(ev, BYTES("\x18\0\0\x01\0\0\0\2\0\3\0\x10Rows sent: 70000"));
}

/* A packet of an error that has no message is malformed to Wireshark 4.0. */
static void mysql_tells_errors(void **state)
{
	struct event ev = statement("mysql", BYTES("select"));

	ev.query.failed = true;
	ev.query.error = 1064;
	ev.query.sqlstate = ev.query.message = (struct bytes){0};
	assert_answer(ev, BYTES("\x17\0\0\x01\xff\x28\x04#HY000(not recorded)"));
}

static void not_asked_for(void **state)
{
	struct event ev = statement("mysql", BYTES("select 17"));
	struct encoding e;

	start(&e, NULL);
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 0);
	encoding_close(&e);

	start(&e, "streams=on");
	ev.flags |= EVENT_F_UNFINISHED;
	assert_int_equal(encoding_add(&e, &ev), 0);
	ev.flags &= ~EVENT_F_UNFINISHED;
	ev.query.outer = 3;
	assert_int_equal(encoding_add(&e, &ev), 0);
	ev.query.outer = 0;
	ev.query.command = "statement";
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 0);
	encoding_close(&e);
}

/* The sessions of a process that are not known by connections: 198.18.0.0/15. */
static void without_a_connection(void **state)
{
	struct event ev = statement("mysql", BYTES("select 17"));
	struct encoding e;

	ev.flow = NULL;
	start(&e, "streams=on");
	assert_int_equal(encoding_add(&e, &ev), 0);
	ev.query.session++;
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 16);
	assert_int_equal(p[0].from[0], 198);
	assert_memory_not_equal(p[0].from, p[8].from, 4);
	encoding_close(&e);
}

/* Plaintext of TLS of the same connection does not get between. */
static void beside_the_same_connection(void **state)
{
	struct event ev = statement("mysql", BYTES("select 17")), data = events_of(EVENT_DATA);
	struct encoding e;
	struct flow flow = *ev.flow;
	unsigned n;

	flow.protocol = PROTOCOL_MYSQL;
	data.flow = &flow;
	start(&e, "streams=on");
	assert_int_equal(encoding_add(&e, &data), 0);
	n = written(&e);
	assert_true(n >= 4);
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), n + 8);
	assert_int_equal(p[n].flags, ETHERNET_SYN);
	encoding_close(&e);
}

/* The connection as its client has it. */
static struct flow mirror_of(const struct flow *flow)
{
	struct flow mirror = *flow;

	mirror.role = FLOW_ROLE_CLIENT;
	mirror.id++;
	mirror.cookie++;
	memcpy(mirror.local, flow->remote, 16);
	memcpy(mirror.remote, flow->local, 16);
	mirror.local_port = flow->remote_port;
	mirror.remote_port = flow->local_port;
	return mirror;
}

/* What the client's TLS library saw, and what the server says of the same connection, are two
 * things: neither takes the other's place, whichever comes first. */
static void plaintext_of_the_other_end_is_no_repetition(void **state)
{
	struct event ev = statement("mysql", BYTES("select 17")), data = events_of(EVENT_DATA);
	struct flow client = mirror_of(ev.flow);
	struct encoding e;
	unsigned n;

	client.protocol = PROTOCOL_HTTP1;
	data.flow = &client;
	for (unsigned plaintext_first = 0; plaintext_first < 2; plaintext_first++) {
		start(&e, "streams=on");
		assert_int_equal(encoding_add(&e, plaintext_first ? &data : &ev), 0);
		n = written(&e);
		assert_int_equal(encoding_add(&e, plaintext_first ? &ev : &data), 0);
		assert_true(written(&e) >= n + 4);
		encoding_close(&e);
	}
}

static void the_other_end_is_not_repeated(void **state)
{
	struct event ev = statement("mysql", BYTES("select 17"));
	struct flow flow = *ev.flow, mirror = mirror_of(&flow);
	struct encoding e;

	flow.role = FLOW_ROLE_SERVER;
	start(&e, "streams=on");
	ev.flow = &flow;
	assert_int_equal(encoding_add(&e, &ev), 0);
	ev.flow = &mirror;
	ev.query.side = "client";
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 8);
	encoding_close(&e);
}

/* Of a connection, a reader may want one end alone; what only the server knows stays. */
static void rows_of_one_end(void **state)
{
	struct event ev = statement("mysql", BYTES("select 17")), other = ev;
	struct flow flow = *ev.flow, mirror = mirror_of(&flow), stranger = mirror;
	struct encoding e;

	ev.flow = &mirror;
	ev.query.side = "client";
	other.flow = &flow;
	for (unsigned streams = 0; streams < 2; streams++) {
		start(&e, streams ? "ends=one,streams=on" : "ends=one");
		assert_int_equal(encoding_add(&e, &ev), 0);
		assert_int_equal(encoding_add(&e, &other), -EALREADY);
		assert_int_equal(encoding_add(&e, &ev), 0);
		assert_int_equal(encoding_add(&e, &other), -EALREADY);
		assert_int_equal(written(&e), streams ? 10 : 0);
		other.query.outer = 1;
		assert_int_equal(encoding_add(&e, &other), 0);
		other.query.outer = 0;
		stranger.id = flow.id + 7;
		stranger.local_port++;
		ev.flow = &stranger;
		assert_int_equal(encoding_add(&e, &ev), 0);
		ev.flow = &mirror;
		encoding_close(&e);
	}
	start(&e, NULL);
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(encoding_add(&e, &other), 0);
	encoding_close(&e);
}

static void a_new_file_begins_again(void **state)
{
	struct event ev = statement("mysql", BYTES("select 17"));
	struct encoding e;

	start(&e, "streams=on");
	assert_int_equal(encoding_add(&e, &ev), 0);
	encoding_end(&e);
	e.n = 0;
	encoding_begin(&e);
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 8);
	encoding_close(&e);
}

/* What the client sent behind its login, whose packets are the first six. */
static size_t sent_bytes(unsigned packets)
{
	size_t sum = 0;

	for (unsigned i = 6; i < packets; i++)
		if (p[i].to_port == 3306)
			sum += p[i].payload.n;
	return sum;
}

/* 16 MiB do not fit a chunk twice, in the custom block and in packets: these alone tell them. A
 * packet of MySQL is followed by another one. */
static void a_long_one_is_whole(void **state)
{
	const size_t n = 16 << 20;
	char *text = malloc(n);
	struct event ev = statement("mysql", (struct bytes){text, n});
	struct encoding e;
	unsigned packets;

	assert_non_null(text);
	memset(text, 'x', n);
	start(&e, "streams=on");
	assert_int_equal(encoding_add(&e, &ev), 0);
	packets = written(&e);
	assert_in_range(packets, 500, MOST);
	assert_int_equal(sent_bytes(packets), 4 + 1 + n + 4);
	assert_memory_equal(p[6].payload.p, "\xff\xff\xff\0\x03xx", 7);
	assert_memory_equal(p[packets - 3].payload.p + p[packets - 3].payload.n - 7,
			    "x\x02\0\0\x01xx", 7);
	encoding_close(&e);
	free(text);
}

/* With everything in the custom block as well, the output halves the text, and the conversation
 * begins as if nothing had been tried. */
static void a_long_one_is_cut(void **state)
{
	const size_t n = 16 << 20;
	char *text = malloc(n);
	struct event ev = statement("mysql", (struct bytes){text, n});
	struct encoding e;
	unsigned packets;

	assert_non_null(text);
	memset(text, 'x', n);
	start(&e, "streams=on,events=custom");
	assert_int_equal(encoding_add(&e, &ev), -EMSGSIZE);
	assert_int_equal(written(&e), 0);
	assert_true(event_shorten(&ev));
	assert_true(ev.flags & EVENT_F_TRUNCATED);
	assert_int_equal(encoding_add(&e, &ev), 0);
	packets = written(&e);
	assert_in_range(packets, 250, MOST);
	assert_int_equal(sent_bytes(packets), 4 + 1 + ev.query.text.n);
	encoding_close(&e);
	free(text);
}

/* Adds it to what has been written, and returns the first packet that it brought. */
static struct packet *added(struct encoding *e, struct event *ev, unsigned *n)
{
	unsigned before = written(e);

	assert_int_equal(encoding_add(e, ev), 0);
	*n = written(e) - before;
	return p + before;
}

static bool is_command(const struct packet *packet, unsigned command, const char *rest, size_t n)
{
	struct bytes b = packet->payload;

	return b.n >= 5 && (uint8_t)b.p[4] == command &&
	       bytes_eq((struct bytes){b.p + 5, b.n - 5}, (struct bytes){rest, n});
}

#define EXECUTE "\0\1\0\0\0" /* no cursor, once */

/* A preparation does not tell its number: it is taken for the next one, and told again where that
 * was wrong, or where its text is another one. */
static void mysql_executes_what_was_prepared(void **state)
{
	static const char value[] = "\0\1\1\0\5"; /* not NULL, types follow, TINY, 5 */
	struct event ev = statement("mysql", BYTES("select ?"));
	struct encoding e;
	struct packet *at;
	unsigned n;

	start(&e, "streams=on");
	ev.query.command = "prepare";
	assert_int_equal(encoding_add(&e, &ev), 0);
	ev.query.command = "execute";
	ev.query.statement_id = 1;
	ev.query.params = (struct query_params){.raw = {value, 5}, .format = QUERY_PARAMS_MYSQL};
	at = added(&e, &ev, &n);
	assert_int_equal(n, 2);
	assert_true(is_command(at, 23, "\1\0\0\0" EXECUTE "\0\1\1\0\5", 14));
	ev.query.statement_id = 7;
	at = added(&e, &ev, &n);
	assert_int_equal(n, 4);
	assert_true(is_command(at, 22, "select ?", 8));
	assert_memory_equal(at[1].payload.p, "\x0c\0\0\1\0\7\0\0\0\0\0\1\0\0", 14);
	assert_true(is_command(at + 2, 23, "\7\0\0\0" EXECUTE "\0\1\1\0\5", 14));
	ev.query.text = BYTES("select 8, ?");
	ev.query.text_total = ev.query.text.n;
	added(&e, &ev, &n);
	assert_int_equal(n, 4);
	added(&e, &ev, &n);
	assert_int_equal(n, 2);
	ev.query.command = "prepare";
	ev.query.statement_id = 0;
	at = added(&e, &ev, &n);
	assert_int_equal(n, 2);
	assert_int_equal(at[1].payload.p[5], 8); /* the next number */
	encoding_close(&e);
}

static void assert_executed_by_text(struct event ev)
{
	struct encoding e;

	ev.query.command = "execute";
	start(&e, "streams=on");
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 8);
	assert_true(is_command(&p[6], 3, ev.query.text.p, ev.query.text.n));
	encoding_close(&e);
}

/* Values that are not known, or not all of them, or are too many bytes for one packet. */
static void mysql_executes_by_text(void **state)
{
	static char large[0xffffff];
	struct event ev = statement("mysql", BYTES("select ?, ?"));
	uint32_t one = sizeof(large) - 8, null = UINT32_MAX;

	ev.query.statement_id = 0;
	assert_executed_by_text(ev);
	ev.query.statement_id = 1;
	assert_executed_by_text(ev);
	ev.query.params = query_params_list((struct bytes){(char *)&null, 4}, true);
	assert_executed_by_text(ev);
	memcpy(large, &one, 4);
	memcpy(large + sizeof(large) - 4, &null, 4);
	ev.query.params = query_params_list((struct bytes){large, sizeof(large)}, false);
	assert_executed_by_text(ev);
}

/* What was prepared in the last file, is in this one, too. */
static void mysql_prepares_again_in_a_new_file(void **state)
{
	struct event ev = statement("mysql", BYTES("select 17"));
	struct encoding e;

	ev.query.command = "execute";
	ev.query.statement_id = 3;
	start(&e, "streams=on");
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 10);
	encoding_end(&e);
	e.n = 0;
	encoding_begin(&e);
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 10);
	assert_true(is_command(&p[8], 23, "\3\0\0\0" EXECUTE, 9));
	encoding_close(&e);
}

/* A NUL ends a text for Wireshark: there is \0 in its place. */
static void mysql_has_no_nul(void **state)
{
	struct event ev = statement("mysql", BYTES("select '\0'"));
	struct encoding e;

	start(&e, "streams=on");
	assert_int_equal(encoding_add(&e, &ev), 0);
	assert_int_equal(written(&e), 8);
	assert_true(is_command(&p[6], 3, "select '\\0'", 11));
	encoding_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mysql_begins_with_a_login),
		cmocka_unit_test(postgres_tells_rows),
		cmocka_unit_test(postgres_says_the_verb),
		cmocka_unit_test(mysql_tells_rows_that_were_sent),
		cmocka_unit_test(mysql_tells_errors),
		cmocka_unit_test(not_asked_for),
		cmocka_unit_test(without_a_connection),
		cmocka_unit_test(beside_the_same_connection),
		cmocka_unit_test(plaintext_of_the_other_end_is_no_repetition),
		cmocka_unit_test(the_other_end_is_not_repeated),
		cmocka_unit_test(rows_of_one_end),
		cmocka_unit_test(a_new_file_begins_again),
		cmocka_unit_test(a_long_one_is_whole),
		cmocka_unit_test(a_long_one_is_cut),
		cmocka_unit_test(mysql_executes_what_was_prepared),
		cmocka_unit_test(mysql_executes_by_text),
		cmocka_unit_test(mysql_prepares_again_in_a_new_file),
		cmocka_unit_test(mysql_has_no_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
