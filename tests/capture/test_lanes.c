/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rig.h"

static struct event secret(struct bytes text, uint64_t time_ns)
{
	struct event ev = rig_line(text, time_ns);

	ev.flags = EVENT_F_REDACTED; /* what the fake encoder puts into the early lane */
	return ev;
}

static struct output *start_held(struct fake_sink *sink, bool block)
{
	struct output_config cfg = fake_output_config(sink);

	cfg.encoder = &fake_early_encoder;
	cfg.hold_ns = 2000000000;
	cfg.flush_ns = 0;
	cfg.block = block;
	return rig_start(cfg);
}

/* What must precede held chunks does, however late it comes; never the opening bytes, though; and
 * nothing is held for longer than asked. */
static void test_hold_and_early(void **state)
{
	static struct fake_sink sink = {0};
	struct output *o = start_held(&sink, false);
	struct event ev = secret(BYTES("s"), 3000);

	rig_send(o, "held");
	output_tick(o, 3000);
	output_event(o, &ev);
	rig_await(o, OSTAT_DONE, 1); /* the opening */
	output_tick(o, 2000001999);
	assert_int_equal(rig_stat(o, OSTAT_DONE), 1);
	output_tick(o, 2500000000);
	rig_await(o, OSTAT_DONE, 3);
	rig_finish(o);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \nearly s\nshell 2 - held\nend\n");
	output_free(o);
	fake_sink_done(&sink);
}

/* A secret that nothing follows does not wait for it. */
static void test_early_alone(void **state)
{
	static struct fake_sink sink = {0};
	struct output *o = start_held(&sink, false);
	struct event ev = secret(BYTES("s"), 3000);

	output_event(o, &ev);
	output_tick(o, 4000);
	rig_await(o, OSTAT_DONE, 1); /* the opening */
	output_tick(o, 2500000000);
	rig_await(o, OSTAT_DONE, 2);
	rig_finish(o);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \nearly s\nend\n");
	output_free(o);
	fake_sink_done(&sink);
}

/* A lane grows as far as it must: no secret is lost while there is room. */
static void test_forty_thousand_secrets(void **state)
{
	static struct fake_sink sink = {.delay_ms = 1};
	struct output *o = start_held(&sink, true);
	char text[200];
	const char *at;
	unsigned n = 0;

	rig_send(o, "held");
	output_tick(o, 3000);
	for (unsigned i = 0; i < 40000; i++) {
		struct event ev;

		snprintf(text, sizeof(text), "%0150u", i);
		ev = secret(bytes_of(text), 3000 + i);
		output_event(o, &ev);
	}
	rig_finish(o);
	assert_int_equal(rig_stat(o, OSTAT_DONE), 40002);
	for (at = sink.p; (at = strstr(at, "early ")); at += 6, n++)
		assert_int_equal(strtoul(at + 6, NULL, 10), n);
	assert_int_equal(n, 40000);
	assert_non_null(strstr(strstr(sink.p, "039999\n"), "held\nend\n"));
	output_free(o);
	fake_sink_done(&sink);
}

/* More large events within the hold time than there are large chunks: the oldest go out. */
static void test_held_jumbos_do_not_lock_up(void **state)
{
	static struct fake_sink sink = {0};
	struct output *o = start_held(&sink, true);
	size_t n = CHUNK_SIZE * 2;
	char *big = malloc(n + 1);

	memset(big, 'b', n);
	big[n] = 0;
	for (int i = 0; i < 40; i++)
		rig_send(o, big);
	rig_finish(o);
	assert_int_equal(rig_stat(o, OSTAT_DONE), 41);
	assert_non_null(strstr(sink.p, "bbb\nend\n"));
	output_free(o);
	fake_sink_done(&sink);
	free(big);
}

/* What is written depends on what was written, not on how fast it went. */
static void test_the_speed_of_a_sink_changes_no_byte(void **state)
{
	static struct fake_sink fast = {0}, slow = {.delay_ms = 1, .at_once = 100000};
	struct output *outputs[] = {start_held(&fast, true), start_held(&slow, true)};
	char text[30000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (unsigned i = 0; i < 3000; i++) {
		for (unsigned k = 0; k < 2; k++) {
			struct event ev = i % 3 ? rig_line(bytes_of(text), 2000 + i)
						: secret(bytes_of(text), 2000 + i);

			output_event(outputs[k], &ev);
			if (i % 100 == 0)
				output_tick(outputs[k], 2000 + i);
		}
	}
	for (unsigned k = 0; k < 2; k++)
		rig_finish(outputs[k]);
	assert_int_equal(fast.n, slow.n);
	assert_memory_equal(fast.p, slow.p, fast.n);
	for (unsigned k = 0; k < 2; k++)
		output_free(outputs[k]);
	fake_sink_done(&fast);
	fake_sink_done(&slow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hold_and_early),
		cmocka_unit_test(test_early_alone),
		cmocka_unit_test(test_forty_thousand_secrets),
		cmocka_unit_test(test_held_jumbos_do_not_lock_up),
		cmocka_unit_test(test_the_speed_of_a_sink_changes_no_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
