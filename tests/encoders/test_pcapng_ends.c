/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which end of a connection is written and under which addresses, as far as a reader can see. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/packets.h"
#include "tests/support/talk.h"

extern const struct encoder_ops encoder_pcapng;

#define OUT                         DIRECTION_TRANSMIT
#define IN                          DIRECTION_RECEIVE
#define SAYS(t, direction, literal) assert_int_equal(talk_says(t, direction, BYTES(literal)), 0)

static void start(struct encoding *e)
{
	encoding_open(e, &encoder_pcapng, NULL, NULL);
	encoding_begin(e);
}

static void the_other_end_is_a_duplicate(void **state)
{
	struct encoding e;
	struct talk client, server;
	struct packet p[16];

	start(&e);
	client = talk_new(&e, 1, PROTOCOL_HTTP1);
	server = talk_mirror(&client, 2);
	SAYS(&client, OUT, "GET");
	assert_int_equal(talk_says(&server, IN, BYTES("GET")), -EALREADY);
	assert_int_equal(talk_says(&server, OUT, BYTES("200")), -EALREADY);
	SAYS(&client, IN, "200");
	assert_int_equal(talk_closes(&client), 0);
	assert_int_equal(talk_closes(&server), -EALREADY);
	assert_int_equal(packets_of(&e, p, 16), 8);
	/* The same port once more: a conversation of its own, from which end it may be seen. */
	server = talk_mirror(&client, 3);
	SAYS(&server, IN, "GET");
	talk_renew(&client, 4);
	assert_int_equal(talk_says(&client, OUT, BYTES("GET")), -EALREADY);
	assert_int_equal(packets_of(&e, p, 16), 12);
	assert_int_equal(p[8].from_port, p[0].from_port);
	assert_memory_equal(p[8].from, p[0].from, 4);
	assert_int_not_equal(p[8].seq, p[0].seq);
	encoding_close(&e);
}

/* A duplicate is told in full where every event is. */
static void custom_has_both_ends(void **state)
{
	struct encoding e;
	struct talk client, server;
	size_t n;

	encoding_open(&e, &encoder_pcapng, "events=custom", NULL);
	encoding_begin(&e);
	client = talk_new(&e, 1, PROTOCOL_HTTP1);
	server = talk_mirror(&client, 2);
	SAYS(&client, OUT, "GET");
	encoding_ship(&e);
	n = e.n;
	SAYS(&server, IN, "once more");
	encoding_ship(&e);
	assert_non_null(memmem(e.p + n, e.n - n, "once more", 9));
	encoding_close(&e);
}

static void ends_must_fit(void **state)
{
	static const struct {
		const char *why;
		uint32_t netns;
		uint64_t cookie;
		uint8_t address;
		enum flow_role role;
		bool duplicate;
	} rows[] = {
		{"the other end", 1, 2, 192, FLOW_ROLE_SERVER, true},
		{"in another namespace", 2, 2, 192, FLOW_ROLE_SERVER, true},
		{"role not known", 1, 2, 192, FLOW_ROLE_UNKNOWN, true},
		{"the same socket", 1, 1, 192, FLOW_ROLE_SERVER, false},
		{"two clients", 1, 2, 192, FLOW_ROLE_CLIENT, false},
		{"loopback", 1, 2, 127, FLOW_ROLE_SERVER, true},
		{"loopback of another namespace", 2, 2, 127, FLOW_ROLE_SERVER, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct encoding e;
		struct talk client, server;
		int r;

		start(&e);
		client = talk_new(&e, 1, PROTOCOL_HTTP1);
		client.flow.local[0] = client.flow.remote[0] = rows[i].address;
		server = talk_mirror(&client, 2);
		server.flow.netns = rows[i].netns;
		server.flow.cookie = rows[i].cookie;
		server.flow.role = rows[i].role;
		SAYS(&client, OUT, "GET");
		r = talk_says(&server, IN, BYTES("GET"));
		if (r != (rows[i].duplicate ? -EALREADY : 0))
			fail_msg("%s: %d", rows[i].why, r);
		encoding_close(&e);
	}
}

static void a_closed_end_is_forgotten_in_time(void **state)
{
	struct encoding e;
	struct talk client, server;
	struct packet p[16];

	start(&e);
	client = talk_new(&e, 1, PROTOCOL_HTTP1);
	server = talk_mirror(&client, 2);
	SAYS(&client, OUT, "GET");
	talk_closes(&client);
	assert_int_equal(talk_says(&server, IN, BYTES("GET")), -EALREADY); /* it reads late */
	encoding_close(&e);
	start(&e);
	talk_renew(&client, 1);
	talk_renew(&server, 2);
	client.to = server.to = &e;
	SAYS(&client, OUT, "GET");
	talk_closes(&client);
	*client.now_ns += 30000000000;
	SAYS(&server, IN, "GET");
	assert_int_equal(packets_of(&e, p, 16), 11);
	assert_memory_equal(p[7].from, p[0].from, 4);
	encoding_close(&e);
}

static void addresses_are_made_up_where_they_must(void **state)
{
	struct encoding e;
	struct talk first, second, third, unknown, six;
	struct packet p[24];

	start(&e);
	first = second = third = unknown = six = talk_new(&e, 1, PROTOCOL_HTTP1);
	second.flow.id = 2; /* the same client port to another server port: 80 as well */
	second.flow.remote_port = 9443;
	third.flow.id = 3; /* the same tuple in another namespace */
	third.flow.netns = 2;
	unknown.flow = (struct flow){.id = 4, .role = FLOW_ROLE_SERVER, .protocol = PROTOCOL_HTTP1};
	six.flow.id = 5;
	six.flow.family = AF_INET6;
	SAYS(&first, OUT, "1");
	SAYS(&second, OUT, "2");
	SAYS(&third, OUT, "3");
	SAYS(&unknown, OUT, "4");
	SAYS(&six, OUT, "5");
	six.flow.id = 6;
	SAYS(&six, OUT, "6");
	assert_int_equal(packets_of(&e, p, 24), 24);
	assert_memory_equal(p[0].from, "\xc0\0\2\1", 4);
	assert_memory_equal(p[4].from, "\xc6\x12\0\1", 4);
	assert_memory_equal(p[4].to, "\xc6\x13\0\1", 4);
	assert_int_equal(p[4].from_port, 40000);
	assert_true(
		packets_comment_has(&p[4], "orig=192.0.2.20:9443 client=192.0.2.1:40000 netns=1"));
	assert_memory_equal(p[8].from, "\xc6\x12\0\2", 4);
	assert_true(packets_comment_has(&p[8], "netns=2"));
	assert_memory_equal(p[12].from, "\xc6\x12\0\3", 4);
	assert_int_equal(p[12].direction, 1);
	assert_true(packets_comment_has(&p[12], "orig=unknown client=unknown netns=0"));
	assert_int_equal(p[16].from[0], 192);
	assert_memory_equal(p[20].from, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\4", 16);
	assert_memory_equal(p[20].to, "\x20\1\x0d\xb8\0\0\0\1\0\0\0\0\0\0\0\4", 16);
	encoding_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_other_end_is_a_duplicate),
		cmocka_unit_test(custom_has_both_ends),
		cmocka_unit_test(ends_must_fit),
		cmocka_unit_test(a_closed_end_is_forgotten_in_time),
		cmocka_unit_test(addresses_are_made_up_where_they_must),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
