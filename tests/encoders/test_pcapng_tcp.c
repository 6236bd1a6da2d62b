/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "encoders/pcapng/block.h"
#include "encoders/pcapng/ethernet.h"
#include "tests/support/events.h"
#include "tests/support/packets.h"
#include "tests/support/talk.h"

extern const struct encoder_ops encoder_pcapng;

#define OUT                         DIRECTION_TRANSMIT
#define IN                          DIRECTION_RECEIVE
#define SAYS(t, direction, literal) assert_int_equal(talk_says(t, direction, BYTES(literal)), 0)

enum {
	SYN = ETHERNET_SYN,
	ACK = ETHERNET_ACK,
	FIN = ETHERNET_FIN | ETHERNET_ACK,
	DATA = ETHERNET_PSH | ETHERNET_ACK
};

static void start(struct encoding *e)
{
	encoding_open(e, &encoder_pcapng, NULL, NULL);
	encoding_begin(e);
}

static void assert_packet(const struct packet *p, unsigned flags, uint32_t seq, uint32_t ack)
{
	assert_int_equal(p->flags, flags);
	assert_int_equal(p->seq, seq);
	assert_int_equal(p->ack, ack);
}

static void a_conversation_has_its_numbers(void **state)
{
	struct encoding e;
	struct talk t;
	struct packet p[16];
	uint32_t c, s;

	start(&e);
	t = talk_new(&e, 1, PROTOCOL_HTTP1);
	SAYS(&t, OUT, "12345");
	SAYS(&t, IN, "abcdefg");
	SAYS(&t, IN, "h");
	SAYS(&t, OUT, "6");
	assert_int_equal(talk_closes(&t), 0);
	assert_int_equal(packets_of(&e, p, 16), 10);
	c = p[0].seq;
	s = p[1].seq;
	assert_packet(&p[0], SYN, c, 0);
	assert_packet(&p[1], SYN | ACK, s, c + 1);
	assert_packet(&p[2], ACK, c + 1, s + 1);
	assert_packet(&p[3], DATA, c + 1, s + 1);
	assert_packet(&p[4], DATA, s + 1, c + 6);
	assert_packet(&p[5], DATA, s + 8, c + 6);
	assert_packet(&p[6], DATA, c + 6, s + 9);
	assert_packet(&p[7], FIN, c + 7, s + 9);
	assert_packet(&p[8], FIN, s + 9, c + 8);
	assert_packet(&p[9], ACK, c + 8, s + 10);
	assert_true(bytes_eq(p[4].payload, BYTES("abcdefg")));
	for (unsigned i = 0; i < 10; i++) {
		bool out = p[i].from_port == 40000;

		assert_int_equal(p[i].direction, out ? 2 : 1);
		assert_int_equal(p[i].interface, 1);
		assert_int_equal(p[i].from_port, out ? 40000 : 80);
		assert_int_equal(p[i].to_port, out ? 80 : 40000);
		assert_memory_equal(p[i].from, out ? t.flow.local : t.flow.remote, 4);
		assert_int_equal(p[i].pid, 1234);
		assert_int_equal(p[i].tid, 1235);
		assert_int_equal(p[i].process, 0);
		assert_int_equal(!!p[i].comment.n, i == 0);
	}
	assert_int_equal(p[0].unix_ns, p[3].unix_ns);
	encoding_close(&e);
}

static void a_server_is_called(void **state)
{
	struct encoding e;
	struct talk client, t;
	struct packet p[4];

	start(&e);
	client = talk_new(&e, 1, PROTOCOL_HTTP1);
	t = talk_mirror(&client, 2);
	SAYS(&t, IN, "GET");
	assert_int_equal(packets_of(&e, p, 4), 4);
	assert_packet(&p[0], SYN, p[0].seq, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(p[i].direction, i == 1 ? 2 : 1);
	assert_int_equal(p[0].from_port, 40000);
	assert_int_equal(p[0].to_port, 80);
	assert_true(packets_comment_has(&p[0], "pid=4321 comm=nginx orig=192.0.2.20:8443"));
	encoding_close(&e);
}

static void what_is_missing_is_a_jump(void **state)
{
	struct encoding e;
	struct talk t;
	struct packet p[16];

	start(&e);
	t = talk_new(&e, 1, PROTOCOL_HTTP1);
	t.lost = 10; /* before anything was recorded */
	SAYS(&t, OUT, "a");
	t.lost = 100000;
	SAYS(&t, OUT, "b");
	SAYS(&t, IN, "c");
	talk_flagged(&t, IN, BYTES("cut"), EVENT_F_TRUNCATED);
	assert_int_equal(packets_of(&e, p, 16), 7);
	assert_int_equal(p[3].seq, p[0].seq + 1 + 10);
	assert_int_equal(p[4].seq, p[3].seq + 1 + 100000);
	assert_int_equal(p[5].ack, p[4].seq + 1);
	encoding_close(&e);
}

/* A damaged recording may have the same bytes twice: they would look like retransmissions. */
static void what_was_there_is_not_repeated(void **state)
{
	struct encoding e;
	struct talk t;
	struct packet p[16];

	start(&e);
	t = talk_new(&e, 1, PROTOCOL_HTTP1);
	SAYS(&t, OUT, "abcdef");
	t.offset[0] = 2;
	assert_int_equal(talk_says(&t, OUT, BYTES("cd")), -EOPNOTSUPP);
	SAYS(&t, OUT, "efgh");
	assert_int_equal(packets_of(&e, p, 16), 5);
	assert_int_equal(p[4].seq, p[3].seq + 6);
	assert_true(bytes_eq(p[4].payload, BYTES("gh")));
	encoding_close(&e);
}

/* What was moved but not recorded is acknowledged, and the FIN stands after it. */
static void what_was_cut_counts(void **state)
{
	struct encoding e;
	struct talk t;
	struct packet p[16];
	struct event ev = events_of(EVENT_DATA);

	start(&e);
	t = talk_new(&e, 1, PROTOCOL_HTTP1);
	SAYS(&t, OUT, "GET");
	ev.flow = &t.flow;
	ev.flags = EVENT_F_TRUNCATED;
	ev.data = (struct event_data){
		.stream_offset = 3, .direction = OUT, .call_total = 5000, .library = "openssl"};
	assert_int_equal(talk_adds(&t, &ev), -EOPNOTSUPP);
	SAYS(&t, IN, "200");
	assert_int_equal(talk_closes(&t), 0);
	assert_int_equal(packets_of(&e, p, 16), 8);
	assert_int_equal(p[4].ack, p[3].seq + 3 + 5000);
	assert_int_equal(p[5].flags, FIN);
	assert_int_equal(p[5].seq, p[3].seq + 3 + 5000);
	encoding_close(&e);
}

/* Bytes that only their number is known of are packets without them, not a gap. */
static void what_was_not_seen_has_its_length(void **state)
{
	const uint32_t total = ETHERNET_PAYLOAD + 1000;
	struct event ev = events_of(EVENT_DATA);
	struct encoding e;
	struct talk t;
	struct packet p[16];

	start(&e);
	t = talk_new(&e, 1, PROTOCOL_HTTP1);
	ev.flow = &t.flow;
	ev.flags = EVENT_F_UNSEEN;
	ev.data = (struct event_data){.direction = OUT, .call_total = total, .library = "openssl"};
	assert_int_equal(talk_adds(&t, &ev), 0);
	SAYS(&t, IN, "200");
	t.offset[0] = total;
	SAYS(&t, OUT, "next");
	assert_int_equal(packets_of(&e, p, 16), 7);
	assert_packet(&p[3], DATA, p[0].seq + 1, p[1].seq + 1);
	assert_packet(&p[4], DATA, p[3].seq + ETHERNET_PAYLOAD, p[1].seq + 1);
	assert_int_equal(p[3].unseen, ETHERNET_PAYLOAD);
	assert_int_equal(p[4].unseen, 1000);
	assert_int_equal(p[3].payload.n + p[4].payload.n, 0);
	assert_true(packets_comment_has(&p[3], "counted, not seen"));
	assert_false(p[4].comment.n);
	assert_packet(&p[5], DATA, p[1].seq + 1, p[3].seq + total);
	assert_packet(&p[6], DATA, p[3].seq + total, p[1].seq + 4);
	assert_int_equal(p[6].unseen, 0);

	/* of a call that no file can show whole: the rest is a gap */
	ev.data.stream_offset = total + 4;
	ev.data.call_total = UINT32_MAX;
	assert_int_equal(talk_adds(&t, &ev), 0);
	assert_int_equal(packets_of(&e, p, 16) - 7, 1024 + 1);
	encoding_close(&e);
}

static void long_payloads_are_split(void **state)
{
	struct bytes all = {calloc(1, 5000000), 5000000};
	struct packet *p = calloc(400, sizeof(*p));
	struct encoding e;
	struct talk t;
	unsigned n, data = 0;
	uint32_t seq;

	start(&e);
	t = talk_new(&e, 1, PROTOCOL_UNKNOWN);
	assert_int_equal(talk_says(&t, IN, all), 0);
	n = packets_of(&e, p, 400);
	seq = p[1].seq + 1;
	for (unsigned i = 3; i < n; i++) {
		assert_true(p[i].payload.n <= ETHERNET_PAYLOAD);
		assert_int_equal(p[i].payload.n ? p[i].seq : p[i].ack, seq);
		seq += p[i].payload.n;
		data += p[i].payload.n != 0;
	}
	assert_int_equal(seq, p[1].seq + 1 + all.n);
	assert_int_equal(data, (all.n + ETHERNET_PAYLOAD - 1) / ETHERNET_PAYLOAD);
	assert_int_equal(p[0].to_port, 9);
	encoding_close(&e);
	free((char *)all.p);
	free(p);
}

static void nothing_to_show_is_skipped(void **state)
{
	struct encoding e;
	struct talk t;
	struct packet p[16];

	start(&e);
	t = talk_new(&e, 1, PROTOCOL_HTTP1);
	assert_int_equal(talk_closes(&t), -EOPNOTSUPP);
	assert_int_equal(packets_of(&e, p, 16), 0);
	encoding_close(&e);
	encoding_open(&e, &encoder_pcapng, "events=custom", NULL);
	encoding_begin(&e);
	t = talk_new(&e, 1, PROTOCOL_HTTP1);
	assert_int_equal(talk_closes(&t), 0); /* is a message at least */
	assert_int_equal(packets_of(&e, p, 16), 0);
	encoding_close(&e);
}

/* A conversation goes on in the next file, from where it was, and processes are told again. */
static void each_file_stands_alone(void **state)
{
	struct encoding e;
	struct talk t;
	struct packet p[24];
	size_t n;
	uint32_t seq;

	start(&e);
	t = talk_new(&e, 1, PROTOCOL_HTTP1);
	SAYS(&t, OUT, "12345");
	SAYS(&t, IN, "abc");
	assert_int_equal(packets_of(&e, p, 24), 5);
	seq = p[3].seq;
	encoding_end(&e);
	n = e.n;
	encoding_begin(&e);
	SAYS(&t, OUT, "6");
	encoding_end(&e);
	assert_int_equal(packets_read(e.p + n, e.n - n, p, 24), 4);
	assert_packet(&p[0], SYN, seq + 4, 0);
	assert_packet(&p[3], DATA, seq + 5, p[1].seq + 1);
	assert_int_equal(p[3].process, 0);
	assert_true(packets_comment_has(&p[0], " continued"));
	assert_int_equal(talk_closes(&t), 0);
	encoding_close(&e);
}

static void processes_are_told_once(void **state)
{
	struct encoding e;
	struct talk t, other, again;
	struct packet p[16];
	uint32_t type = PCAPNG_PROCESS;
	unsigned blocks = 0;

	start(&e);
	t = again = talk_new(&e, 1, PROTOCOL_HTTP1);
	again.flow.id = 2;
	again.flow.local_port = 2;
	other = talk_new(&e, 3, PROTOCOL_HTTP1);
	other.flow.local_port = 3;
	other.proc.comm = BYTES("wget"); /* the same process after an exec */
	SAYS(&t, OUT, "1");
	SAYS(&again, OUT, "2");
	SAYS(&other, OUT, "3");
	assert_int_equal(packets_of(&e, p, 16), 12);
	assert_int_equal(p[0].process, 0);
	assert_int_equal(p[4].process, 0);
	assert_int_equal(p[8].process, 1);
	for (size_t at = 0; at < e.n; at += 4)
		blocks += !memcmp(e.p + at, &type, 4);
	assert_int_equal(blocks, 2);
	encoding_close(&e);
}

/* With every room there can be: the SYN is never lost with a chunk that was too small for it. */
static void keeps_to_the_room(void **state)
{
	for (size_t cap = 1024; cap < 9000; cap += 7) {
		struct encoding e;
		struct talk t;
		struct packet p[8];

		start(&e);
		t = talk_new(&e, 1, PROTOCOL_HTTP1);
		e.out.tail->cap = cap;
		SAYS(&t, OUT, "GET");
		e.out.tail->cap = CHUNK_SIZE;
		assert_int_equal(packets_of(&e, p, 8), 4);
		encoding_close(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_has_its_numbers),
		cmocka_unit_test(a_server_is_called),
		cmocka_unit_test(what_is_missing_is_a_jump),
		cmocka_unit_test(what_was_there_is_not_repeated),
		cmocka_unit_test(what_was_cut_counts),
		cmocka_unit_test(what_was_not_seen_has_its_length),
		cmocka_unit_test(long_payloads_are_split),
		cmocka_unit_test(nothing_to_show_is_skipped),
		cmocka_unit_test(each_file_stands_alone),
		cmocka_unit_test(processes_are_told_once),
		cmocka_unit_test(keeps_to_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
