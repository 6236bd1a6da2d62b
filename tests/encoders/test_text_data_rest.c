/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What waits for its rest: it is shown where a file ends, and what never ends is bounded. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/flows.h"
#include "encoders/view/text_data.h"
#include "tests/support/encoding.h"

extern const struct encoder_ops encoder_text;

/* An event of which nothing before it is missing. */
static int send_at(struct encoding *e, struct event *ev, uint64_t offset, struct bytes payload)
{
	struct flows_stream streams[2] = {{offset, offset}};

	ev->seq++;
	ev->data = (struct event_data){
		.payload = payload, .stream_offset = offset, .direction = DIRECTION_TRANSMIT};
	flows_place(streams, ev);
	return encoding_add(e, ev);
}

static void begin_message(struct encoding *e, struct flow *flow, uint64_t *seq, struct bytes body)
{
	static const char head[] = "POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n";
	struct event ev = {.kind = EVENT_DATA, .flow = flow, .seq = *seq};

	flow->protocol = PROTOCOL_HTTP1;
	assert_int_equal(send_at(e, &ev, 0, BYTES(head)), 0);
	assert_int_equal(send_at(e, &ev, sizeof(head) - 1, body), 0);
	*seq = ev.seq;
}

/* A file that ends takes all of it, in as many chunks as that needs; if the recording goes on, so
 * does the message. */
static void it_is_shown_where_a_file_ends(void **state)
{
	static char text[3000];
	struct encoding e;
	struct flow flow = {.id = 0};
	struct event ev = {.kind = EVENT_DATA, .flow = &flow};
	unsigned shown = 0;
	const char *p;

	memset(text, 'x', sizeof(text));
	text[0] = '<';
	text[sizeof(text) - 1] = '>';
	encoding_open(&e, &encoder_text, NULL, NULL);
	while (flow.id < 200) {
		flow.id++;
		begin_message(&e, &flow, &ev.seq, (struct bytes){text, sizeof(text)});
	}
	encoding_ship(&e);
	e.n = 0;
	encoding_end(&e);
	assert_true(e.n > 200 * sizeof(text));
	assert_null(memchr(e.p, 0, e.n));
	p = (char *)e.p;
	while ((p = strstr(p, ", 3000 bytes\n        <x"))) {
		p = strstr(p, "x>\n    [unfinished]\n");
		assert_non_null(p);
		shown++;
	}
	assert_int_equal(shown, 200);
	e.n = 0;
	encoding_end(&e);
	assert_int_equal(e.n, 0);
	assert_int_equal(send_at(&e, &ev,
				 sizeof("POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n") - 1 +
					 sizeof(text),
				 BYTES("more")),
			 0);
	encoding_end(&e);
	assert_non_null(strstr((char *)e.p, "unknown flow 200 ->  body of POST / HTTP/1.1, "
					    "3004 bytes\n        more\n    [unfinished]\n"));
	encoding_close(&e);
}

/* Chunks end where a line does. */
static void chunks_of_it_end_with_a_line(void **state)
{
	struct encoding e;
	struct flow flow = {.id = 1};
	uint8_t room[100];
	struct chunk c = {.p = room, .cap = sizeof(room)};
	struct out out = {.tail = &c};
	uint64_t seq = 0;
	unsigned chunks = 0;
	int r;

	encoding_open(&e, &encoder_text, NULL, NULL);
	begin_message(&e, &flow, &seq, BYTES("one\ntwo\nthree\nfour"));
	do {
		c.len = 0;
		r = encoder_text.epilogue(e.ctx, &out);
		assert_true(c.len > 0 && c.p[c.len - 1] == '\n');
		chunks++;
	} while (r == -ENOBUFS);
	assert_int_equal(r, 0);
	assert_int_equal(chunks, 2);
	assert_memory_equal(c.p + c.len - 17, "    [unfinished]\n", 17);
	encoding_close(&e);
}

/* Whoever makes room for another connection is shown before it. */
static void it_is_shown_before_it_is_forgotten(void **state)
{
	struct encoding e;
	struct flow flow = {.id = 1};
	uint64_t seq = 0;
	const char *gone, *late;

	encoding_open(&e, &encoder_text, NULL, NULL);
	for (unsigned i = 1; i <= TEXT_DATA_CONNECTIONS + 1; i++) {
		flow.id = i;
		begin_message(&e, &flow, &seq, BYTES("half of it"));
	}
	encoding_ship(&e);
	gone = strstr((char *)e.p, "unknown flow 1 ->  body of POST / HTTP/1.1, 10 bytes\n"
				   "        half of it\n    [unfinished]\n");
	late = strstr((char *)e.p, "unknown flow 1025 ->  POST /");
	assert_true(gone && late && gone < late);
	assert_null(strstr((char *)e.p, "unknown flow 2 ->  body"));
	encoding_close(&e);
}

/* Each begins something and never ends it. */
static void connections_without_end_are_survived(void **state)
{
	static const char *const begins[] = {"GET / HTTP/1.1\r\nHalf: a",
					     "HTTP/1.1 200 OK\r\nContent-Length: "
					     "1000000\r\nContent-Type: text/plain\r\n\r\nhalf",
					     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x4\x1\x4"};
	struct encoding e;
	struct flow flow = {.family = 0};
	struct event ev = {.kind = EVENT_DATA, .flow = &flow};

	encoding_open(&e, &encoder_text, NULL, NULL);
	for (unsigned i = 0; i < 5 * TEXT_DATA_CONNECTIONS; i++) {
		const char *begin = begins[i % 3];

		flow.id = i + 1;
		flow.protocol = i % 3 == 2 ? PROTOCOL_HTTP2 : PROTOCOL_HTTP1;
		assert_int_equal(send_at(&e, &ev, 0, bytes_of(begin)), 0);
	}
	encoding_ship(&e);
	e.n = 0;
	flow.id = 1; /* forgotten long ago, and back in the midst of its head */
	flow.protocol = PROTOCOL_HTTP1;
	assert_int_equal(send_at(&e, &ev, strlen(begins[0]), BYTES("\r\n\r\n")), 0);
	encoding_end(&e);
	assert_non_null(strstr((char *)e.p, "unknown flow 1 ->  within a message, 4 bytes\n"));
	encoding_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_shown_where_a_file_ends),
		cmocka_unit_test(chunks_of_it_end_with_a_line),
		cmocka_unit_test(it_is_shown_before_it_is_forgotten),
		cmocka_unit_test(connections_without_end_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
