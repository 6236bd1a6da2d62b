/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/flows.h"
#include "capture/layout.h"

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

/* What a record says of its place, and what the event says then; all are sent. */
static const struct place {
	const char *what;
	uint64_t offset, n, call_offset, call_total;
	uint32_t flags;
	struct {
		uint64_t begin, missing, repeated, unseen, end;
	} want;
	bool restarts; /* a connection of its own */
} places[] = {
	{"the beginning", 0, 6, 0, 6, 0, {0, 0, 0, 0, 6}},
	{"what was there", 2, 1, 0, 1, 0, {6, 0, 1, 0, 6}},
	{"what was there, and more", 4, 5, 0, 5, 0, {6, 0, 2, 0, 9}},
	{"what follows", 9, 1, 0, 1, 0, {9, 0, 0, 0, 10}},
	{"a gap", 15, 5, 0, 5, 0, {10, 5, 0, 0, 20}},
	{"from a file", 20, 0, 0, 1000, EVENT_F_UNSEEN, {20, 0, 0, 1000, 1020}},
	{"after that", 1020, 10, 0, 10, 0, {1020, 0, 0, 0, 1030}},
	{"from a file, after a gap", 1040, 0, 0, 60, EVENT_F_UNSEEN, {1030, 10, 0, 60, 1100}},
	{"from a file, once more", 1050, 0, 0, 60, EVENT_F_UNSEEN, {1100, 0, 0, 10, 1110}},
	{"cut", 1110, 10, 0, 90, EVENT_F_TRUNCATED, {1110, 0, 0, 0, 1200}},
	{"after that", 1200, 10, 0, 10, 0, {1120, 80, 0, 0, 1210}},
	{"the last part, cut", 1210, 10, 16384, 16434, EVENT_F_TRUNCATED, {1210, 0, 0, 0, 1260}},
	{"not to be read", 1260, 0, 0, 7, EVENT_F_FAULT, {1220, 40, 0, 0, 1267}},
	{"after that", 1267, 3, 0, 3, 0, {1260, 7, 0, 0, 1270}},
	{"a part, not to be read", 1270, 0, 0, 40000, EVENT_F_FAULT, {1270, 0, 0, 0, 1270 + 16384}},
	{"the next part", 1270 + 16384, 9, 16384, 40000, 0, {1270, 16384, 0, 0, 17663}},
	{"a call that contradicts itself", 0, 5, 9, 3, EVENT_F_TRUNCATED, {0, 0, 0, 0, 5}, true},
	{"beyond 4 GiB", 5000000000, 5, 0, 5, 0, {5, 4999999995, 0, 0, 5000000005}},
	{"the last bytes", UINT64_MAX - 4, 4, 0, 4, 0, {0, UINT64_MAX - 4, 0, 0, UINT64_MAX}, true},
	{"once more", UINT64_MAX - 4, 4, 0, 4, 0, {UINT64_MAX, 0, 4, 0, UINT64_MAX}},
	{"the end", UINT64_MAX, 0, 0, 0, 0, {UINT64_MAX, 0, 0, 0, UINT64_MAX}},
	{"as long as can be",
	 UINT64_MAX - UINT32_MAX,
	 0,
	 0,
	 UINT32_MAX,
	 EVENT_F_UNSEEN,
	 {0, UINT64_MAX - UINT32_MAX, 0, UINT32_MAX, UINT64_MAX},
	 true},
};

static void assert_place(const struct place *p, struct event ev)
{
	const struct event_data *d = &ev.data;

	if (d->begin != p->want.begin || d->missing != p->want.missing ||
	    d->repeated != p->want.repeated || d->unseen != p->want.unseen || d->end != p->want.end)
		fail_msg("%s: %zu +%zu -%zu ~%zu =%zu", p->what, d->begin, d->missing, d->repeated,
			 d->unseen, d->end);
	assert_int_equal(ev.flags, p->flags | (d->missing ? EVENT_F_GAP : 0));
	assert_int_equal(event_data_fresh(d).n, p->n - d->repeated);
}

static void each_event_says_where_it_stands(void **state)
{
	struct flow flow = {.id = 7};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct place *p = &places[i];
		struct event ev = said(&flow, DIRECTION_TRANSMIT, p->offset,
				       (struct bytes){"0123456789", p->n});

		ev.flags = p->flags;
		ev.data.call_offset = p->call_offset;
		ev.data.call_total = p->call_total;
		flow.id += p->restarts;
		flows_complete(*state, &ev);
		assert_place(p, ev);
	}
}

static void the_other_direction_is_known(void **state)
{
	struct flow flow = {.id = 7};
	struct event ev = said(&flow, DIRECTION_TRANSMIT, 0, BYTES("abc"));

	ev.flags = EVENT_F_TRUNCATED;
	ev.data.call_total = 100;
	flows_complete(*state, &ev);
	assert_int_equal(ev.data.peer_end, 0);
	ev = said(&flow, DIRECTION_RECEIVE, 0, BYTES("de"));
	flows_complete(*state, &ev);
	assert_int_equal(ev.data.peer_end, 100);
	ev = said(&flow, DIRECTION_TRANSMIT, 100, BYTES("f"));
	flows_complete(*state, &ev);
	assert_int_equal(ev.data.peer_end, 2);
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

/* The end of a connection comes after its last byte: what was lost before is missing there. */
static void what_was_lost_before_the_end_is_missing(void **state)
{
	static const struct {
		uint64_t offset, missing;
	} rows[] = {{3, 0}, {50, 47}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow flow = {.id = 7 + i};
		struct event ev = said(&flow, DIRECTION_TRANSMIT, 0, BYTES("abc"));

		flows_complete(*state, &ev);
		ev = said(&flow, DIRECTION_TRANSMIT, rows[i].offset, (struct bytes){0});
		ev.data.fin = true;
		flows_complete(*state, &ev);
		assert_int_equal(ev.data.missing, rows[i].missing);
		assert_int_equal(ev.data.end, rows[i].offset);
		assert_int_equal(ev.flags, rows[i].missing ? EVENT_F_GAP : 0);
	}
}

/* flows.c need not look for an offset that wraps: such a record is damaged. */
static void no_stream_is_longer_than_can_be(void **state)
{
	struct rec_data rec = {.rec = {.len = sizeof(rec), .kind = REC_DATA},
			       .stream_offset = UINT64_MAX - 1000,
			       .call_total = 1000,
			       .direction = DATA_TRANSMIT,
			       .library = DATA_OPENSSL};
	struct part part;

	assert_int_equal(layout_decode(&rec.rec, "tls", &part), 0);
	rec.stream_offset++;
	assert_int_equal(layout_decode(&rec.rec, "tls", &part), -EBADMSG);
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
		cmocka_unit_test_setup_teardown(each_event_says_where_it_stands, new, done),
		cmocka_unit_test_setup_teardown(a_protocol_shows_in_pieces, new, done),
		cmocka_unit_test_setup_teardown(what_was_lost_before_the_end_is_missing, new, done),
		cmocka_unit_test_setup_teardown(the_other_direction_is_known, new, done),
		cmocka_unit_test(no_stream_is_longer_than_can_be),
		cmocka_unit_test_setup_teardown(what_is_known_stays, new, done),
		cmocka_unit_test_setup_teardown(late_is_said_of_every_event, new, done),
		cmocka_unit_test_setup_teardown(the_protocol_is_guessed_where_it_can_be, new, done),
		cmocka_unit_test_setup_teardown(it_is_bounded, new, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
