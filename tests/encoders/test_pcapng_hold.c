/* SPDX-License-Identifier: GPL-2.0-or-later */
/* First bytes that do not tell their protocol wait, as far as a reader of the file can see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "encoders/pcapng/hold.h"
#include "tests/support/events.h"
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

/* mosquitto takes the first byte by itself: the port is that of what it turns out to be. */
static void first_bytes_wait_for_their_protocol(void **state)
{
	struct encoding e;
	struct talk t;
	struct packet p[16];

	start(&e);
	t = talk_new(&e, 1, PROTOCOL_UNKNOWN);
	SAYS(&t, OUT, "\x10");
	SAYS(&t, OUT, "\x0c");
	t.flow.protocol = PROTOCOL_MQTT;
	SAYS(&t, OUT, "\0\4MQTT\4\2\0\x3c\0\0");
	assert_int_equal(packets_of(&e, p, 16), 5);
	assert_int_equal(p[0].to_port, 1883);
	assert_true(packets_comment_has(&p[0], "pid=1234 comm=curl"));
	assert_true(packets_comment_has(&p[0], "protocol=mqtt"));
	assert_int_equal(p[3].seq, p[0].seq + 1);
	assert_int_equal(p[3].payload.n, 2);
	assert_memory_equal(p[3].payload.p, "\x10\x0c", 2);
	assert_int_equal(p[4].seq, p[0].seq + 3);
	assert_int_equal(p[4].unix_ns - p[3].unix_ns, 2000000);
	encoding_close(&e);
}

static void they_do_not_wait_for_long(void **state)
{
	struct encoding e;
	struct talk t, other, closed;
	struct packet p[32];

	start(&e);
	t = talk_new(&e, 1, PROTOCOL_UNKNOWN);
	other = talk_new(&e, 2, PROTOCOL_HTTP1);
	other.now_ns = t.now_ns;
	other.flow.local_port++;
	closed = talk_new(&e, 3, PROTOCOL_UNKNOWN);
	closed.flow.local_port += 2;
	/* no longer than it takes to be seen that the times in the file would go back */
	SAYS(&t, OUT, "a");
	*t.now_ns += 2 * 20000000;
	SAYS(&other, OUT, "GET");
	assert_int_equal(packets_of(&e, p, 32), 8);
	assert_int_equal(p[0].to_port, 9);
	assert_int_equal(p[3].payload.n, 1);
	assert_int_equal(p[4].to_port, 80);
	/* nor beyond the chunk, or the answer, or the end */
	talk_renew(&t, 4);
	t.flow.local_port += 3;
	SAYS(&t, OUT, "bc");
	assert_int_equal(packets_of(&e, p, 32), 12);
	assert_int_equal(p[11].payload.n, 2);
	SAYS(&t, OUT, "d");
	assert_int_equal(packets_of(&e, p, 32), 13);
	SAYS(&closed, IN, "e");
	SAYS(&closed, OUT, "f");
	talk_closes(&closed);
	assert_int_equal(packets_of(&e, p, 32), 13 + 3 + 2 + 3);
	encoding_close(&e);
}

static void only_a_few_wait(void **state)
{
	struct encoding e;
	struct talk t;
	struct packet p[40];

	start(&e);
	t = talk_new(&e, 1, PROTOCOL_UNKNOWN);
	for (unsigned i = 0; i < 9; i++) {
		talk_renew(&t, 1 + i);
		t.flow.local_port = 1001 + i;
		SAYS(&t, OUT, "x");
	}
	assert_int_equal(packets_of(&e, p, 40), 36);
	assert_int_equal(p[0].from_port, 1009);
	assert_int_equal(p[4].from_port, 1001);
	assert_int_equal(p[32].from_port, 1008);
	encoding_close(&e);
}

static void what_is_held_is_one_event(void **state)
{
	struct flows_stream streams[2] = {{0}};
	struct flow flow = {.id = 7};
	struct pcapng_hold hold = {.n = 0};
	struct event ev = {.kind = EVENT_DATA,
			   .flow = &flow,
			   .data = {.payload = BYTES("ab"), .direction = OUT}};
	const struct event *whole;

	flows_place(streams, &ev);
	assert_true(pcapng_hold_take(&hold, &ev));
	assert_false(pcapng_hold_take(&hold, &ev)); /* the same bytes again */
	ev.data.stream_offset = 2;
	ev.data.payload = BYTES("c");
	flows_place(streams, &ev);
	assert_true(pcapng_hold_take(&hold, &ev));
	ev.data.stream_offset = 5; /* after a gap */
	flows_place(streams, &ev);
	assert_false(pcapng_hold_take(&hold, &ev));
	whole = pcapng_hold_event(pcapng_hold_find(&hold, 7));
	assert_true(bytes_eq(whole->data.payload, BYTES("abc")));
	assert_int_equal(whole->data.begin, 0);
	assert_int_equal(whole->data.end, 3);
	pcapng_hold_drop(&hold, pcapng_hold_find(&hold, 7));
	assert_null(pcapng_hold_find(&hold, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_bytes_wait_for_their_protocol),
		cmocka_unit_test(they_do_not_wait_for_long),
		cmocka_unit_test(only_a_few_wait),
		cmocka_unit_test(what_is_held_is_one_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
