/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements as conversations: what is told, of which connection, when, and what never is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "encoders/pcapng/ethernet.h"
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

static unsigned written(struct encoding *e)
{
	return packets_of(e, p, MOST);
}

static void postgres_tells_rows(void **state)
{
	struct event ev = events_statement("postgresql", BYTES("select 17"));
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
	struct event ev = events_statement("postgresql", BYTES("/* till */ select 17"));

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
	assert_answer(events_statement("postgresql", BYTES(" ;")), BYTES("I\0\0\0\4Z\0\0\0\x05I"));
	ev.query.command = "call";
	assert_answer(ev, BYTES("V\0\0\0\x08\xff\xff\xff\xffZ\0\0\0\x05I"));
}

static void not_asked_for(void **state)
{
	struct event ev = events_statement("mysql", BYTES("select 17"));
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
	struct event ev = events_statement("mysql", BYTES("select 17"));
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
	struct event ev = events_statement("mysql", BYTES("select 17")),
		     data = events_of(EVENT_DATA);
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
	struct event ev = events_statement("mysql", BYTES("select 17")),
		     data = events_of(EVENT_DATA);
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
	struct event ev = events_statement("mysql", BYTES("select 17"));
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
	struct event ev = events_statement("mysql", BYTES("select 17")), other = ev;
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
	struct event ev = events_statement("mysql", BYTES("select 17"));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(postgres_tells_rows),
		cmocka_unit_test(postgres_says_the_verb),
		cmocka_unit_test(not_asked_for),
		cmocka_unit_test(without_a_connection),
		cmocka_unit_test(beside_the_same_connection),
		cmocka_unit_test(plaintext_of_the_other_end_is_no_repetition),
		cmocka_unit_test(the_other_end_is_not_repeated),
		cmocka_unit_test(rows_of_one_end),
		cmocka_unit_test(a_new_file_begins_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
