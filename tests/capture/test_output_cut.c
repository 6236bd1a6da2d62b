/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where media and frames begin: by size, by the clock, by a wish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rig.h"

#define SECOND 1000000000ull

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void test_size_begins_media(void **state)
{
	static struct fake_sink sink = {.marks = true};
	struct output_config cfg = fake_output_config(&sink);
	char text[1001];
	const char *from, *to;
	struct output *o;

	memset(text, 't', 1000);
	text[1000] = 0;
	cfg.encoder = &fake_plain_encoder;
	cfg.rotate_bytes = 3 * CHUNK_SIZE;
	o = rig_start(cfg);
	for (int i = 0; i < 2000; i++) /* 2 MB: more than five media */
		rig_send(o, text);
	rig_finish(o);
	assert_int_equal(rig_stat(o, OSTAT_DONE), 2001);
	assert_in_range(sink.begins, 5, 7);
	assert_int_equal(sink.ends, sink.begins);
	/* each begins with the opening bytes, once, and is no larger than it may be */
	assert_int_equal(count(sink.p, "<medium>head\nmeta"), sink.begins);
	assert_int_equal(count(sink.p, "head\nmeta"), sink.begins);
	for (from = strstr(sink.p, "<medium>"); from; from = to) {
		to = strstr(from + 1, "<medium>");
		assert_true((size_t)((to ? to : sink.p + sink.n) - from) <= cfg.rotate_bytes);
	}
	output_free(o);
	fake_sink_done(&sink);
}

static void test_media_of_a_format_with_context_are_generations(void **state)
{
	static struct fake_sink sink = {.marks = true};
	struct output_config cfg = fake_output_config(&sink);
	struct output *o = rig_start(cfg);

	rig_send(o, "one");
	output_want_medium(o);
	output_tick(o, 3000);
	rig_send(o, "two");
	rig_finish(o);
	assert_string_equal(sink.p, "<medium>generation 1\nmeta 1 - \nshell 2 - one\nend\n"
				    "<medium>generation 2\nmeta 1 - \nshell 3 - two\nend\n");
	assert_int_equal(sink.ends, 2);
	output_free(o);
	fake_sink_done(&sink);
}

/* Record time 0 is 10:59:58 and a half. */
static void test_the_clock_begins_media(void **state)
{
	static struct fake_sink sink = {.marks = true};
	struct output_config cfg = fake_output_config(&sink);
	struct output *o;

	cfg.encoder = &fake_plain_encoder;
	cfg.rotate_ns = 3600 * SECOND;
	o = rig_start(cfg);
	output_clock(o, (int64_t)(10 * 3600 * SECOND + 3598 * SECOND + SECOND / 2));
	rig_send(o, "before");
	output_tick(o, SECOND);
	assert_int_equal(sink.ends, 0);
	output_tick(o, 3 * SECOND / 2); /* eleven o'clock, and nothing happens */
	output_tick(o, 3 * SECOND / 2 + SECOND / 10);
	rig_await(o, OSTAT_MEDIA, 2);
	assert_int_equal(sink.ends, 1);
	output_tick(o, 3600 * SECOND);
	rig_send(o, "within");
	output_tick(o, 3602 * SECOND);
	rig_send(o, "after");
	rig_finish(o);
	assert_int_equal(sink.begins, 3);
	assert_non_null(strstr(sink.p, "meta 1 - \nshell 3 - within\n<medium>head\nmeta 1 - \n"
				       "shell 4 - after\n"));
	output_free(o);
	fake_sink_done(&sink);
}

static void test_frames_begin_with_what_they_are_read_by(void **state)
{
	static struct fake_sink sink = {.marks = true};
	struct output_config cfg = fake_output_config(&sink);
	char text[1001];
	struct output *o;

	memset(text, 't', 1000);
	text[1000] = 0;
	cfg.encoder = &fake_plain_encoder;
	cfg.frame_bytes = 3 * CHUNK_SIZE;
	o = rig_start(cfg);
	for (int i = 0; i < 2000; i++)
		rig_send(o, text);
	rig_finish(o);
	assert_int_equal(sink.begins, 1);
	assert_in_range(count(sink.p, "head\nmeta"), 5, 7);
	assert_int_equal(rig_stat(o, OSTAT_DONE), 2001);
	output_free(o);
	fake_sink_done(&sink);
}

/* Readable text opens with nothing at all. */
static void test_a_medium_begins_though_nothing_opens_it(void **state)
{
	static struct fake_sink sink = {.marks = true};
	struct output_config cfg = fake_output_config(&sink);
	struct encoder_ops bare = fake_plain_encoder;
	char *big = calloc(1, CHUNK_SIZE * 2);
	struct output *o;

	memset(big, 'b', CHUNK_SIZE * 2 - 1);
	bare.preamble = NULL;
	cfg.encoder = &bare;
	cfg.kinds &= ~(1u << EVENT_META);
	o = rig_start(cfg);
	rig_send(o, "one");
	output_want_medium(o);
	output_tick(o, 3000); /* nothing is said, but the first medium has ended */
	rig_await(o, OSTAT_MEDIA, 2);
	rig_send(o, "two");
	output_want_medium(o);
	rig_send(o, "three");
	output_tick(o, 4000);
	rig_send(o, big); /* the first of its medium, and in no small chunk */
	rig_finish(o);
	assert_int_equal(sink.begins, 3);
	assert_ptr_equal(strstr(sink.p, "<medium>shell 1 - one\n"
					"<medium>shell 2 - two\nshell 3 - three\n"
					"<medium>shell 4 - bbb"),
			 sink.p);
	output_free(o);
	fake_sink_done(&sink);
	free(big);
}

/* Ten seconds are not enough for a frame of less than its own description. */
static void test_frames_of_a_time_have_something_in_them(void **state)
{
	static struct fake_sink sink = {0};
	struct output_config cfg = fake_output_config(&sink);
	struct output *o;

	cfg.encoder = &fake_plain_encoder;
	cfg.frame_bytes = 4 << 20;
	cfg.frame_ns = 10 * SECOND;
	o = rig_start(cfg);
	output_tick(o, 11 * SECOND);
	rig_send(o, "a");
	rig_send(o, "b"); /* two lines: more than "head\nmeta 1 - \n" */
	output_tick(o, 12 * SECOND);
	rig_send(o, "the next");
	output_tick(o, 13 * SECOND);
	rig_send(o, "of the same");
	rig_finish(o);
	assert_string_equal(sink.p, "head\nmeta 1 - \nshell 2 - a\nshell 3 - b\n"
				    "head\nmeta 1 - \nshell 4 - the next\n"
				    "shell 5 - of the same\n");
	output_free(o);
	fake_sink_done(&sink);
}

static void test_a_wish_to_flush(void **state)
{
	static struct fake_sink sink = {0};
	struct output *o = rig_start(fake_output_config(&sink));

	rig_send(o, "now");
	output_want_flush(o);
	output_tick(o, 2001);
	rig_await(o, OSTAT_DONE, 2);
	rig_finish(o);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_a_medium_that_fails_in_a_later_generation_begins_with_everything(void **state)
{
	static struct fake_sink sink = {
		.marks = true, .fail = -EIO, .fail_after = 2, .fail_for = 1};
	struct output_config cfg = fake_output_config(&sink);
	struct output *o;

	cfg.encoder = &fake_plain_encoder;
	o = rig_start(cfg);
	rig_send(o, "one");
	output_want_flush(o);
	output_tick(o, 2001);
	rig_await(o, OSTAT_DONE, 2);
	output_want_medium(o);
	output_tick(o, 3 * SECOND);
	rig_send(o, "two");
	rig_finish(o);
	/* the opening went out alone, the rest failed */
	assert_string_equal(sink.p, "<medium>head\nmeta 1 - \nshell 2 - one\n"
				    "<medium>head\nmeta 1 - \n"
				    "<medium>head\nmeta 1 - \nshell 3 - two\n");
	assert_int_equal(rig_stat(o, OSTAT_DONE), 3);
	output_free(o);
	fake_sink_done(&sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size_begins_media),
		cmocka_unit_test(test_media_of_a_format_with_context_are_generations),
		cmocka_unit_test(test_the_clock_begins_media),
		cmocka_unit_test(test_frames_begin_with_what_they_are_read_by),
		cmocka_unit_test(test_a_medium_begins_though_nothing_opens_it),
		cmocka_unit_test(test_frames_of_a_time_have_something_in_them),
		cmocka_unit_test(test_a_wish_to_flush),
		cmocka_unit_test(
			test_a_medium_that_fails_in_a_later_generation_begins_with_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
