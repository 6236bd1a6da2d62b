/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The largest texts there are, in every format: whole where a chunk holds them, else cut and
 * flagged. None is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/encoder.h"
#include "kern/events.h"
#include "tests/support/rig.h"

static const struct format {
	const char *name, *options;
} formats[] = {{"jsonl", ""}, {"text", "body=0"}, {"pcapng", "events=custom"}};

enum {
	FORMATS = sizeof(formats) / sizeof(formats[0])
};

struct written {
	struct fake_sink sink;
	struct output *output;
	void *cfg;
	uint64_t done, too_big;
};

/* Everything that an output in that format makes of the event. */
static void written_open(struct written *w, const struct format *format, struct event ev)
{
	const struct encoder_ops *encoder = encoder_by_name(format->name);
	struct output_config cfg;
	char options[32];
	struct err err = {""};

	*w = (struct written){.cfg = calloc(1, encoder->cfg_size + 1)};
	assert_non_null(w->cfg);
	snprintf(options, sizeof(options), "%s", format->options);
	if (encoder->options)
		assert_int_equal(
			opt_set_pairs(encoder->options, w->cfg, options, format->name, &err), 0);
	cfg = fake_output_config(&w->sink);
	cfg.encoder = encoder;
	cfg.encoder_cfg = w->cfg;
	cfg.kinds = 1u << EVENT_LINE | 1u << EVENT_EXEC;
	w->output = rig_start(cfg);
	output_event(w->output, &ev);
	rig_finish(w->output);
	w->done = rig_stat(w->output, OSTAT_DONE);
	w->too_big = rig_stat(w->output, OSTAT_TOO_BIG);
}

static void written_close(struct written *w)
{
	output_free(w->output);
	fake_sink_done(&w->sink);
	free(w->cfg);
}

static struct bytes large_text(char c)
{
	char *p = malloc(REC_QUERY_MAX);

	assert_non_null(p);
	memset(p, c, REC_QUERY_MAX);
	return (struct bytes){p, REC_QUERY_MAX};
}

static struct event line_of(struct bytes text, struct bytes expanded)
{
	struct event ev = rig_line(text, 2000);

	ev.probe = ev.line.shell = "bash";
	ev.line.expanded = expanded;
	return ev;
}

static struct event exec_of(struct bytes argv)
{
	return (struct event){.kind = EVENT_EXEC,
			      .probe = "exec",
			      .time_boot_ns = 2000,
			      .exec = {.argv = argv, .argv_total = argv.n}};
}

static bool has_whole(const struct written *w, struct bytes text)
{
	return memmem(w->sink.p, w->sink.n, text.p, text.n);
}

static void test_plain_texts_are_whole(void **state)
{
	struct bytes text = large_text('x');
	struct written w;

	for (unsigned f = 0; f < FORMATS; f++) {
		written_open(&w, &formats[f], line_of(text, (struct bytes){0}));
		assert_int_equal(w.done, 1);
		assert_true(has_whole(&w, text));
		written_close(&w);
		written_open(&w, &formats[f], exec_of(text));
		assert_int_equal(w.done, 1);
		assert_true(has_whole(&w, text));
		written_close(&w);
	}
	free((char *)text.p);
}

/* Bytes that take up to six times their room in JSON, and forty times in text. */
static void test_what_grows_is_cut_and_flagged(void **state)
{
	static const char fills[] = {1, '\n', '"', '\'', (char)0xff, 'x'};
	struct written w;

	for (unsigned i = 0; i < sizeof(fills); i++) {
		struct bytes text = large_text(fills[i]);

		for (unsigned f = 0; f < FORMATS; f++) {
			written_open(&w, &formats[f], line_of(text, text));
			assert_int_equal(w.done, 1);
			assert_int_equal(w.too_big, 0);
			assert_true(w.sink.n > CHUNK_JUMBO / 8);
			assert_true(w.sink.n <= CHUNK_JUMBO + CHUNK_SIZE);
			assert_non_null(memmem(w.sink.p, w.sink.n, "truncated", 9));
			written_close(&w);
		}
		free((char *)text.p);
	}
}

/* More arguments than fit: one byte of an argument block can be an argument. */
static void test_many_arguments_are_cut_and_flagged(void **state)
{
	struct bytes none = large_text('\0');
	struct written w;

	for (unsigned f = 0; f < FORMATS; f++) {
		written_open(&w, &formats[f], exec_of(none));
		assert_int_equal(w.done, 1);
		assert_int_equal(w.too_big, 0);
		assert_non_null(memmem(w.sink.p, w.sink.n, "truncated", 9));
		written_close(&w);
	}
	free((char *)none.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_texts_are_whole),
		cmocka_unit_test(test_what_grows_is_cut_and_flagged),
		cmocka_unit_test(test_many_arguments_are_cut_and_flagged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
