/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rig.h"

static void test_plain(void **state)
{
	static struct fake_sink sink = {0};
	struct output *o = rig_start(fake_output_config(&sink));

	rig_send(o, "one");
	rig_send(o, "two");
	rig_finish(o);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \nshell 2 - one\nshell 3 - two\nend\n");
	assert_int_equal(rig_stat(o, OSTAT_DONE), 3);
	assert_int_equal(sink.ends, 1);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_kinds_and_unsupported_are_skipped_without_seq(void **state)
{
	static struct fake_sink sink = {0};
	struct output_config cfg = fake_output_config(&sink);
	struct event exit_event = {.kind = EVENT_EXIT}, exec = {.kind = EVENT_EXEC};
	struct output *o;

	cfg.kinds = 1u << EVENT_LINE | 1u << EVENT_EXIT;
	o = rig_start(cfg);
	output_event(o, &exit_event);
	output_event(o, &exec);
	rig_send(o, "x");
	rig_finish(o);
	assert_string_equal(sink.p, "generation 1\nshell 1 - x\nend\n");
	assert_int_equal(rig_stat(o, OSTAT_SKIPPED), 2);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_short_writes_lose_nothing(void **state)
{
	static struct fake_sink sink = {.at_once = 7};
	struct output *o = rig_start(fake_output_config(&sink));

	for (int i = 0; i < 100; i++)
		rig_send(o, "text");
	rig_finish(o);
	assert_int_equal(rig_stat(o, OSTAT_DONE), 101);
	assert_non_null(strstr(sink.p, "shell 101 - text\nend\n"));
	output_free(o);
	fake_sink_done(&sink);
}

static void test_flush_by_record_time(void **state)
{
	static struct fake_sink sink = {0};
	struct output *o = rig_start(fake_output_config(&sink));

	rig_send(o, "early");
	output_tick(o, 2000);
	output_tick(o, 1000 + 1000000000);
	rig_await(o, OSTAT_DONE, 2);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \nshell 2 - early\n");
	rig_finish(o);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_large_events_travel_alone(void **state)
{
	static struct fake_sink sink = {0};
	struct output *o = rig_start(fake_output_config(&sink));
	size_t n = CHUNK_SIZE * 3;
	char *big = malloc(n + 1);

	memset(big, 'b', n);
	big[n] = 0;
	rig_send(o, "before");
	rig_send(o, big);
	rig_send(o, "after");
	rig_finish(o);
	assert_non_null(strstr(sink.p, "shell 2 - before\nshell 3 - bbb"));
	assert_non_null(strstr(sink.p, "bbb\nshell 4 - after\nend\n"));
	assert_int_equal(sink.writes, 3);
	output_free(o);
	fake_sink_done(&sink);
	free(big);
}

static void test_too_big_is_a_counted_gap(void **state)
{
	static struct fake_sink sink = {0};
	struct output *o = rig_start(fake_output_config(&sink));
	struct event ev = rig_line(BYTES("x"), 2000);
	struct event_loss loss;

	ev.probe = "huge";
	output_event(o, &ev);
	rig_send(o, "y");
	assert_true(output_loss_due(o, OSTAT_TOO_BIG, &loss));
	assert_string_equal(loss.reason, "too_big");
	assert_int_equal(loss.count, 1);
	assert_int_equal(loss.first_seq, 2);
	assert_int_equal(loss.last_seq, 2);
	rig_report(o, OSTAT_TOO_BIG);
	assert_false(output_loss_due(o, OSTAT_TOO_BIG, &loss));
	rig_finish(o);
	assert_non_null(strstr(sink.p, "shell 3 - y\nloss 4 - too_big\n"));
	output_free(o);
	fake_sink_done(&sink);
}

/* What is written after a failure begins anew, and the gap is told there. */
static void test_error_opens_a_new_generation(void **state)
{
	static struct fake_sink sink = {.fail = -EIO, .fail_after = 1, .fail_for = 1};
	struct output *o = rig_start(fake_output_config(&sink));
	struct event_loss loss;
	char text[256];

	rig_send(o, "written");
	output_tick(o, 2000000000);
	rig_await(o, OSTAT_DONE, 2);
	rig_send(o, "lost");
	output_tick(o, 4000000000);
	rig_await(o, OSTAT_SINK_ERROR, 1);
	assert_int_equal(output_error(o, text, sizeof(text)), -EIO);
	assert_non_null(strstr(text, "Input/output error"));
	assert_false(output_loss_due(o, OSTAT_SINK_ERROR, &loss));
	output_tick(o, 4100000000); /* no event comes, and it begins all the same */
	rig_await_good(o);
	assert_true(output_loss_due(o, OSTAT_SINK_ERROR, &loss));
	assert_string_equal(loss.reason, "sink_error");
	assert_int_equal(loss.first_seq, 3);
	assert_int_equal(loss.last_seq, 3);
	rig_report(o, OSTAT_SINK_ERROR);
	rig_send(o, "again");
	rig_finish(o);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \nshell 2 - written\n"
				    "generation 2\nmeta 1 - \nloss 4 - sink_error\n"
				    "shell 5 - again\nend\n");
	assert_int_equal(rig_stat(o, OSTAT_GENERATIONS), 2);
	assert_int_equal(rig_stat(o, OSTAT_MEDIA), 2);
	output_free(o);
	fake_sink_done(&sink);
}

/* A report that gets lost is due again, and counts as lost itself; nothing is told twice. */
static void test_a_lost_report_is_made_again(void **state)
{
	static struct fake_sink sink = {.fail = -EIO, .fail_after = 1, .fail_for = 1};
	struct output *o = rig_start(fake_output_config(&sink));
	struct event ev = rig_line(BYTES("x"), 2000);
	struct event_loss loss;

	output_tick(o, 2000000000);
	rig_await(o, OSTAT_DONE, 1);
	ev.probe = "huge";
	output_event(o, &ev);
	rig_report(o, OSTAT_TOO_BIG);
	output_tick(o, 4000000000);
	rig_await(o, OSTAT_SINK_ERROR, 1);
	output_tick(o, 4100000000);
	rig_await_good(o);
	assert_true(output_loss_due(o, OSTAT_TOO_BIG, &loss));
	assert_int_equal(loss.first_seq, 2);
	rig_report(o, OSTAT_TOO_BIG);
	rig_report(o, OSTAT_SINK_ERROR);
	rig_finish(o);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \ngeneration 2\nmeta 1 - \n"
				    "loss 4 - too_big\nloss 5 - sink_error\nend\n");
	output_free(o);
	fake_sink_done(&sink);
}

/* Where no context is kept, a failure costs nothing. */
static void test_error_without_context_loses_nothing(void **state)
{
	static struct fake_sink sink = {.fail = -EIO, .fail_after = 1, .fail_for = 2};
	struct output_config cfg = fake_output_config(&sink);
	struct output *o;

	cfg.encoder = &fake_plain_encoder;
	o = rig_start(cfg);
	rig_send(o, "one");
	output_tick(o, 2000000000);
	rig_await(o, OSTAT_DONE, 2);
	rig_send(o, "two");
	output_tick(o, 4000000000);
	rig_await(o, OSTAT_DONE, 3);
	rig_send(o, "three");
	rig_finish(o);
	assert_string_equal(sink.p, "head\nmeta 1 - \nshell 2 - one\nhead\nmeta 1 - \n"
				    "shell 3 - two\nshell 4 - three\n");
	assert_int_equal(rig_stat(o, OSTAT_GENERATIONS), 1);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_sink_that_stays_broken(void **state)
{
	static struct fake_sink sink = {.fail = -EPIPE};
	struct output *o = rig_start(fake_output_config(&sink));
	char text[256];

	for (int i = 0; i < 3; i++) {
		rig_send(o, "x");
		output_tick(o, 2000000000ull * (unsigned)(i + 1));
	}
	rig_finish(o);
	assert_int_equal(output_error(o, text, sizeof(text)), -EPIPE);
	assert_int_equal(rig_stat(o, OSTAT_DONE), 0);
	assert_int_equal(sink.n, 0);
	output_free(o);
	fake_sink_done(&sink);
}

/* A stuck sink costs events, never the reader; they are missing in the numbering and accounted for.
 */
static void test_slow_sink_overflows_and_balances(void **state)
{
	static struct fake_sink sink = {.stuck = true};
	struct output *o = rig_start(fake_output_config(&sink));
	char text[1024];
	struct event_loss loss;
	uint64_t lost;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (int i = 0; i < 50000; i++)
		rig_send(o, text);
	lost = rig_stat(o, OSTAT_QUEUE_FULL);
	assert_true(lost > 0 && lost < 50000);
	/* the report would be lost as well: it waits, and nothing is invented */
	for (int i = 0; i < 1000; i++)
		assert_false(output_loss_due(o, OSTAT_QUEUE_FULL, &loss));
	assert_int_equal(rig_stat(o, OSTAT_QUEUE_FULL), lost);
	__atomic_store_n(&sink.stuck, false, __ATOMIC_RELEASE);
	rig_await(o, OSTAT_DONE, 50001 - lost - 300);
	assert_true(output_loss_due(o, OSTAT_QUEUE_FULL, &loss));
	assert_int_equal(loss.count, lost);
	assert_int_equal(loss.last_seq, 50001);
	rig_report(o, OSTAT_QUEUE_FULL);
	rig_send(o, "after");
	rig_finish(o);
	assert_non_null(strstr(sink.p, "loss 50002 - queue_full\nshell 50003 - after\nend\n"));
	output_free(o);
	fake_sink_done(&sink);
}

/* A FIFO that nobody reads does not keep a run from ending. */
static void test_the_end_does_not_wait_for_ever(void **state)
{
	static struct fake_sink sink = {.stuck = true};
	struct output *o = rig_start(fake_output_config(&sink));
	char text[256];

	rig_send(o, "x");
	rig_finish(o);
	assert_int_equal(output_error(o, text, sizeof(text)), -ETIMEDOUT);
	assert_int_equal(rig_stat(o, OSTAT_SINK_ERROR), 2);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_replay_waits_for_a_slow_sink(void **state)
{
	static struct fake_sink sink = {.at_once = 60000};
	struct output_config cfg = fake_output_config(&sink);
	char text[8192];
	struct output *o;

	cfg.block = true;
	o = rig_start(cfg);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (int i = 0; i < 3000; i++)
		rig_send(o, text);
	rig_finish(o);
	assert_int_equal(rig_stat(o, OSTAT_DONE), 3001);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_an_epilogue_of_many_chunks(void **state)
{
	static struct fake_sink sink = {0};
	struct output_config cfg = fake_output_config(&sink);
	struct output *o;

	cfg.encoder = &fake_long_encoder;
	o = rig_start(cfg);
	rig_send(o, "text");
	rig_finish(o);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \nshell 2 - text\none\ntwo\nend\n");
	assert_int_equal(sink.writes, 3);
	output_free(o);
	fake_sink_done(&sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_kinds_and_unsupported_are_skipped_without_seq),
		cmocka_unit_test(test_short_writes_lose_nothing),
		cmocka_unit_test(test_flush_by_record_time),
		cmocka_unit_test(test_large_events_travel_alone),
		cmocka_unit_test(test_too_big_is_a_counted_gap),
		cmocka_unit_test(test_error_opens_a_new_generation),
		cmocka_unit_test(test_a_lost_report_is_made_again),
		cmocka_unit_test(test_error_without_context_loses_nothing),
		cmocka_unit_test(test_sink_that_stays_broken),
		cmocka_unit_test(test_slow_sink_overflows_and_balances),
		cmocka_unit_test(test_the_end_does_not_wait_for_ever),
		cmocka_unit_test(test_replay_waits_for_a_slow_sink),
		cmocka_unit_test(test_an_epilogue_of_many_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
