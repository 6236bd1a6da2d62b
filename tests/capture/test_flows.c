/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/flows.h"

/* What a record said of a connection that it knows nothing else of. */
static struct event said(const struct flow *flow, enum direction direction, uint64_t offset,
			 struct bytes payload)
{
	return (struct event){.kind = EVENT_DATA,
			      .flow = flow,
			      .data = {.direction = direction,
				       .stream_offset = offset,
				       .payload = payload,
				       .call_total = payload.n}};
}

static int new (void **state)
{
	*state = flows_new();
	return *state ? 0 : -1;
}

static int done(void **state)
{
	flows_free(*state);
	return 0;
}

static void gaps_are_seen_in_each_direction(void **state)
{
	static const struct {
		enum direction direction;
		uint64_t offset, missing;
	} rows[] = {
		{DIRECTION_TRANSMIT, 0, 0},    {DIRECTION_TRANSMIT, 3, 0},
		{DIRECTION_RECEIVE, 100, 100}, {DIRECTION_TRANSMIT, 10, 4},
		{DIRECTION_RECEIVE, 103, 0},   {DIRECTION_TRANSMIT, 13, 0},
	};
	struct flow flow = {.id = 7};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct event ev = said(&flow, rows[i].direction, rows[i].offset, BYTES("abc"));

		flows_complete(*state, &ev);
		assert_int_equal(ev.data.missing, rows[i].missing);
		assert_int_equal(ev.flags, rows[i].missing ? EVENT_F_GAP : 0);
	}
}

/* An event that goes back (it cannot, but a recording may say anything) is no gap and moves
 * nothing. */
static void going_back_is_no_gap(void **state)
{
	struct flow flow = {.id = 7};
	struct event ev = said(&flow, DIRECTION_TRANSMIT, 0, BYTES("abcdef"));

	flows_complete(*state, &ev);
	ev = said(&flow, DIRECTION_TRANSMIT, 2, BYTES("a"));
	flows_complete(*state, &ev);
	assert_int_equal(ev.data.missing, 0);
	ev = said(&flow, DIRECTION_TRANSMIT, 6, BYTES("g"));
	flows_complete(*state, &ev);
	assert_int_equal(ev.data.missing, 0);
}

/* mosquitto reads a byte, a byte, and the rest; nginx one byte of early data, then what follows. */
static void a_protocol_shows_in_pieces(void **state)
{
	static const char query[128] = "\x12\x34\1\0\0\1\0\0\0\0\0\1"; /* padded */
	static const struct {
		enum protocol protocol;
		struct bytes pieces[3];
	} rows[] = {
		{PROTOCOL_MQTT, {BYTES("\x10"), BYTES("\x0c"), BYTES("\0\4MQTT\4\2\0\x3c\0\0")}},
		{PROTOCOL_HTTP1, {BYTES("G"), BYTES("ET"), BYTES(" /n.txt HTTP/1.0\r\n\r\n")}},
		{PROTOCOL_DNS, {BYTES("\0\x80"), {query, 100}, {query + 100, 28}}},
		{PROTOCOL_UNKNOWN, {BYTES("x"), BYTES("GE"), BYTES("T / HTTP/1.0\r\n\r\n")}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow flow = {.id = 10 + i, .role = FLOW_ROLE_SERVER};
		uint64_t offset = 0;

		for (size_t k = 0; k < 3; k++) {
			struct event ev = said(&flow, DIRECTION_RECEIVE, offset, rows[i].pieces[k]);

			flows_complete(*state, &ev);
			offset += rows[i].pieces[k].n;
			assert_int_equal(ev.flow->protocol,
					 k == 2 ? rows[i].protocol : PROTOCOL_UNKNOWN);
		}
	}
}

static void closing_is_no_gap(void **state)
{
	struct flow flow = {.id = 7};
	struct event ev = said(&flow, DIRECTION_TRANSMIT, 50, (struct bytes){0});

	ev.data.fin = true;
	flows_complete(*state, &ev);
	assert_int_equal(ev.data.missing, 0);
	assert_int_equal(ev.flags, 0);
}

/* Addresses and role may come later, and stay when a record does not know them. */
static void what_is_known_stays(void **state)
{
	struct flow known = {.id = 7, .family = AF_INET, .local_port = 40000, .cookie = 5};
	struct flow unknown = {.id = 7, .role = FLOW_ROLE_CLIENT};
	struct event ev = said(&unknown, DIRECTION_TRANSMIT, 0, BYTES("GET / HTTP/1.1\r\n"));

	flows_complete(*state, &ev);
	assert_int_equal(ev.flow->family, 0);
	assert_int_equal(ev.flow->protocol, PROTOCOL_HTTP1);
	ev = said(&known, DIRECTION_RECEIVE, 0, BYTES("x"));
	flows_complete(*state, &ev);
	assert_int_equal(ev.flow->local_port, 40000);
	assert_int_equal(ev.flow->role, FLOW_ROLE_CLIENT);
	ev = said(&unknown, DIRECTION_RECEIVE, 1, BYTES("y"));
	flows_complete(*state, &ev);
	assert_int_equal(ev.flow->family, AF_INET);
	assert_int_equal(ev.flow->cookie, 5);
	assert_int_equal(ev.flow->protocol, PROTOCOL_HTTP1);
}

static void late_is_said_of_every_event(void **state)
{
	struct flow flow = {.id = 7};
	struct event ev = said(&flow, DIRECTION_TRANSMIT, 0, BYTES("a"));

	ev.data.late = true;
	flows_complete(*state, &ev);
	assert_int_equal(ev.flags, EVENT_F_IN_PROGRESS);
	ev = said(&flow, DIRECTION_RECEIVE, 0, BYTES("b"));
	flows_complete(*state, &ev);
	assert_true(ev.data.late);
	assert_int_equal(ev.flags, EVENT_F_IN_PROGRESS);
}

/* Only the beginning of a message is looked at, and only early in a connection. */
static void the_protocol_is_guessed_where_it_can_be(void **state)
{
	struct bytes get = BYTES("GET / HTTP/1.1\r\n");
	struct flow flow = {.id = 7, .role = FLOW_ROLE_CLIENT};
	struct event ev = said(&flow, DIRECTION_TRANSMIT, 16384, get);

	ev.data.call_offset = 16384;
	flows_complete(*state, &ev);
	assert_int_equal(ev.flow->protocol, PROTOCOL_UNKNOWN);
	ev = said(&flow, DIRECTION_TRANSMIT, 10000000, get);
	flows_complete(*state, &ev);
	assert_int_equal(ev.flow->protocol, PROTOCOL_UNKNOWN);
	ev = said(&flow, DIRECTION_TRANSMIT, 20000, get);
	flows_complete(*state, &ev);
	assert_int_equal(ev.flow->protocol, PROTOCOL_HTTP1);
	ev = said(&flow, DIRECTION_TRANSMIT, 20016, BYTES("EHLO x\r\n")); /* does not change */
	flows_complete(*state, &ev);
	assert_int_equal(ev.flow->protocol, PROTOCOL_HTTP1);
}

/* More connections than it can follow: the oldest is forgotten, the newest are not. */
static void it_is_bounded(void **state)
{
	struct flow flow = {.id = 1};
	struct event ev;

	for (unsigned i = 0; i < 100000; i++) {
		flow.id = i + 1;
		ev = said(&flow, DIRECTION_TRANSMIT, 0, BYTES("abc"));
		flows_complete(*state, &ev);
	}
	ev = said(&flow, DIRECTION_TRANSMIT, 3, BYTES("abc"));
	flows_complete(*state, &ev);
	assert_int_equal(ev.data.missing, 0);
	flow.id = 1;
	ev = said(&flow, DIRECTION_TRANSMIT, 3, BYTES("abc"));
	flows_complete(*state, &ev);
	assert_int_equal(ev.data.missing, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(gaps_are_seen_in_each_direction, new, done),
		cmocka_unit_test_setup_teardown(going_back_is_no_gap, new, done),
		cmocka_unit_test_setup_teardown(a_protocol_shows_in_pieces, new, done),
		cmocka_unit_test_setup_teardown(closing_is_no_gap, new, done),
		cmocka_unit_test_setup_teardown(what_is_known_stays, new, done),
		cmocka_unit_test_setup_teardown(late_is_said_of_every_event, new, done),
		cmocka_unit_test_setup_teardown(the_protocol_is_guessed_where_it_can_be, new, done),
		cmocka_unit_test_setup_teardown(it_is_bounded, new, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
