/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/base/utf8.h"
#include "encoders/view/text_data.h"
#include "encoders/view/view.h"
#include "tests/support/encoding.h"
#include "tests/support/fakes.h"
#include "tests/support/transcript.h"

#define SENT "    1234 curl            127.0.0.1:43210 -> 127.0.0.1:443  "
#define GOT  "    1234 curl            127.0.0.1:43210 <- 127.0.0.1:443  "
#define LINE "        "
#define NOTE "    "

extern const struct encoder_ops encoder_text;

static void assert_shown(struct transcript_file *f, enum protocol protocol, const char *options,
			 const char *want)
{
	char *text = transcript_shown(f, protocol, options);

	assert_string_equal(text, want);
	free(text);
	transcript_done(f);
}

/* ---- protocols of which only the bytes are known ------------------------------------------- */

static void text_is_shown_as_lines(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_RECV(&f, "220 mail ESMTP\r\n");
	TRANSCRIPT_SEND(&f, "EHLO gr\xc3\xbcn");
	TRANSCRIPT_RECV(&f, "250-one\r\n\r\n250\ttwo\n");
	assert_shown(&f, PROTOCOL_SMTP, NULL,
		     "13:08:00.124" GOT "220 mail ESMTP\n"
		     "13:08:00.125" SENT "EHLO gr\xc3\xbcn\n"
		     "13:08:00.126" GOT "smtp, 19 bytes\n" LINE "250-one\n" LINE "\n" LINE
		     "250     two\n");
}

static void other_bytes_are_shown_in_hex(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_SEND(&f, "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf abc\x7f\xff");
	assert_shown(
		&f, PROTOCOL_UNKNOWN, NULL,
		"13:08:00.124" SENT "unknown, 22 bytes\n" LINE
		"0000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  ................\n" LINE
		"0010  20 61 62 63 7f ff                                  abc..\n");
}

static void characters_may_be_cut(void **state)
{
	assert_true(view_is_text(BYTES("\x82\xac and \xe2\x82")));
	assert_true(view_is_text(BYTES("a\r\n\tb")));
	assert_false(view_is_text(BYTES("")));
	assert_false(view_is_text(BYTES("a\xe2\x28")));
	assert_false(view_is_text(BYTES("\x82\xac\x82\xac")));
	assert_false(view_is_text(BYTES("a\x1b[2J")));
	assert_false(view_is_text(BYTES("a\xff")));
}

static void an_event_is_shown_up_to_the_limit(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_SEND(&f, "0123456789");
	TRANSCRIPT_SEND(&f, "0123\0");
	assert_shown(
		&f, PROTOCOL_REDIS, "body=4",
		"13:08:00.124" SENT "redis, 10 bytes\n" LINE "0123\n" NOTE "[... 6 bytes more]\n"
		"13:08:00.125" SENT "redis, 5 bytes\n" LINE "0123\n" NOTE "[... 1 byte more]\n");
}

static void flows_are_named(void **state)
{
	struct transcript_file f = {0};

	transcript_say(&f, TRANSCRIPT_OTHER, 0, BYTES("six"));
	transcript_say(&f, TRANSCRIPT_UNKNOWN | TRANSCRIPT_RECEIVE, 0, BYTES("who?"));
	assert_shown(&f, PROTOCOL_UNKNOWN, NULL,
		     "13:08:00.124    1234 curl            "
		     "[::1]:8443 -> [2001:db8::7]:50000  six\n"
		     "13:08:00.125    1234 curl            unknown flow 1 <-  who?\n");
}

/* ---- what is not there --------------------------------------------------------------------- */

static void gaps_and_cuts_are_said(void **state)
{
	struct transcript_file f = {0};

	transcript_say(&f, TRANSCRIPT_LATE, 0, BYTES("one"));
	transcript_say(&f, TRANSCRIPT_LATE, 7, BYTES("two"));
	transcript_say(&f, TRANSCRIPT_LATE | TRANSCRIPT_TRUNCATED, 0, BYTES("three"));
	transcript_say(&f, TRANSCRIPT_FIN, 0, (struct bytes){0});
	assert_shown(&f, PROTOCOL_UNKNOWN, NULL,
		     "13:08:00.124" SENT "connection that was open before the recording\n"
		     "13:08:00.124" SENT "one\n"
		     "13:08:00.125" SENT "7 bytes missing here\n"
		     "13:08:00.125" SENT "two\n"
		     "13:08:00.126" SENT "three\n" NOTE "[recorded up to byte 5 of 105]\n");
}

/* What this output alone has lost is missing here, too; what was in earlier events is not shown. */
static void lost_and_repeated_bytes_are_known(void **state)
{
	struct transcript_file f = {0};
	struct encoding e;
	struct event ev;
	struct transcript t;

	TRANSCRIPT_SEND(&f, "one");
	TRANSCRIPT_SEND(&f, "two");
	TRANSCRIPT_SEND(&f, "three");
	encoding_open(&e, &encoder_text, NULL, NULL);
	transcript_begin(&t, PROTOCOL_UNKNOWN, (struct bytes){f.p, f.n});
	for (unsigned i = 0; transcript_next(&t, &ev); i++) {
		if (i == 1)
			continue;
		assert_int_equal(encoding_add(&e, &ev), 0);
		ev.seq += 100;
		flows_place(t.streams[0], &ev);
		assert_int_equal(ev.data.repeated, ev.data.payload.n);
		assert_int_equal(encoding_add(&e, &ev), 0);
	}
	encoding_end(&e);
	assert_string_equal((char *)e.p, "13:08:00.124" SENT "one\n"
					 "13:08:00.126" SENT "3 bytes missing here\n"
					 "13:08:00.126" SENT "three\n");
	encoding_close(&e);
	transcript_done(&f);
}

/* A connection whose last bytes were lost does not end as if they had not been. */
static void what_was_lost_before_the_end_is_said(void **state)
{
	struct transcript_file f = {0};

	TRANSCRIPT_SEND(&f, "one");
	transcript_say(&f, TRANSCRIPT_FIN, 40, (struct bytes){0});
	assert_shown(&f, PROTOCOL_UNKNOWN, NULL,
		     "13:08:00.124" SENT "one\n"
		     "13:08:00.125" SENT "40 bytes missing here\n");
}

/* ---- the encoder's contract ---------------------------------------------------------------- */

/* A full chunk costs a second call, and the bytes are not taken twice. */
static void no_room_changes_nothing(void **state)
{
	struct transcript_file f = transcript_load("samples/fuzz/http2/parallel");
	char *want = transcript_shown(&f, PROTOCOL_HTTP2, NULL);
	struct chunk none = {.p = (uint8_t[8]){0}, .cap = 8};
	struct out no_room = {.tail = &none};
	unsigned refused = 0;
	struct encoding e;
	struct event ev;
	struct transcript t;

	encoding_open(&e, &encoder_text, NULL, NULL);
	transcript_begin(&t, PROTOCOL_HTTP2, (struct bytes){f.p, f.n});
	while (transcript_next(&t, &ev)) {
		int r = encoder_text.encode(e.ctx, &ev, &no_room);

		assert_int_equal(none.len, 0);
		refused += r == -ENOBUFS;
		if (r == -ENOBUFS)
			assert_int_equal(encoder_text.encode(e.ctx, &ev, &no_room), -ENOBUFS);
		if (r)
			assert_int_equal(encoding_add(&e, &ev), 0);
	}
	encoding_end(&e);
	assert_string_equal((char *)e.p, want);
	assert_true(refused > 3);
	encoding_close(&e);
	free(want);
	transcript_done(&f);
}

/* An event that was given up leaves nothing behind for the next one. */
static void a_lost_event_is_not_shown_later(void **state)
{
	struct chunk none = {.p = (uint8_t[8]){0}, .cap = 8};
	struct out no_room = {.tail = &none};
	struct transcript_file f = {0};
	struct encoding e;
	struct event ev;
	struct transcript t;

	TRANSCRIPT_SEND(&f, "lost");
	TRANSCRIPT_SEND(&f, "kept");
	encoding_open(&e, &encoder_text, NULL, NULL);
	transcript_begin(&t, PROTOCOL_UNKNOWN, (struct bytes){f.p, f.n});
	assert_true(transcript_next(&t, &ev));
	assert_int_equal(encoder_text.encode(e.ctx, &ev, &no_room), -ENOBUFS);
	assert_true(transcript_next(&t, &ev));
	assert_int_equal(encoding_add(&e, &ev), 0);
	encoding_end(&e);
	assert_string_equal((char *)e.p, "13:08:00.125" SENT "kept\n");
	encoding_close(&e);
	transcript_done(&f);
}

/* What only waits for its rest is written as good as anything: the ledger of its output balances.
 */
static void silent_events_are_accounted_for(void **state)
{
	struct transcript_file f = {0};
	static struct fake_sink sink = {0};
	struct output_config cfg = fake_output_config(&sink);
	struct run run = {.start_boot_ns = 1};
	void *encoder_cfg = calloc(1, encoder_text.cfg_size);
	uint64_t stats[OSTAT_MAX];
	struct output *o;
	struct event ev;
	struct transcript t;

	TRANSCRIPT_SEND(&f, "PRI * HTTP/2.0\r\n");
	TRANSCRIPT_SEND(&f, "\r\nSM\r\n\r\n");
	cfg.encoder = &encoder_text;
	cfg.encoder_cfg = encoder_cfg;
	assert_int_equal(opt_defaults(encoder_text.options, encoder_cfg, NULL), 0);
	assert_int_equal(output_new(&cfg, 0, &o, NULL), 0);
	output_begin(o);
	assert_int_equal(output_run(o, &run), 0);
	transcript_begin(&t, PROTOCOL_HTTP2, (struct bytes){f.p, f.n});
	while (transcript_next(&t, &ev))
		output_event(o, &ev);
	output_finish(o);
	output_stats(o, stats);
	assert_int_equal(stats[OSTAT_DONE], 2);
	assert_int_equal(stats[OSTAT_OFFERED], stats[OSTAT_SKIPPED] + stats[OSTAT_DONE]);
	assert_int_equal(sink.n, 0);
	output_free(o);
	free(encoder_cfg);
	fake_sink_done(&sink);
	transcript_done(&f);
}

static void colours_on_demand(void **state)
{
	static const struct encoder_env env = {.colour = true};
	struct transcript_file f = {0};
	struct encoding e;
	struct event ev;
	struct transcript t;

	TRANSCRIPT_SEND(&f, "GET / HTTP/1.1\r\n\r\n");
	encoding_open(&e, &encoder_text, NULL, &env);
	transcript_begin(&t, PROTOCOL_HTTP1, (struct bytes){f.p, f.n});
	assert_true(transcript_next(&t, &ev));
	assert_int_equal(encoding_add(&e, &ev), 0);
	encoding_end(&e);
	assert_string_equal((char *)e.p,
			    "\033[2m13:08:00.124\033[0m    1234 \033[1mcurl\033[0m            "
			    "\033[2m127.0.0.1:43210 -> 127.0.0.1:443\033[0m  "
			    "\033[1mGET / HTTP/1.1\033[0m\n");
	encoding_close(&e);
	transcript_done(&f);
}

/* ---- hostile bytes ------------------------------------------------------------------------- */

static void assert_harmless(const char *text)
{
	struct bytes rest = bytes_of(text), line;

	while (rest.n) {
		const char *end = memchr(rest.p, '\n', rest.n);

		assert_non_null(end);
		line = (struct bytes){rest.p, end - rest.p};
		if (!utf8_printable(line) || memchr(line.p, '\t', line.n))
			fail_msg("not fit for a terminal: %.*s", (int)line.n, line.p);
		rest = (struct bytes){end + 1, rest.n - line.n - 1};
	}
}

static void nothing_moves_the_cursor(void **state)
{
	static const char *const heads[] = {
		"GET /\x1b[2J HTTP/1.1\r\nA\x07: \x1b]0;x\x07\r\nContent-Length: 200\r\n\r\n",
		"HTTP/1.1 200 \x9b\r\nContent-Type: text/\x1b\r\nContent-Length: 99\r\n\r\n",
		"HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n\x81\x7e\x01\x00",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0", ""};
	static const enum protocol protocols[] = {PROTOCOL_HTTP1, PROTOCOL_HTTP1, PROTOCOL_HTTP1,
						  PROTOCOL_HTTP2, PROTOCOL_UNKNOWN};
	char noise[300];

	srandom(6);
	for (unsigned round = 0; round < 500; round++) {
		unsigned row = round % 5;
		struct transcript_file f = {0};
		char *text;

		transcript_say(&f, round & 1, 0, bytes_of(heads[row]));
		for (unsigned i = 0; i < 4; i++) {
			for (unsigned k = 0; k < sizeof(noise); k++)
				noise[k] = (char)(round & 2 ? random() : random() % 128);
			transcript_say(&f, random() % 2, 0, (struct bytes){noise, sizeof(noise)});
		}
		text = transcript_shown(&f, protocols[row], NULL);
		assert_harmless(text);
		free(text);
		transcript_done(&f);
	}
}

/* What a target sends stands to the right of what we say. */
static void no_row_can_be_forged(void **state)
{
	static const char row[] = "\n13:08:00.124    1234 curl            nothing happened\n"
				  "    [nor here]\n";
	struct transcript_file f = {0};
	char *text, *rest, *line;

	TRANSCRIPT_SEND(&f, "POST /\n HTTP/1.1\r\nContent-Length: 85\r\n\r\n");
	transcript_say(&f, 0, 0, BYTES(row));
	transcript_say(&f, 0, 0, BYTES("GET / HTTP/1.1\r\n13:08:00.124 x\r\n\r\n"));
	rest = text = transcript_shown(&f, PROTOCOL_HTTP1, NULL);
	while ((line = strsep(&rest, "\n"))) {
		const char *forged = strstr(line, "nothing happened");

		assert_true(!forged || strncmp(line, LINE, 8) == 0);
		forged = strstr(line, "[nor here]");
		assert_true(!forged || strncmp(line, LINE, 8) == 0);
	}
	free(text);
	transcript_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_shown_as_lines),
		cmocka_unit_test(other_bytes_are_shown_in_hex),
		cmocka_unit_test(characters_may_be_cut),
		cmocka_unit_test(an_event_is_shown_up_to_the_limit),
		cmocka_unit_test(flows_are_named),
		cmocka_unit_test(gaps_and_cuts_are_said),
		cmocka_unit_test(lost_and_repeated_bytes_are_known),
		cmocka_unit_test(what_was_lost_before_the_end_is_said),
		cmocka_unit_test(no_room_changes_nothing),
		cmocka_unit_test(a_lost_event_is_not_shown_later),
		cmocka_unit_test(silent_events_are_accounted_for),
		cmocka_unit_test(colours_on_demand),
		cmocka_unit_test(nothing_moves_the_cursor),
		cmocka_unit_test(no_row_can_be_forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
