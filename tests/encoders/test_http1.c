/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "encoders/view/http1.h"
#include "encoders/view/http1_head.h"
#include "tests/support/transcript.h"

#define SENT  "    1234 curl            127.0.0.1:43210 -> 127.0.0.1:443  "
#define GOT   "    1234 curl            127.0.0.1:43210 <- 127.0.0.1:443  "
#define OTHER "    1234 curl            [::1]:8443 -> [2001:db8::7]:50000  "
#define LINE  "        "
#define NOTE  "    "

/* ---- heads --------------------------------------------------------------------------------- */

static void tells_heads_from_other_bytes(void **state)
{
	static const char *const heads[] = {
		"GET / HTTP/1.1\r\n",         "M-SEARCH * HTTP/1.1\r\n",     "HTTP/1.1 200 OK\r\n",
		"HTTP/1.0 404\r\n",           "GET /with blanks HTTP/1.1\n", "POST /unfinished",
		"CONNECT a:443 HTTP/1.1\r\n",
	};
	static const char *const others[] = {
		"",
		"GET",
		"get / HTTP/1.1\r\n",
		"GET / HTTP/2\r\n",
		" / HTTP/1.1\r\n",
		"HTTP/1.1 2",
		"HTTP/1.1 20x",
		"HTTP/1.1 099 \r\n",
		"HELLO\r\n",
		"GET HTTP/1.1\r\n",
	};

	for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (!http1_head_starts(bytes_of(heads[i])))
			fail_msg("no head: %s", heads[i]);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (http1_head_starts(bytes_of(others[i])))
			fail_msg("a head: %s", others[i]);
}

static void finds_the_end_of_a_head(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} rows[] = {{"A\r\n\r\nB", 5},   {"A\n\nB", 3}, {"A\r\nB\r\n\r", 0},
		    {"A\n\rB\n\r\n", 7}, {"", 0},       {"\n", 0}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(http1_head_length(bytes_of(rows[i].text), 0), rows[i].n);
}

static void knows_what_follows_a_head(void **state)
{
	static const struct {
		const char *text;
		enum http1_framing framing;
		uint64_t length;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", HTTP1_NO_BODY, 0},
		{"HTTP/1.1 200 OK\r\n\r\n", HTTP1_UNTIL_CLOSE, 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", HTTP1_NO_BODY, 0},
		{"HTTP/1.1 200 OK\r\ncontent-length:12 \r\n\r\n", HTTP1_LENGTH, 12},
		{"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nTransfer-Encoding: gzip, "
		 "chunked\r\n\r\n",
		 HTTP1_CHUNKED, 12},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 12\r\n\r\n",
		 HTTP1_CHUNKED, 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		 HTTP1_UNTIL_CLOSE, 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", HTTP1_UNTIL_CLOSE, 0},
	};
	struct http1_head head;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(http1_head_parse(bytes_of(rows[i].text), &head));
		assert_int_equal(head.framing, rows[i].framing);
		if (head.framing == HTTP1_LENGTH)
			assert_int_equal(head.length, rows[i].length);
	}
	assert_false(http1_head_parse(BYTES("SSH-2.0-x\r\n\r\n"), &head));
}

/* ---- conversations ------------------------------------------------------------------------- */

static void assert_shown(struct transcript_file *f, const char *options, const char *want)
{
	char *text = transcript_shown(f, PROTOCOL_HTTP1, options);

	assert_string_equal(text, want);
	free(text);
	transcript_done(f);
}

static void shows_requests_and_responses(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_SEND(&f, "GET /n.txt?text HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n");
	TRANSCRIPT_RECV(
		&f,
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\none\ttwo");
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT "GET /n.txt?text HTTP/1.1\n" LINE "Host: a\n" LINE "X: \n"
		     "13:08:00.125" GOT "HTTP/1.1 200 OK\n" LINE "Content-Type: text/plain\n" LINE
		     "Content-Length: 7\n\n" LINE "one     two\n");
}

static void a_late_body_names_its_message(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_SEND(&f, "POST /up HTTP/1.1\r\nContent-Length: 10\r\n\r\n");
	TRANSCRIPT_SEND(&f, "12345");
	TRANSCRIPT_SEND(&f, "67890");
	assert_shown(&f, "body=4",
		     "13:08:00.124" SENT "POST /up HTTP/1.1\n" LINE "Content-Length: 10\n"
		     "13:08:00.126" SENT "body of POST /up HTTP/1.1, 10 bytes\n" LINE "1234\n" NOTE
		     "[... 6 bytes more]\n");
}

static void chunks_are_joined(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_RECV(
		&f,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\none\r\n4;x=\"y\"\r\n two\r\n0\r\nX-Sum: 1\r\n\r\nHTTP/1.1 204 No\r\n\r\n");
	assert_shown(&f, NULL,
		     "13:08:00.124" GOT "HTTP/1.1 200 OK\n" LINE
		     "Transfer-Encoding: chunked\n\n" LINE "one two\n13:08:00.124" GOT
		     "HTTP/1.1 204 No\n");
}

static void pipelined_requests_are_told_apart(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_SEND(&f, "HEAD /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
	TRANSCRIPT_RECV(&f, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
			    "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
			    "HTTP/1.1 100 Continue\r\n\r\n");
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT "HEAD /1 HTTP/1.1\n13:08:00.124" SENT "GET /2 HTTP/1.1\n"
		     "13:08:00.125" GOT "HTTP/1.1 200 OK\n" LINE "Content-Length: 5\n"
		     "13:08:00.125" GOT "HTTP/1.1 304 Not Modified\n" LINE "Content-Length: 5\n"
		     "13:08:00.125" GOT "HTTP/1.1 100 Continue\n");
}

static void without_a_length_it_is_shown_as_it_comes(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_RECV(&f, "HTTP/1.0 200 OK\r\n\r\n");
	TRANSCRIPT_RECV(&f, "one\n");
	TRANSCRIPT_RECV(&f, "two\n");
	transcript_say(&f, TRANSCRIPT_FIN, 0, (struct bytes){0});
	assert_shown(&f, NULL,
		     "13:08:00.124" GOT "HTTP/1.0 200 OK\n"
		     "13:08:00.125" GOT "body of HTTP/1.0 200 OK\n" LINE "one\n"
		     "13:08:00.126" GOT "body of HTTP/1.0 200 OK\n" LINE "two\n");
}

static void an_unfinished_body_is_said_to_be(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_RECV(&f, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe beginning");
	transcript_say(&f, TRANSCRIPT_FIN, 0, (struct bytes){0});
	assert_shown(&f, NULL,
		     "13:08:00.124" GOT "HTTP/1.1 200 OK\n" LINE "Content-Length: 100\n"
		     "13:08:00.125" GOT "body of HTTP/1.1 200 OK, 13 bytes\n" LINE
		     "the beginning\n" NOTE "[unfinished]\n");
}

/* So is what waits when the recording ends, and no connection does. */
static void what_waits_at_the_end_is_shown(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_SEND(&f, "POST /up HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
			    "3\r\none\r\n8\r\n two");
	transcript_say(&f, TRANSCRIPT_OTHER, 0,
		       BYTES("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\none\n"));
	TRANSCRIPT_RECV(&f, "HTTP/1.1 100 Con");
	transcript_say(&f, TRANSCRIPT_OTHER, 0, BYTES("two\n"));
	assert_shown(&f, "body=4",
		     "13:08:00.124" SENT "POST /up HTTP/1.1\n" LINE "Transfer-Encoding: chunked\n"
		     "13:08:00.125" OTHER "HTTP/1.0 200 OK\n" LINE
		     "Content-Type: text/plain\n\n" LINE "one\n"
		     "13:08:00.126" SENT "body of POST /up HTTP/1.1, 7 bytes\n" LINE "one \n" NOTE
		     "[... 3 bytes more, unfinished]\n"
		     "13:08:00.126" GOT "head, 16 bytes\n" LINE "HTTP/1.1 100 Con\n" NOTE
		     "[unfinished]\n"
		     "13:08:00.127" OTHER "body of HTTP/1.0 200 OK, 8 bytes of text/plain\n" NOTE
		     "[... 4 bytes more, unfinished]\n");
}

/* ---- what changes the protocol ------------------------------------------------------------- */

static void websocket_frames_are_read(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_SEND(&f, "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
	TRANSCRIPT_RECV(&f, "HTTP/1.1 101 Switching\r\nUpgrade: "
			    "WebSocket\r\n\r\n\x81\x02hi\x89\x00\x82\x02\x00\xff");
	TRANSCRIPT_SEND(&f, "\x81\x83\x01\x02\x03");
	TRANSCRIPT_SEND(&f, "\x04"
			    "a"
			    "``"
			    "\xc1\x01\x2a");
	TRANSCRIPT_RECV(&f, "\x88\x06\x03\xe8"
			    "done");
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT "GET /ws HTTP/1.1\n" LINE "Upgrade: websocket\n"
		     "13:08:00.125" GOT "HTTP/1.1 101 Switching\n" LINE "Upgrade: WebSocket\n"
		     "13:08:00.125" GOT "websocket text, 2 bytes\n" LINE "hi\n"
		     "13:08:00.125" GOT "websocket binary, 2 bytes\n" LINE
		     "0000  00 ff                                             ..\n"
		     "13:08:00.127" SENT "websocket text, 3 bytes\n" LINE "`bc\n"
		     "13:08:00.127" SENT "websocket text, compressed, 1 byte\n" NOTE
		     "[cannot be decoded: no compression was agreed on]\n"
		     "13:08:00.128" GOT "websocket close 1000 done\n");
}

static void a_tunnel_is_shown_as_it_is(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_SEND(&f, "CONNECT a:22 HTTP/1.1\r\n\r\n");
	TRANSCRIPT_RECV(&f, "HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x\r\n");
	TRANSCRIPT_SEND(&f, "\x01\x02");
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT "CONNECT a:22 HTTP/1.1\n"
		     "13:08:00.125" GOT "HTTP/1.1 200 OK\n13:08:00.125" GOT "SSH-2.0-x\n"
		     "13:08:00.126" SENT "tunnel, 2 bytes\n" LINE
		     "0000  01 02                                             ..\n");
}

/* ---- gaps ---------------------------------------------------------------------------------- */

static void a_gap_within_a_body_is_counted(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_RECV(&f, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n12345");
	transcript_say(&f, TRANSCRIPT_RECEIVE, 10, BYTES("abcdeHTTP/1.1 204 No\r\n\r\n"));
	assert_shown(&f, NULL,
		     "13:08:00.124" GOT "HTTP/1.1 200 OK\n" LINE "Content-Length: 20\n"
		     "13:08:00.125" GOT "body of HTTP/1.1 200 OK, 10 bytes\n" LINE "12345\n" NOTE
		     "[... 5 bytes more, 10 bytes missing]\n"
		     "13:08:00.125" GOT "HTTP/1.1 204 No\n");
}

static void another_gap_is_left_with_the_next_message(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_RECV(&f, "HTTP/1.1 200 OK\r\nContent-Le");
	transcript_say(&f, TRANSCRIPT_RECEIVE, 30, BYTES("who knows"));
	TRANSCRIPT_RECV(&f, "HTTP/1.1 204 No\r\n\r\n");
	assert_shown(&f, "body=4",
		     "13:08:00.125" GOT "30 bytes missing here\n"
		     "13:08:00.125" GOT "who \n"
		     "13:08:00.126" GOT "5 bytes within a message are not shown\n"
		     "13:08:00.126" GOT "HTTP/1.1 204 No\n");
}

static void a_connection_joined_midway_is_read_from_the_next_message(void **state)
{
	struct transcript_file f = {0};

	transcript_say(&f, TRANSCRIPT_LATE | TRANSCRIPT_RECEIVE, 0, BYTES("\x01\x02"));
	transcript_say(&f, TRANSCRIPT_LATE, 0, BYTES("GET / HTTP/1.1\r\n\r\n"));
	assert_shown(&f, NULL,
		     "13:08:00.124" GOT "connection that was open before the recording\n"
		     "13:08:00.124" GOT "within a message, 2 bytes\n" LINE
		     "0000  01 02                                             ..\n"
		     "13:08:00.125" SENT "GET / HTTP/1.1\n");
}

static void bytes_that_are_no_http_are_shown(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_SEND(&f, "NO HTTP\r\n\r\n");
	TRANSCRIPT_SEND(&f, "GET / HTTP/1.1\r\n\r\n");
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT "no HTTP message, 11 bytes\n" LINE "NO HTTP\n" LINE "\n"
		     "13:08:00.125" SENT "GET / HTTP/1.1\n");
}

/* A head that never ends is given up: neither kept for ever nor taken for a body. */
static void an_endless_head_is_given_up(void **state)
{
	static char field[1000];
	struct transcript_file f = {0};
	char *text;

	memset(field, 'x', sizeof(field));
	memcpy(field, "A: ", 3);
	field[998] = '\r';
	field[999] = '\n';
	TRANSCRIPT_SEND(&f, "GET /endless HTTP/1.1\r\n");
	for (unsigned i = 0; i < 2 * HTTP1_HEAD_MAX / sizeof(field); i++)
		transcript_say(&f, 0, 0, (struct bytes){field, sizeof(field)});
	TRANSCRIPT_SEND(&f, "GET /next HTTP/1.1\r\n\r\n");
	text = transcript_shown(&f, PROTOCOL_HTTP1, NULL);
	assert_non_null(strstr(text, "GET /endless HTTP/1.1\n"));
	assert_non_null(strstr(text, "[a head too long to be followed]\n"));
	assert_non_null(strstr(text, "GET /next HTTP/1.1\n"));
	free(text);
	transcript_done(&f);
}

/* ---- recorded ------------------------------------------------------------------------------ */

/* However the bytes come in, the same messages come out. */
static void curl_and_nginx_however_cut(void **state)
{
	static const struct {
		const char *path;
		const char *want[12];
	} rows[] = {
		{"samples/fuzz/http1/get",
		 {"-> 127.0.0.1:443  GET /n.txt?text HTTP/1.1\n",
		  "Host: ", "<- 127.0.0.1:443  HTTP/1.1 200 OK\n", "Content-Length: 27\n",
		  LINE "body nonce\n" LINE "second line     tab\n", NULL}},
		{"samples/fuzz/http1/gzip",
		 {"GET /list.json HTTP/1.1\n", "HTTP/1.1 200 OK\n",
		  "gzip, 588 bytes of application/json", LINE "  \"name\": \"name 0\"\n",
		  LINE "  \"name\": \"name 90\"\n", NOTE "[... and more]\n", NULL}},
		{"samples/fuzz/http1/br_head_204_post",
		 {"GET /list.json HTTP/1.1\n", "br, 288 bytes of application/json", "\"name 90\"\n",
		  "HEAD /n.txt HTTP/1.1\n", "HTTP/1.1 200 OK\n", "GET /none HTTP/1.1\n",
		  "HTTP/1.1 204 No Content\n", "POST /up HTTP/1.1\n", LINE "a=1&b=zwei\n",
		  LINE "up\n", "HTTP/1.1 404 Not Found\n", NULL}},
		{"samples/fuzz/http1/binary",
		 {"GET /big.bin HTTP/1.1\n", "HTTP/1.1 206 Partial Content\n",
		  "5001 bytes of application/octet-stream", LINE "0000  ", LINE "00f0  ",
		  NOTE "[... 4745 bytes more]\n", NULL}},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		talk_assert_recorded(rows[i].path, PROTOCOL_HTTP1, rows[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_heads_from_other_bytes),
		cmocka_unit_test(finds_the_end_of_a_head),
		cmocka_unit_test(knows_what_follows_a_head),
		cmocka_unit_test(shows_requests_and_responses),
		cmocka_unit_test(a_late_body_names_its_message),
		cmocka_unit_test(chunks_are_joined),
		cmocka_unit_test(pipelined_requests_are_told_apart),
		cmocka_unit_test(without_a_length_it_is_shown_as_it_comes),
		cmocka_unit_test(an_unfinished_body_is_said_to_be),
		cmocka_unit_test(what_waits_at_the_end_is_shown),
		cmocka_unit_test(websocket_frames_are_read),
		cmocka_unit_test(a_tunnel_is_shown_as_it_is),
		cmocka_unit_test(a_gap_within_a_body_is_counted),
		cmocka_unit_test(another_gap_is_left_with_the_next_message),
		cmocka_unit_test(a_connection_joined_midway_is_read_from_the_next_message),
		cmocka_unit_test(bytes_that_are_no_http_are_shown),
		cmocka_unit_test(an_endless_head_is_given_up),
		cmocka_unit_test(curl_and_nginx_however_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
