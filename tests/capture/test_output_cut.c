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
	struct fake_sink sink = {.marks = true};
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
	struct fake_sink sink = {.marks = true};
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
	struct fake_sink sink = {.marks = true};
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

static void test_a_wish_to_flush(void **state)
{
	struct fake_sink sink = {0};
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
	struct fake_sink sink = {.marks = true, .fail = -EIO, .fail_after = 2, .fail_for = 1};
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
		cmocka_unit_test(test_a_wish_to_flush),
		cmocka_unit_test(
			test_a_medium_that_fails_in_a_later_generation_begins_with_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
