/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "encoders/view/unpack.h"
#include "tests/support/transcript.h"

#define SENT "    1234 curl            127.0.0.1:43210 -> 127.0.0.1:443  "
#define GOT  "    1234 curl            127.0.0.1:43210 <- 127.0.0.1:443  "
#define LINE "        "
#define NOTE "    "

#define ASKED                                                                                      \
	"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n"                                               \
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
#define ANSWERED "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n"
#define SHOWN_HANDSHAKE                                                                            \
	"13:08:00.124" SENT "GET /ws HTTP/1.1\n" LINE "Upgrade: websocket\n" LINE                  \
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\n"                   \
	"13:08:00.125" GOT "HTTP/1.1 101 Switching\n" LINE "Upgrade: websocket\n"

enum {
	FINAL = 0x80,
	PACKED = 0x40,
	TEXT = 1,
	BINARY = 2,
	PING = 9
};

/* ---- a peer -------------------------------------------------------------------------------- */

static z_stream deflater;
static char packed[1 << 20];

static void packer(int bits)
{
	assert_int_equal(deflateInit2(&deflater, 9, Z_DEFLATED, -bits, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
}

static int setup(void **state)
{
	packer(15);
	return 0;
}

static int teardown(void **state)
{
	deflateEnd(&deflater);
	return 0;
}

static void other_packer(int bits)
{
	deflateEnd(&deflater);
	packer(bits);
}

/* As a message is sent: flushed, without the four bytes that end every one. */
static struct bytes pack(struct bytes text)
{
	deflater.next_in = (Bytef *)text.p;
	deflater.avail_in = text.n;
	deflater.next_out = (Bytef *)packed;
	deflater.avail_out = sizeof(packed);
	assert_int_equal(deflate(&deflater, Z_SYNC_FLUSH), Z_OK);
	return (struct bytes){packed, sizeof(packed) - deflater.avail_out - 4};
}

/* One frame, masked if it is ours, in events of its own. */
static void frame(struct transcript_file *f, unsigned flags, unsigned first, struct bytes payload)
{
	char *p = malloc(payload.n + 14);
	size_t n = 0;
	bool masked = !(flags & TRANSCRIPT_RECEIVE);

	assert_non_null(p);
	p[n++] = (char)first;
	if (payload.n < 126) {
		p[n++] = (char)(payload.n | masked << 7);
	} else {
		p[n++] = (char)(126 | masked << 7);
		p[n++] = (char)(payload.n >> 8);
		p[n++] = (char)payload.n;
	}
	assert_true(payload.n < 65536);
	if (masked)
		memcpy(p + n, "\1\2\3\4", 4);
	n += masked ? 4 : 0;
	for (size_t i = 0; i < payload.n; i++)
		p[n++] = (char)(payload.p[i] ^ (masked ? i % 4 + 1 : 0));
	transcript_say(f, flags, 0, (struct bytes){p, n});
	free(p);
}

static void handshake(struct transcript_file *f, const char *answer)
{
	TRANSCRIPT_SEND(f, ASKED);
	transcript_say(f, TRANSCRIPT_RECEIVE, 0, bytes_of(answer));
}

static void assert_shown(struct transcript_file *f, const char *options, const char *want)
{
	char *text = transcript_shown(f, PROTOCOL_HTTP1, options);

	assert_string_equal(text, want);
	free(text);
	transcript_done(f);
}

/* ---- messages ------------------------------------------------------------------------------ */

static void frames_become_messages(void **state)
{
	struct transcript_file f = {0};

	handshake(&f, ANSWERED "\r\n");
	frame(&f, TRANSCRIPT_RECEIVE, TEXT, BYTES("one "));
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PING, BYTES("?"));
	frame(&f, TRANSCRIPT_RECEIVE, 0, BYTES("two "));
	frame(&f, 0, FINAL | BINARY, BYTES("\0\xff"));
	frame(&f, TRANSCRIPT_RECEIVE, FINAL, BYTES("three"));
	frame(&f, 0, FINAL | TEXT, BYTES(""));
	frame(&f, 0, FINAL | 8, BYTES("\x03\xe9gone"));
	assert_shown(&f, NULL,
		     SHOWN_HANDSHAKE "13:08:00.129" SENT "websocket binary, 2 bytes\n" LINE
				     "0000  00 ff                                             ..\n"
				     "13:08:00.130" GOT "websocket text, 13 bytes\n" LINE
				     "one two three\n"
				     "13:08:00.131" SENT "websocket text, empty\n"
				     "13:08:00.132" SENT "websocket close 1001 gone\n");
}

static void an_unfinished_message_is_shown(void **state)
{
	struct transcript_file f = {0};

	handshake(&f, ANSWERED "\r\n");
	frame(&f, TRANSCRIPT_RECEIVE, TEXT, BYTES("all of the first frame, "));
	TRANSCRIPT_RECV(&f, "\x80\x20 half of it");
	TRANSCRIPT_SEND(&f, "\x81\x7e");
	assert_shown(&f, NULL,
		     SHOWN_HANDSHAKE "13:08:00.128" GOT "websocket text, 35 bytes\n" LINE
				     "all of the first frame,  half of it\n" NOTE "[unfinished]\n");
}

/* ---- compressed ones ----------------------------------------------------------------------- */

#define DEFLATE       ANSWERED "Sec-WebSocket-Extensions: permessage-deflate"
#define SHOWN_DEFLATE SHOWN_HANDSHAKE LINE "Sec-WebSocket-Extensions: permessage-deflate"

static void messages_refer_to_those_before(void **state)
{
	struct transcript_file f = {0};
	struct bytes b;

	handshake(&f, DEFLATE "\r\n\r\n");
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PACKED | TEXT,
	      pack(BYTES("{\"a\":\"hello hello\"}")));
	b = pack(BYTES("{\"a\":\"hello hello\"}")); /* with frames of no compression between */
	assert_true(b.n < 8);
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | TEXT, BYTES("plain"));
	frame(&f, TRANSCRIPT_RECEIVE, PACKED | TEXT, (struct bytes){b.p, 2});
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PING, BYTES(""));
	frame(&f, TRANSCRIPT_RECEIVE, 0, (struct bytes){b.p + 2, 0});
	frame(&f, TRANSCRIPT_RECEIVE, FINAL, (struct bytes){b.p + 2, b.n - 2});
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PACKED | TEXT, BYTES("\0"));
	assert_shown(&f, NULL,
		     SHOWN_DEFLATE "\n"
				   "13:08:00.126" GOT "websocket text, compressed, 18 bytes\n" LINE
				   "{\"a\":\"hello hello\"}\n"
				   "13:08:00.127" GOT "websocket text, 5 bytes\n" LINE "plain\n"
				   "13:08:00.131" GOT "websocket text, compressed, 5 bytes\n" LINE
				   "{\"a\":\"hello hello\"}\n"
				   "13:08:00.132" GOT "websocket text, empty\n");
}

/* What a client and what a server does may be agreed on separately. */
static void messages_may_stand_alone(void **state)
{
	struct transcript_file f = {0};

	handshake(&f, DEFLATE "; client_no_context_takeover; server_max_window_bits=\"9\"\r\n\r\n");
	frame(&f, 0, FINAL | PACKED | TEXT, pack(BYTES("one and one")));
	other_packer(15);
	frame(&f, 0, FINAL | PACKED | TEXT, pack(BYTES("one and one")));
	other_packer(9);
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PACKED | TEXT, pack(BYTES("two and two")));
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PACKED | TEXT, pack(BYTES("two and two")));
	assert_shown(
		&f, NULL,
		SHOWN_DEFLATE
		"; client_no_context_takeover; server_max_window_bits=\"9\"\n"
		"13:08:00.126" SENT "websocket text, compressed, 13 bytes\n" LINE "one and one\n"
		"13:08:00.127" SENT "websocket text, compressed, 13 bytes\n" LINE "one and one\n"
		"13:08:00.128" GOT "websocket text, compressed, 13 bytes\n" LINE "two and two\n"
		"13:08:00.129" GOT "websocket text, compressed, 5 bytes\n" LINE "two and two\n");
}

/* However their bytes come in. */
static void large_messages_are_counted(void **state)
{
	static const size_t cuts[] = {65535, 100, 1};
	static char text[300000], want[200];
	struct transcript_file f = {0};

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i * i % 26);
	handshake(&f, DEFLATE "\r\n\r\n");
	frame(&f, 0, FINAL | PACKED | TEXT, pack((struct bytes){text, sizeof(text)}));
	frame(&f, 0, FINAL | PACKED | TEXT, pack((struct bytes){text, 20}));
	for (unsigned i = 0; i < 3; i++) {
		struct transcript_file cut = transcript_split(&f, cuts[i]);
		char *shown = transcript_shown(&cut, PROTOCOL_HTTP1, "body=8"), *at;

		at = strstr(shown, "websocket text, compressed, ");
		snprintf(want, sizeof(want), LINE "%.8s\n" NOTE "[... 299992 bytes more]\n", text);
		assert_non_null(at && strstr(at, want));
		at = strstr(at + 1, "websocket text, compressed, ");
		snprintf(want, sizeof(want), LINE "%.8s\n" NOTE "[... 12 bytes more]\n", text);
		assert_non_null(at && strstr(at, want));
		free(shown);
		transcript_done(&cut);
	}
	transcript_done(&f);
}

/* Some end a stream with every message, and the next one may still refer to it. */
static void streams_may_end(void **state)
{
	struct transcript_file f = {0};
	struct bytes b = {packed, 0};

	handshake(&f, DEFLATE "\r\n\r\n");
	for (unsigned i = 0; i < 3; i++) {
		deflater.next_in = (Bytef *)"the same again and again";
		deflater.avail_in = 24;
		deflater.next_out = (Bytef *)packed;
		deflater.avail_out = sizeof(packed);
		assert_int_equal(deflate(&deflater, Z_FINISH), Z_STREAM_END);
		b.n = sizeof(packed) - deflater.avail_out;
		if (i != 1)
			packed[b.n++] = 0; /* as RFC 7692 has it */
		frame(&f, 0, FINAL | PACKED | TEXT, b);
		deflateReset(&deflater);
		deflateSetDictionary(&deflater, (Bytef *)"the same again and again", 24);
	}
	assert_true(b.n < 10);
	assert_shown(&f, NULL,
		     SHOWN_DEFLATE "\n"
				   "13:08:00.126" SENT "websocket text, compressed, 22 bytes\n" LINE
				   "the same again and again\n"
				   "13:08:00.127" SENT "websocket text, compressed, 5 bytes\n" LINE
				   "the same again and again\n"
				   "13:08:00.128" SENT "websocket text, compressed, 6 bytes\n" LINE
				   "the same again and again\n");
}

static void an_unfinished_one_is_shown_as_far_as_it_goes(void **state)
{
	struct transcript_file f = {0};
	struct bytes b;

	handshake(&f, DEFLATE "\r\n\r\n");
	b = pack(BYTES("the beginning, and the end"));
	frame(&f, 0, PACKED | TEXT, (struct bytes){b.p, b.n - 10});
	assert_shown(&f, NULL,
		     SHOWN_DEFLATE "\n"
				   "13:08:00.126" SENT "websocket text, compressed, 17 bytes\n" LINE
				   "the beginning, a\n" NOTE "[unfinished]\n");
}

/* Recorded from python3-websockets. */
static void real_programs_however_cut(void **state)
{
	static const char *const paths[] = {"samples/fuzz/http1/websocket_deflate",
					    "samples/fuzz/http1/websocket_deflate_forgets"};
	static const char *const want[] = {"-> 127.0.0.1:443  websocket text, compressed, ",
					   LINE "hello, hello, hello\n",
					   "<- 127.0.0.1:443  websocket text, compressed, ",
					   LINE "hello, hello, hello and so on, and so on\n",
					   LINE "hello, hello, hello\n",
					   LINE "in pieces, one by one\n",
					   LINE "in pieces, one by one and so on, and so on\n",
					   "websocket close 1000",
					   NULL};

	for (unsigned i = 0; i < 2; i++)
		talk_assert_recorded(paths[i], PROTOCOL_HTTP1, want);
}

/* ---- what cannot be unpacked --------------------------------------------------------------- */

static void after_a_gap_nothing_is_made_up(void **state)
{
	struct transcript_file f = {0};
	struct bytes b = pack(BYTES("some text with a gap in it"));

	handshake(&f, DEFLATE "; server_no_context_takeover\r\n\r\n");
	for (unsigned i = 0; i < 2; i++) {
		unsigned flags = i ? TRANSCRIPT_RECEIVE : 0;
		char head[] = {(char)(FINAL | PACKED | TEXT), (char)b.n};

		transcript_say(&f, flags, 0, (struct bytes){head, 2});
		transcript_say(&f, flags, 0, (struct bytes){b.p, 4});
		transcript_say(&f, flags, 6, (struct bytes){b.p + 10, b.n - 10});
	}
	frame(&f, 0, FINAL | PACKED | TEXT, pack(BYTES("text")));
	frame(&f, 0, FINAL | TEXT, BYTES("plain"));
	other_packer(15);
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PACKED | TEXT, pack(BYTES("text")));
	assert_shown(&f, NULL,
		     SHOWN_DEFLATE
		     "; server_no_context_takeover\n"
		     "13:08:00.128" SENT "websocket text, compressed, 22 bytes\n" LINE "som\n" NOTE
		     "[cannot be decoded: it has a gap, 6 bytes missing]\n"
		     "13:08:00.131" GOT "websocket text, compressed, 22 bytes\n" LINE "som\n" NOTE
		     "[cannot be decoded: it has a gap, 6 bytes missing]\n"
		     "13:08:00.132" SENT "websocket text, compressed, 4 bytes\n" NOTE
		     "[cannot be decoded: one before it could not be]\n"
		     "13:08:00.133" SENT "websocket text, 5 bytes\n" LINE "plain\n"
		     "13:08:00.134" GOT "websocket text, compressed, 6 bytes\n" LINE "text\n");
}

static void without_an_agreement_nothing_is_unpacked(void **state)
{
	struct transcript_file f = {0};

	handshake(&f, ANSWERED "\r\n"); /* what the client offers counts for nothing */
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PACKED | TEXT, pack(BYTES("text")));
	assert_shown(&f, NULL,
		     SHOWN_HANDSHAKE "13:08:00.126" GOT "websocket text, compressed, 6 bytes\n" NOTE
				     "[cannot be decoded: no compression was agreed on]\n");
}

static void damage_is_said(void **state)
{
	struct transcript_file f = {0};
	struct bytes b;

	handshake(&f, DEFLATE "; server_no_context_takeover\r\n\r\n");
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PACKED | TEXT, BYTES("\xff\xff"));
	b = pack(BYTES("its end is cut off"));
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PACKED | TEXT, (struct bytes){b.p, b.n - 3});
	other_packer(15);
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PACKED | TEXT, pack(BYTES("text")));
	assert_shown(&f, NULL,
		     SHOWN_DEFLATE "; server_no_context_takeover\n"
				   "13:08:00.126" GOT "websocket text, compressed, 2 bytes\n" NOTE
				   "[cannot be decoded: damaged]\n"
				   "13:08:00.127" GOT "websocket text, compressed, 17 bytes\n" LINE
				   "its end is cut o\n" NOTE "[cannot be decoded: damaged]\n"
				   "13:08:00.128" GOT "websocket text, compressed, 6 bytes\n" LINE
				   "text\n");
}

static void bombs_are_defused(void **state)
{
	static const char zeroes[UNPACK_MAX + 1];
	struct transcript_file f = {0};
	char *text, *at;

	handshake(&f, DEFLATE "\r\n\r\n");
	frame(&f, TRANSCRIPT_RECEIVE, FINAL | PACKED | TEXT,
	      pack((struct bytes){zeroes, sizeof(zeroes)}));
	text = transcript_shown(&f, PROTOCOL_HTTP1, NULL);
	at = strstr(text, "[... 16776961 bytes more, cannot be decoded: larger than 16 MiB]\n");
	assert_non_null(at);
	free(text);
	transcript_done(&f);
}

/* ---- unpack.h ------------------------------------------------------------------------------ */

static void answers_are_read(void **state)
{
	static const struct {
		const char *answer;
		uint8_t bits[2]; /* server, client; 0 = no agreement */
		bool forgets[2];
	} rows[] = {
		{"permessage-deflate", {15, 15}, {false, false}},
		{"x, Permessage-Deflate ; SERVER_NO_CONTEXT_TAKEOVER", {15, 15}, {true, false}},
		{"permessage-deflate;client_max_window_bits=10;server_max_window_bits=12",
		 {12, 10},
		 {false, false}},
		{"permessage-deflate; client_max_window_bits = \"8\"; client_no_context_takeover",
		 {15, 9},
		 {false, true}},
		{"permessage-deflate; client_max_window_bits=16; server_max_window_bits=",
		 {15, 15},
		 {false, false}},
		{"permessage-deflate; server_max_window_bits=9, permessage-deflate",
		 {9, 15},
		 {false, false}},
		{"x-webkit-deflate-frame", {0, 0}, {false, false}},
		{",;,=\"", {0, 0}, {false, false}},
		{"", {0, 0}, {false, false}},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned client = 0; client < 2; client++) {
			struct unpack u = {0};

			unpack_agree(&u, client, bytes_of(rows[i].answer));
			assert_int_equal(u.bits, rows[i].bits[client]);
			assert_int_equal(u.forgets, rows[i].forgets[client]);
		}
	}
}

/* Beyond the budget there is trouble, no more; all of it comes back. */
static void the_budget_holds(void **state)
{
	enum {
		MOST = 100
	};
	static struct unpack u[MOST];
	struct budget budget = {.max = 1 << 20};
	struct bytes text = pack(BYTES("some text")), in;
	unsigned n = 0;
	char out[100];

	for (; n < MOST; n++) {
		unpack_agree(&u[n], true, BYTES("permessage-deflate"));
		unpack_begin(&u[n], &budget);
		in = text;
		if (unpack_data(&u[n], &in, out, sizeof(out)) != 9)
			break;
		unpack_end(&u[n]);
		assert_null(u[n].trouble);
		assert_true(budget.used <= budget.max);
	}
	assert_in_range(n, 10, MOST - 1);
	assert_string_equal(u[n].trouble, "out of memory");
	for (unsigned i = 0; i <= n; i++)
		unpack_done(&u[i]);
	assert_int_equal(budget.used, 0);
}

static void any_bytes_are_survived(void **state)
{
	struct budget budget = {.max = 1 << 20};
	struct unpack u = {0};
	char data[100], out[50];

	srandom(7);
	unpack_agree(&u, true, BYTES("permessage-deflate; client_no_context_takeover"));
	for (unsigned round = 0; round < 20000; round++) {
		struct bytes in = pack(BYTES("abcabc and some more of it: 0123456789"));

		in.n = in.n < sizeof(data) ? in.n : sizeof(data);
		memcpy(data, in.p, in.n);
		for (unsigned i = 0; i < round % 4; i++)
			data[random() % in.n] = (char)random();
		in.p = data;
		unpack_begin(&u, &budget);
		while (in.n && !u.trouble)
			assert_true(unpack_data(&u, &in, out, sizeof(out)) <= sizeof(out));
		unpack_end(&u);
	}
	unpack_done(&u);
	assert_int_equal(budget.used, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_become_messages),
		TEST(an_unfinished_message_is_shown),
		TEST(messages_refer_to_those_before),
		TEST(messages_may_stand_alone),
		TEST(large_messages_are_counted),
		TEST(streams_may_end),
		TEST(an_unfinished_one_is_shown_as_far_as_it_goes),
		TEST(real_programs_however_cut),
		TEST(after_a_gap_nothing_is_made_up),
		TEST(without_an_agreement_nothing_is_unpacked),
		TEST(damage_is_said),
		TEST(bombs_are_defused),
		TEST(answers_are_read),
		TEST(the_budget_holds),
		TEST(any_bytes_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
