/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "encoders/view/http2.h"
#include "encoders/view/http2_stream.h"
#include "encoders/view/text_data.h"
#include "tests/support/transcript.h"

#define SENT "    1234 curl            127.0.0.1:43210 -> 127.0.0.1:443  "
#define GOT  "    1234 curl            127.0.0.1:43210 <- 127.0.0.1:443  "
#define LINE "        "
#define NOTE "    "

/* ---- one end that writes ------------------------------------------------------------------- */

struct peer {
	nghttp2_hd_deflater *deflater;
	char p[1 << 18];
	size_t n;
};

static struct peer peers[2]; /* by whether we receive from it */

static int setup(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		peers[i].n = 0;
		if (nghttp2_hd_deflate_new(&peers[i].deflater, 4096))
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < 2; i++)
		nghttp2_hd_deflate_del(peers[i].deflater);
	return 0;
}

static void add(struct peer *p, const void *from, size_t n)
{
	assert_true(n <= sizeof(p->p) - p->n);
	memcpy(p->p + p->n, from, n);
	p->n += n;
}

static void frame(struct peer *p, unsigned type, unsigned flags, uint32_t stream,
		  struct bytes payload)
{
	const char head[9] = {(char)(payload.n >> 16),
			      (char)(payload.n >> 8),
			      (char)payload.n,
			      (char)type,
			      (char)flags,
			      (char)(stream >> 24),
			      (char)(stream >> 16),
			      (char)(stream >> 8),
			      (char)stream};

	add(p, head, sizeof(head));
	add(p, payload.p, payload.n);
}

/* "name value name value …" as a header block; names are without blanks, values too. */
static struct bytes block(struct peer *p, const char *fields)
{
	static char text[1 << 16];
	static uint8_t out[1 << 16];
	nghttp2_nv nv[16];
	size_t n = 0;
	char *rest = text, *word;
	ssize_t size;

	snprintf(text, sizeof(text), "%s", fields);
	while ((word = strsep(&rest, " "))) {
		if (n % 2 == 0)
			nv[n / 2] = (nghttp2_nv){.name = (uint8_t *)word, .namelen = strlen(word)};
		nv[n / 2].value = (uint8_t *)word;
		nv[n / 2].valuelen = strlen(word);
		n++;
	}
	size = nghttp2_hd_deflate_hd(p->deflater, out, sizeof(out), nv, n / 2);
	assert_true(size > 0);
	return (struct bytes){(char *)out, size};
}

enum {
	END_STREAM = NGHTTP2_FLAG_END_STREAM,
	END_HEADERS = NGHTTP2_FLAG_END_HEADERS,
	PADDED = NGHTTP2_FLAG_PADDED,
};

static void head(struct peer *p, unsigned flags, uint32_t stream, const char *fields)
{
	frame(p, NGHTTP2_HEADERS, flags | END_HEADERS, stream, block(p, fields));
}

static void data(struct peer *p, unsigned flags, uint32_t stream, const char *text)
{
	frame(p, NGHTTP2_DATA, flags, stream, bytes_of(text));
}

/* What the peer has written becomes an event. */
static void flush_as(struct transcript_file *f, bool receives, unsigned flags, unsigned missing)
{
	transcript_say(f, flags | (receives ? TRANSCRIPT_RECEIVE : 0), missing,
		       (struct bytes){peers[receives].p, peers[receives].n});
	peers[receives].n = 0;
}

static void flush(struct transcript_file *f, bool receives)
{
	flush_as(f, receives, 0, 0);
}

static void preface(void)
{
	add(&peers[0], "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	frame(&peers[0], NGHTTP2_SETTINGS, 0, 0, BYTES("\0\4\0\0\xff\xff"));
}

static void assert_shown(struct transcript_file *f, const char *options, const char *want)
{
	char *text = transcript_shown(f, PROTOCOL_HTTP2, options);

	assert_string_equal(text, want);
	free(text);
	transcript_done(f);
}

/* ---- messages ------------------------------------------------------------------------------ */

static void shows_requests_and_responses(void **state)
{
	struct transcript_file f = {0};

	preface();
	head(&peers[0], END_STREAM, 1, ":method GET :scheme https :path /n.txt?text a b");
	flush(&f, false);
	frame(&peers[1], NGHTTP2_SETTINGS, 0, 0, BYTES(""));
	frame(&peers[1], NGHTTP2_WINDOW_UPDATE, 0, 0, BYTES("\0\0\0\1"));
	frame(&peers[1], NGHTTP2_PING, 0, 0, BYTES("12345678"));
	head(&peers[1], 0, 1, ":status 200 content-type text/plain");
	data(&peers[1], 0, 1, "one\n");
	data(&peers[1], END_STREAM, 1, "two\n");
	flush(&f, true);
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT "GET /n.txt?text HTTP/2  (stream 1)\n" LINE
		     ":scheme: https\n" LINE "a: b\n"
		     "13:08:00.125" GOT "HTTP/2 200  (stream 1: GET /n.txt?text)\n" LINE
		     "content-type: text/plain\n\n" LINE "one\n" LINE "two\n");
}

static void streams_are_told_apart(void **state)
{
	struct transcript_file f = {0};

	preface();
	head(&peers[0], END_STREAM, 1, ":method GET :path /1");
	head(&peers[0], END_STREAM, 3, ":method GET :path /3");
	flush(&f, false);
	head(&peers[1], 0, 1, ":status 103 link x");
	head(&peers[1], 0, 1, ":status 200");
	head(&peers[1], 0, 3, ":status 404");
	data(&peers[1], 0, 1, "the fi");
	data(&peers[1], END_STREAM, 3, "the third");
	flush(&f, true);
	data(&peers[1], 0, 1, "rst");
	head(&peers[1], END_STREAM, 1, "x-sum 9");
	flush(&f, true);
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT "GET /1 HTTP/2  (stream 1)\n"
		     "13:08:00.124" SENT "GET /3 HTTP/2  (stream 3)\n"
		     "13:08:00.125" GOT "HTTP/2 103  (stream 1: GET /1)\n" LINE "link: x\n"
		     "13:08:00.125" GOT "HTTP/2 200  (stream 1: GET /1)\n"
		     "13:08:00.125" GOT "HTTP/2 404  (stream 3: GET /3)\n\n" LINE "the third\n"
		     "13:08:00.126" GOT "body of GET /1, 9 bytes\n" LINE "the first\n"
		     "13:08:00.126" GOT "trailers  (stream 1: GET /1)\n" LINE "x-sum: 9\n");
}

/* Padding, priority, and a block in several frames. */
static void frames_are_taken_apart(void **state)
{
	struct transcript_file f = {0};
	char payload[600] = {4, 0, 0, 0, 0, 200}; /* padding of 4, depends on 0, weight */
	struct bytes b;

	preface();
	b = block(&peers[0], ":method GET :path /long a 0123456789 b 0123456789");
	memcpy(payload + 6, b.p, 3);
	memset(payload + 9, 'p', 4);
	frame(&peers[0], NGHTTP2_HEADERS, PADDED | NGHTTP2_FLAG_PRIORITY, 1,
	      (struct bytes){payload, 13});
	frame(&peers[0], NGHTTP2_CONTINUATION, 0, 1, (struct bytes){b.p + 3, 5});
	frame(&peers[0], NGHTTP2_CONTINUATION, END_HEADERS, 1, (struct bytes){b.p + 8, b.n - 8});
	frame(&peers[0], NGHTTP2_DATA, PADDED, 1, BYTES("\5bodyppppp"));
	frame(&peers[0], NGHTTP2_DATA, PADDED | END_STREAM, 1,
	      BYTES("\xff"
		    "all of it padding"));
	flush(&f, false);
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT "GET /long HTTP/2  (stream 1)\n" LINE
		     "a: 0123456789\n" LINE "b: 0123456789\n\n" LINE "body\n");
}

static void resets_are_shown(void **state)
{
	struct transcript_file f = {0};

	preface();
	head(&peers[0], 0, 1, ":method POST :path /up");
	data(&peers[0], 0, 1, "half of");
	flush(&f, false);
	frame(&peers[1], NGHTTP2_RST_STREAM, 0, 1, BYTES("\0\0\0\x8"));
	frame(&peers[1], NGHTTP2_GOAWAY, 0, 0,
	      BYTES("\0\0\0\0\0\0\0\xb"
		    "too much"));
	frame(&peers[1], NGHTTP2_GOAWAY, 0, 0, BYTES("\0\0\0\0\0\0\0\0"));
	flush(&f, true);
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT "POST /up HTTP/2  (stream 1)\n"
		     "13:08:00.125" GOT "RST_STREAM CANCEL  (stream 1: POST /up)\n"
		     "13:08:00.125" SENT "body of POST /up, 7 bytes\n" LINE "half of\n" NOTE
		     "[unfinished]\n"
		     "13:08:00.125" GOT "GOAWAY ENHANCE_YOUR_CALM too much\n");
}

static void what_may_never_end_is_shown_as_it_comes(void **state)
{
	struct transcript_file f = {0};

	preface();
	flush(&f, false);
	head(&peers[1], 0, 1, ":status 200 content-type text/event-stream");
	data(&peers[1], 0, 1, "data: 1\n");
	flush(&f, true);
	data(&peers[1], 0, 1, "data: 2\n");
	flush(&f, true);
	data(&peers[1], END_STREAM, 1, "");
	flush(&f, true);
	assert_shown(&f, NULL,
		     "13:08:00.125" GOT "HTTP/2 200  (stream 1)\n" LINE
		     "content-type: text/event-stream\n\n" LINE "data: 1\n"
		     "13:08:00.126" GOT "body of a response\n" LINE "data: 2\n");
}

static void what_waits_at_the_end_is_shown(void **state)
{
	struct transcript_file f = {0};

	preface();
	head(&peers[0], 0, 1, ":method POST :path /1");
	head(&peers[0], 0, 3, ":method POST :path /3");
	data(&peers[0], 0, 1, "one");
	data(&peers[0], 0, 3, "three");
	flush(&f, false);
	head(&peers[1], 0, 1, ":status 200 content-type text/event-stream");
	data(&peers[1], 0, 1, "live\n");
	head(&peers[1], 0, 3, ":status 200");
	peers[1].n -= 1; /* of the last head */
	flush(&f, true);
	assert_shown(
		&f, NULL,
		"13:08:00.124" SENT "POST /1 HTTP/2  (stream 1)\n"
		"13:08:00.124" SENT "POST /3 HTTP/2  (stream 3)\n"
		"13:08:00.125" GOT "HTTP/2 200  (stream 1: POST /1)\n" LINE
		"content-type: text/event-stream\n\n" LINE "live\n"
		"13:08:00.125" SENT "body of POST /1, 3 bytes\n" LINE "one\n" NOTE "[unfinished]\n"
		"13:08:00.125" SENT "body of POST /3, 5 bytes\n" LINE "three\n" NOTE
		"[unfinished]\n"
		"13:08:00.125" GOT "body of POST /1, 5 bytes of text/event-stream\n" NOTE
		"[unfinished]\n"
		"13:08:00.125" GOT "HEADERS, 1 byte  (stream 3: POST /3)\n" NOTE "[unfinished]\n");
}

/* ---- what is lost -------------------------------------------------------------------------- */

#define UNKNOWN "HTTP/2 whose header state is not known: from here on frames by type and length\n"

static void a_gap_within_a_body_is_counted(void **state)
{
	struct transcript_file f = {0};

	preface();
	head(&peers[0], 0, 1, ":method POST :path /up");
	data(&peers[0], END_STREAM, 1, "12345");
	flush(&f, false);
	f.n -= 3; /* the last record says so, too */
	f.p[1] -= 3;
	transcript_say(&f, 0, 3, BYTES(""));
	head(&peers[0], END_STREAM, 3, ":method GET :path /next");
	flush(&f, false);
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT "POST /up HTTP/2  (stream 1)\n"
		     "13:08:00.125" SENT "body of POST /up, 2 bytes\n" LINE "12\n" NOTE
		     "[3 bytes missing]\n"
		     "13:08:00.126" SENT "GET /next HTTP/2  (stream 3)\n");
}

static void another_gap_loses_one_direction(void **state)
{
	struct transcript_file f = {0};

	preface();
	head(&peers[0], END_STREAM, 1, ":method GET :path /1");
	flush(&f, false);
	head(&peers[1], 0, 1, ":status 200 x y");
	data(&peers[1], 0, 1, "seen");
	flush_as(&f, true, 0, 0);
	data(&peers[1], 0, 1, "known by its length");
	head(&peers[1], END_STREAM, 1, "x-sum 9");
	flush_as(&f, true, 0, 100);
	head(&peers[0], END_STREAM, 3, ":method GET :path /3");
	flush(&f, false);
	assert_shown(
		&f, NULL,
		"13:08:00.124" SENT "GET /1 HTTP/2  (stream 1)\n"
		"13:08:00.125" GOT "HTTP/2 200  (stream 1: GET /1)\n" LINE "x: y\n"
		"13:08:00.126" GOT "100 bytes missing here\n"
		"13:08:00.126" GOT "body of GET /1, 4 bytes\n" LINE "seen\n" NOTE "[unfinished]\n"
		"13:08:00.126" GOT UNKNOWN "13:08:00.126" GOT "DATA, 19 bytes  (stream 1: GET /1)\n"
		"13:08:00.126" GOT "HEADERS, 8 bytes  (stream 1: GET /1)\n"
		"13:08:00.127" SENT "GET /3 HTTP/2  (stream 3)\n");
}

static void a_connection_joined_midway_is_shown_by_frames(void **state)
{
	struct transcript_file f = {0};

	transcript_say(&f, TRANSCRIPT_LATE, 0, BYTES("\1\2"));
	head(&peers[0], END_STREAM, 5, ":method GET :path /5");
	frame(&peers[0], NGHTTP2_PING, 0, 0, BYTES("12345678"));
	flush_as(&f, false, TRANSCRIPT_LATE, 0);
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT "connection that was open before the recording\n"
		     "13:08:00.124" SENT UNKNOWN "13:08:00.124" SENT
		     "within a message, 2 bytes\n" LINE
		     "0000  01 02                                             ..\n"
		     "13:08:00.125" SENT "HEADERS, 5 bytes  (stream 5)\n");
}

static void a_damaged_block_loses_one_direction(void **state)
{
	struct transcript_file f = {0};

	preface();
	frame(&peers[0], NGHTTP2_HEADERS, END_HEADERS, 1, BYTES("\xff\xff\xff\xff\xff\xff"));
	frame(&peers[0], NGHTTP2_HEADERS, END_HEADERS, 3, BYTES("\x82"));
	flush(&f, false);
	assert_shown(&f, NULL,
		     "13:08:00.124" SENT UNKNOWN "13:08:00.124" SENT
		     "HEADERS, 1 byte  (stream 3)\n");
}

/* ---- what is bounded ----------------------------------------------------------------------- */

/* One byte each that stands for three thousand: what is decoded is not what is kept. */
static void a_header_bomb_is_defused(void **state)
{
	static char value[3000], bomb[16000];
	char fields[3100];
	struct transcript_file f = {0};
	char *text;

	memset(value, 'v', sizeof(value));
	snprintf(fields, sizeof(fields), ":method GET :path /1 x %.*s", 3000, value);
	preface();
	head(&peers[0], END_STREAM, 1, fields);
	memset(bomb, 0x80 | 62, sizeof(bomb)); /* the newest entry of the dynamic table */
	frame(&peers[0], NGHTTP2_HEADERS, END_HEADERS, 3, (struct bytes){bomb, sizeof(bomb)});
	head(&peers[0], END_STREAM, 5, ":method GET :path /5");
	flush(&f, false);
	text = transcript_shown(&f, PROTOCOL_HTTP2, NULL);
	assert_non_null(strstr(text, "[... more fields]\n"));
	assert_non_null(strstr(text, "GET /5 HTTP/2  (stream 5)\n"));
	assert_in_range(strlen(text), 3000, 2 * HPACK_LIST);
	free(text);
	transcript_done(&f);
}

/* More than one event may show ends with a word, and the next event is shown again. */
static void one_event_shows_so_much(void **state)
{
	char fields[3100];
	struct transcript_file f = {0};
	char *text;

	snprintf(fields, sizeof(fields), ":method GET :path /1 x %03000d", 0);
	preface();
	head(&peers[0], END_STREAM, 1, fields);
	for (unsigned i = 0; i < 5000; i++)
		frame(&peers[0], NGHTTP2_HEADERS, END_HEADERS, 3, BYTES("\xbe"));
	flush(&f, false);
	head(&peers[0], END_STREAM, 5, ":method GET :path /5");
	flush(&f, false);
	text = transcript_shown(&f, PROTOCOL_HTTP2, NULL);
	assert_in_range(strlen(text), TEXT_DATA_RECORD / 2, TEXT_DATA_RECORD + 10000);
	assert_non_null(strstr(text, "[... more than one event can show]\n"));
	assert_non_null(strstr(text, "GET /5 HTTP/2  (stream 5)\n"));
	free(text);
	transcript_done(&f);
}

static void many_streams_are_not_kept(void **state)
{
	struct transcript_file f = {0};
	char *text;

	preface();
	for (uint32_t i = 1; i < 4 * HTTP2_STREAMS; i += 2)
		head(&peers[0], 0, i, ":method POST :path /up");
	data(&peers[0], END_STREAM, 1, "forgotten");
	data(&peers[0], END_STREAM, 4 * HTTP2_STREAMS - 1, "remembered");
	flush(&f, false);
	text = transcript_shown(&f, PROTOCOL_HTTP2, NULL);
	assert_non_null(strstr(text, "DATA, 9 bytes  (stream 1)\n"));
	assert_non_null(strstr(text, LINE "remembered\n"));
	free(text);
	transcript_done(&f);
}

/* ---- recorded ------------------------------------------------------------------------------ */

/* However the bytes come in, the same messages come out. */
static void real_programs_however_cut(void **state)
{
	static const struct {
		const char *path;
		const char *want[16];
	} rows[] = {
		{"samples/fuzz/http2/get",
		 {"GET /n.txt?text HTTP/2  (stream 1)\n", LINE ":authority: 127.0.0.1:18099\n",
		  "HTTP/2 200  (stream 1: GET /n.txt?text)\n", LINE "server: nginx",
		  LINE "body nonce\n", NULL}},
		{"samples/fuzz/http2/parallel",
		 {"GET /n.txt HTTP/2  (stream 13)\n", "GET /list.json HTTP/2  (stream 15)\n",
		  "GET /missing HTTP/2  (stream 17)\n", "GET /n.txt?2 HTTP/2  (stream 19)\n",
		  "HTTP/2 200  (stream 13: GET /n.txt)\n",
		  "HTTP/2 200  (stream 15: GET /list.json)\n",
		  "gzip, 588 bytes of application/json", "\"name 90\"\n",
		  "HTTP/2 404  (stream 17: GET /missing)\n", "gzip, 114 bytes of text/html",
		  "<hr><center>nginx", "HTTP/2 200  (stream 19: GET /n.txt?2)\n", NULL}},
		{"samples/fuzz/http2/upload",
		 {"POST /up HTTP/2  (stream 1)\n", "body of POST /up, 30000 bytes of image/png\n",
		  LINE "0000  ", NOTE "[... 29744 bytes more]\n",
		  "HTTP/2 200  (stream 1: POST /up)\n", LINE "up\n", NULL}},
		{"samples/fuzz/http2/push_padding_trailers",
		 {"POST /n.txt HTTP/2  (stream 13)\n", LINE "<p>a page that",
		  "trailers  (stream 13", LINE "x-up: 7\n",
		  "promised: GET /list.json HTTP/2  (stream 2)\n", "HTTP/2 200  (stream 13",
		  "HTTP/2 200  (stream 2: GET /list.json)\n", LINE "body nonce\n",
		  LINE "x-sum: 12\n", LINE "  \"name\": \"name 0\"\n", LINE "x-sum: 12\n", NULL}},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		talk_assert_recorded(rows[i].path, PROTOCOL_HTTP2, rows[i].want);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(shows_requests_and_responses),
		TEST(streams_are_told_apart),
		TEST(frames_are_taken_apart),
		TEST(resets_are_shown),
		TEST(what_may_never_end_is_shown_as_it_comes),
		TEST(what_waits_at_the_end_is_shown),
		TEST(a_gap_within_a_body_is_counted),
		TEST(another_gap_loses_one_direction),
		TEST(a_connection_joined_midway_is_shown_by_frames),
		TEST(a_damaged_block_loses_one_direction),
		TEST(a_header_bomb_is_defused),
		TEST(one_event_shows_so_much),
		TEST(many_streams_are_not_kept),
		TEST(real_programs_however_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
