/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever the format: a secret is nowhere in a file of an output with redact=on, be it plain or in
 * base64, and what payload= leaves out is not there either. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/flows.h"
#include "capture/redact.h"
#include "tests/support/events.h"
#include "tests/support/rig.h"

#define NONCE "Zq7vWx3Kp9Lm2Rt8"

static const struct format {
	const char *name, *options;
} formats[] = {
	{"jsonl", ""},  {"text", "body=4096"},       {"pb", ""},
	{"pcapng", ""}, {"pcapng", "events=custom"},
};

enum {
	FORMATS = sizeof(formats) / sizeof(formats[0])
};

static const struct bytes requests[] = {
	BYTES("GET http://u:" NONCE "@h/ HTTP/1.1\r\nAuthorization: Bearer " NONCE
	      "\r\nCookie: a=" NONCE ";\r\n b=" NONCE "\r\nX-Kept: this-is-kept\r\n\r\n"),
	BYTES("HTTP/1.1 200 OK\r\nSet-Cookie: a=" NONCE "\r\nContent-Length: 0\r\n\r\n"),
};

struct written {
	struct fake_sink sink;
	struct output *output;
	struct redact *redact;
	void *cfg;
};

static void written_open(struct written *w, const struct format *format,
			 const struct redact_config *redact)
{
	const struct encoder_ops *encoder = encoder_by_name(format->name);
	struct output_config cfg = fake_output_config(&w->sink);
	struct err err = {""};
	char options[32];

	*w = (struct written){.cfg = calloc(1, encoder->cfg_size + 1)};
	assert_non_null(w->cfg);
	snprintf(options, sizeof(options), "%s", format->options);
	if (encoder->options)
		assert_int_equal(
			opt_set_pairs(encoder->options, w->cfg, options, format->name, &err), 0);
	assert_int_equal(redact_new(redact, &w->redact, &err), 0);
	cfg.encoder = encoder;
	cfg.encoder_cfg = w->cfg;
	cfg.view = redact_view;
	cfg.view_arg = w->redact;
	w->output = rig_start(cfg);
}

static void written_close(struct written *w)
{
	output_free(w->output);
	redact_free(w->redact);
	fake_sink_done(&w->sink);
	free(w->cfg);
}

/* One direction, in events of n bytes of calls of 50. */
static void says_in_pieces(struct written *w, struct bytes text, enum direction direction, size_t n)
{
	struct flows_stream streams[2] = {0};
	struct event ev = events_of(EVENT_DATA);
	struct flow flow = *ev.flow;

	flow.protocol = PROTOCOL_HTTP1;
	ev.flow = &flow;
	ev.data.late = false;
	ev.data.direction = direction;
	for (size_t at = 0; at < text.n; at += ev.data.payload.n) {
		ev.seq++;
		ev.flags = 0;
		ev.data.payload = (struct bytes){text.p + at, n < text.n - at ? n : text.n - at};
		ev.data.stream_offset = at;
		ev.data.call_offset = at;
		ev.data.call_total = text.n;
		flows_place(streams, &ev);
		output_event(w->output, &ev);
	}
}

static void says_everything(struct written *w, size_t n)
{
	static const struct bytes argv = BYTES("mysql\0-p" NONCE "\0--token\0" NONCE "\0");
	struct event line = events_of(EVENT_LINE), exec = events_of(EVENT_EXEC);
	struct event exit = events_of(EVENT_EXIT);
	struct proc proc = *exec.proc;
	struct run run = events_run;

	run.cmdline = BYTES("penstock -- curl -u a:" NONCE);
	rig_run_begins(w->output, &run);
	proc.cmdline = argv;
	line.proc = exec.proc = exit.proc = &proc;
	line.line.text = BYTES("curl -H 'Authorization: Basic " NONCE "' h");
	line.line.expanded = BYTES("PGPASSWORD=" NONCE " psql");
	exec.exec.argv = argv;
	exec.exec.argv_total = argv.n;
	output_event(w->output, &line);
	output_event(w->output, &exec);
	output_event(w->output, &exit);
	says_in_pieces(w, requests[0], DIRECTION_TRANSMIT, n);
	says_in_pieces(w, requests[1], DIRECTION_RECEIVE, n);
	rig_finish(w->output);
}

/* A text in base64 is one of three, but for what its neighbours do to its ends. */
static bool has_base64(const struct written *w, struct bytes text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (unsigned skip = 0; skip < 3; skip++) {
		char out[64];
		size_t n = 0;

		for (size_t i = skip; i + 3 <= text.n && n + 4 <= sizeof(out); i += 3) {
			uint32_t v = (uint32_t)(uint8_t)text.p[i] << 16 |
				     (uint32_t)(uint8_t)text.p[i + 1] << 8 | (uint8_t)text.p[i + 2];

			for (int shift = 18; shift >= 0; shift -= 6)
				out[n++] = digits[v >> shift & 63];
		}
		if (memmem(w->sink.p, w->sink.n, out, n))
			return true;
	}
	return false;
}

static bool has_text(const struct written *w, struct bytes text)
{
	return w->sink.n && (memmem(w->sink.p, w->sink.n, text.p, text.n) || has_base64(w, text));
}

static void secrets_are_nowhere(void **state)
{
	static const size_t pieces[] = {1000, 97, 10};
	const struct redact_config off = {.payload_max = REDACT_PAYLOAD_FULL};
	const struct redact_config on = {.secrets = true, .payload_max = REDACT_PAYLOAD_FULL};
	struct written w;

	for (unsigned f = 0; f < FORMATS; f++) {
		for (unsigned i = 0; i < 3; i++) {
			written_open(&w, &formats[f], &on);
			says_everything(&w, pieces[i]);
			assert_false(has_text(&w, BYTES(NONCE)));
			assert_true(has_text(&w, BYTES("this-is-kept")) || pieces[i] < 97);
			written_close(&w);
		}
		/* the search itself finds them */
		written_open(&w, &formats[f], &off);
		says_everything(&w, 1000);
		assert_true(has_text(&w, BYTES(NONCE)));
		written_close(&w);
	}
}

static void payload_is_left_out(void **state)
{
	const struct redact_config none = {.payload_max = 0};
	const struct redact_config some = {.payload_max = 12};
	struct written w;

	for (unsigned f = 0; f < FORMATS; f++) {
		written_open(&w, &formats[f], &none);
		says_in_pieces(&w, requests[1], DIRECTION_RECEIVE, 10);
		rig_finish(w.output);
		assert_false(has_text(&w, BYTES("HTTP/1.1")));
		written_close(&w);
		written_open(&w, &formats[f], &some);
		says_in_pieces(&w, requests[1], DIRECTION_RECEIVE, 40);
		rig_finish(w.output);
		assert_true(has_text(&w, BYTES("HTTP/1.1")));
		assert_false(has_text(&w, BYTES("Set-Cookie")));
		written_close(&w);
	}
}

/* An event of a call of 30 bytes, as payload= leaves it; no payload where it leaves nothing. */
static struct event cut(struct redact *r, uint64_t offset, uint64_t call_offset, uint64_t begin)
{
	struct event ev = events_of(EVENT_DATA);

	ev.flags = 0;
	ev.data.payload = BYTES("0123456789");
	ev.data.late = ev.data.fin = false;
	ev.data.direction = DIRECTION_TRANSMIT;
	ev.data.stream_offset = offset;
	ev.data.call_offset = call_offset;
	ev.data.call_total = 30;
	ev.data.begin = begin;
	if (!redact_view(&ev, r))
		ev.data.payload.p = NULL;
	return ev;
}

/* As --max-payload has it: what is missing is told by its length. The recording begins at 1000. */
static void cuts_are_told(void **state)
{
	const struct redact_config cfg = {.payload_max = 12};
	struct redact *r;
	struct event ev;

	assert_int_equal(redact_new(&cfg, &r, NULL), 0);
	ev = cut(r, 1000, 0, 1000);
	assert_int_equal(ev.data.payload.n, 10);
	assert_int_equal(ev.data.missing, 0);
	assert_int_equal(ev.flags, 0);
	ev = cut(r, 1010, 10, 1010);
	assert_int_equal(ev.data.payload.n, 2);
	assert_int_equal(ev.flags, EVENT_F_TRUNCATED);
	assert_int_equal(ev.data.call_total, 30);
	assert_int_equal(ev.data.end, 1030);
	ev = cut(r, 1020, 20, 1020);
	assert_null(ev.data.payload.p);
	ev = cut(r, 1030, 0, 1030);
	assert_int_equal(ev.data.payload.n, 10);
	assert_int_equal(ev.data.begin, 1012);
	assert_int_equal(ev.data.missing, 18);
	assert_int_equal(ev.flags, EVENT_F_GAP);
	redact_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_nowhere),
		cmocka_unit_test(payload_is_left_out),
		cmocka_unit_test(cuts_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
