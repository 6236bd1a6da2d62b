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
#include <time.h>

#include "capture/ledger.h"
#include "capture/output.h"
#include "tests/support/fakes.h"

static const struct run run = {.start_boot_ns = 1000};

static struct event line_event(struct bytes text, uint64_t time_ns)
{
	return (struct event){.kind = EVENT_LINE, .time_boot_ns = time_ns, .line = {.text = text}};
}

static struct output *start(struct output_config cfg)
{
	struct output *o;
	struct err err = {""};

	assert_int_equal(output_new(&cfg, 0, &o, &err), 0);
	output_begin(o);
	output_run(o, &run);
	return o;
}

static void finish(struct output *o)
{
	output_finish(o);
	assert_true(ledger_output_balanced(o));
}

static void send(struct output *o, const char *text)
{
	struct event ev = line_event(bytes_of(text), 2000);

	output_event(o, &ev);
}

static void report(struct output *o, enum output_stat reason)
{
	struct event ev = {.kind = EVENT_LOSS, .time_boot_ns = 3000};

	assert_true(output_loss_due(o, reason, &ev.loss));
	output_report(o, reason, &ev);
}

static uint64_t stat_of(struct output *o, enum output_stat stat)
{
	uint64_t stats[OSTAT_MAX];

	output_stats(o, stats);
	return stats[stat];
}

/* Waits for the sink thread, which works on its own. */
static void await(struct output *o, enum output_stat stat, uint64_t least)
{
	for (int i = 0; i < 5000 && stat_of(o, stat) < least; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_true(stat_of(o, stat) >= least);
}

/* Until what is written arrives again. */
static void await_good(struct output *o)
{
	char text[256];

	for (int i = 0; i < 5000 && output_error(o, text, sizeof(text)); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_int_equal(output_error(o, text, sizeof(text)), 0);
}

static void test_plain(void **state)
{
	struct fake_sink sink = {0};
	struct output *o = start(fake_output_config(&sink));

	send(o, "one");
	send(o, "two");
	finish(o);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \nshell 2 - one\nshell 3 - two\nend\n");
	assert_int_equal(stat_of(o, OSTAT_DONE), 3);
	assert_int_equal(sink.ends, 1);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_kinds_and_unsupported_are_skipped_without_seq(void **state)
{
	struct fake_sink sink = {0};
	struct output_config cfg = fake_output_config(&sink);
	struct event exit_event = {.kind = EVENT_EXIT}, exec = {.kind = EVENT_EXEC};
	struct output *o;

	cfg.kinds = 1u << EVENT_LINE | 1u << EVENT_EXIT;
	o = start(cfg);
	output_event(o, &exit_event);
	output_event(o, &exec);
	send(o, "x");
	finish(o);
	assert_string_equal(sink.p, "generation 1\nshell 1 - x\nend\n");
	assert_int_equal(stat_of(o, OSTAT_SKIPPED), 2);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_short_writes_lose_nothing(void **state)
{
	struct fake_sink sink = {.at_once = 7};
	struct output *o = start(fake_output_config(&sink));

	for (int i = 0; i < 100; i++)
		send(o, "text");
	finish(o);
	assert_int_equal(stat_of(o, OSTAT_DONE), 101);
	assert_non_null(strstr(sink.p, "shell 101 - text\nend\n"));
	output_free(o);
	fake_sink_done(&sink);
}

static void test_flush_by_record_time(void **state)
{
	struct fake_sink sink = {0};
	struct output *o = start(fake_output_config(&sink));

	send(o, "early");
	output_tick(o, 2000);
	output_tick(o, 1000 + 1000000000);
	await(o, OSTAT_DONE, 2);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \nshell 2 - early\n");
	finish(o);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_large_events_travel_alone(void **state)
{
	struct fake_sink sink = {0};
	struct output *o = start(fake_output_config(&sink));
	size_t n = CHUNK_SIZE * 3;
	char *big = malloc(n + 1);

	memset(big, 'b', n);
	big[n] = 0;
	send(o, "before");
	send(o, big);
	send(o, "after");
	finish(o);
	assert_non_null(strstr(sink.p, "shell 2 - before\nshell 3 - bbb"));
	assert_non_null(strstr(sink.p, "bbb\nshell 4 - after\nend\n"));
	assert_int_equal(sink.writes, 3);
	output_free(o);
	fake_sink_done(&sink);
	free(big);
}

static void test_too_big_is_a_counted_gap(void **state)
{
	struct fake_sink sink = {0};
	struct output *o = start(fake_output_config(&sink));
	struct event ev = line_event(BYTES("x"), 2000);
	struct event_loss loss;

	ev.probe = "huge";
	output_event(o, &ev);
	send(o, "y");
	assert_true(output_loss_due(o, OSTAT_TOO_BIG, &loss));
	assert_string_equal(loss.reason, "too_big");
	assert_int_equal(loss.count, 1);
	assert_int_equal(loss.first_seq, 2);
	assert_int_equal(loss.last_seq, 2);
	report(o, OSTAT_TOO_BIG);
	assert_false(output_loss_due(o, OSTAT_TOO_BIG, &loss));
	finish(o);
	assert_non_null(strstr(sink.p, "shell 3 - y\nloss 4 - too_big\n"));
	output_free(o);
	fake_sink_done(&sink);
}

/* What is written after a failure begins anew, and the gap is told there. */
static void test_error_opens_a_new_generation(void **state)
{
	struct fake_sink sink = {.fail = -EIO, .fail_after = 1, .fail_for = 1};
	struct output *o = start(fake_output_config(&sink));
	struct event_loss loss;
	char text[256];

	send(o, "written");
	output_tick(o, 2000000000);
	await(o, OSTAT_DONE, 2);
	send(o, "lost");
	output_tick(o, 4000000000);
	await(o, OSTAT_SINK_ERROR, 1);
	assert_int_equal(output_error(o, text, sizeof(text)), -EIO);
	assert_non_null(strstr(text, "Input/output error"));
	assert_false(output_loss_due(o, OSTAT_SINK_ERROR, &loss));
	output_tick(o, 4100000000); /* no event comes, and it begins all the same */
	await_good(o);
	assert_true(output_loss_due(o, OSTAT_SINK_ERROR, &loss));
	assert_string_equal(loss.reason, "sink_error");
	assert_int_equal(loss.first_seq, 3);
	assert_int_equal(loss.last_seq, 3);
	report(o, OSTAT_SINK_ERROR);
	send(o, "again");
	finish(o);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \nshell 2 - written\n"
				    "generation 2\nmeta 1 - \nloss 4 - sink_error\n"
				    "shell 5 - again\nend\n");
	assert_int_equal(stat_of(o, OSTAT_GENERATIONS), 2);
	assert_int_equal(stat_of(o, OSTAT_MEDIA), 2);
	output_free(o);
	fake_sink_done(&sink);
}

/* A report that gets lost is due again, and counts as lost itself; nothing is told twice. */
static void test_a_lost_report_is_made_again(void **state)
{
	struct fake_sink sink = {.fail = -EIO, .fail_after = 1, .fail_for = 1};
	struct output *o = start(fake_output_config(&sink));
	struct event ev = line_event(BYTES("x"), 2000);
	struct event_loss loss;

	output_tick(o, 2000000000);
	await(o, OSTAT_DONE, 1);
	ev.probe = "huge";
	output_event(o, &ev);
	report(o, OSTAT_TOO_BIG);
	output_tick(o, 4000000000);
	await(o, OSTAT_SINK_ERROR, 1);
	output_tick(o, 4100000000);
	await_good(o);
	assert_true(output_loss_due(o, OSTAT_TOO_BIG, &loss));
	assert_int_equal(loss.first_seq, 2);
	report(o, OSTAT_TOO_BIG);
	report(o, OSTAT_SINK_ERROR);
	finish(o);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \ngeneration 2\nmeta 1 - \n"
				    "loss 4 - too_big\nloss 5 - sink_error\nend\n");
	output_free(o);
	fake_sink_done(&sink);
}

/* Where no context is kept, a failure costs nothing. */
static void test_error_without_context_loses_nothing(void **state)
{
	struct fake_sink sink = {.fail = -EIO, .fail_after = 1, .fail_for = 2};
	struct output_config cfg = fake_output_config(&sink);
	struct output *o;

	cfg.encoder = &fake_plain_encoder;
	o = start(cfg);
	send(o, "one");
	output_tick(o, 2000000000);
	await(o, OSTAT_DONE, 2);
	send(o, "two");
	output_tick(o, 4000000000);
	await(o, OSTAT_DONE, 3);
	send(o, "three");
	finish(o);
	assert_string_equal(sink.p, "head\nmeta 1 - \nshell 2 - one\nhead\nmeta 1 - \n"
				    "shell 3 - two\nshell 4 - three\n");
	assert_int_equal(stat_of(o, OSTAT_GENERATIONS), 1);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_sink_that_stays_broken(void **state)
{
	struct fake_sink sink = {.fail = -EPIPE};
	struct output *o = start(fake_output_config(&sink));
	char text[256];

	for (int i = 0; i < 3; i++) {
		send(o, "x");
		output_tick(o, 2000000000ull * (unsigned)(i + 1));
	}
	finish(o);
	assert_int_equal(output_error(o, text, sizeof(text)), -EPIPE);
	assert_int_equal(stat_of(o, OSTAT_DONE), 0);
	assert_int_equal(sink.n, 0);
	output_free(o);
	fake_sink_done(&sink);
}

/* A stuck sink costs events, never the reader; they are missing in the numbering and accounted for.
 */
static void test_slow_sink_overflows_and_balances(void **state)
{
	struct fake_sink sink = {.stuck = true};
	struct output *o = start(fake_output_config(&sink));
	char text[1024];
	struct event_loss loss;
	uint64_t lost;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (int i = 0; i < 50000; i++)
		send(o, text);
	lost = stat_of(o, OSTAT_QUEUE_FULL);
	assert_true(lost > 0 && lost < 50000);
	/* the report would be lost as well: it waits, and nothing is invented */
	for (int i = 0; i < 1000; i++)
		assert_false(output_loss_due(o, OSTAT_QUEUE_FULL, &loss));
	assert_int_equal(stat_of(o, OSTAT_QUEUE_FULL), lost);
	__atomic_store_n(&sink.stuck, false, __ATOMIC_RELEASE);
	await(o, OSTAT_DONE, 50001 - lost - 300);
	assert_true(output_loss_due(o, OSTAT_QUEUE_FULL, &loss));
	assert_int_equal(loss.count, lost);
	assert_int_equal(loss.last_seq, 50001);
	report(o, OSTAT_QUEUE_FULL);
	send(o, "after");
	finish(o);
	assert_non_null(strstr(sink.p, "loss 50002 - queue_full\nshell 50003 - after\nend\n"));
	output_free(o);
	fake_sink_done(&sink);
}

/* A FIFO that nobody reads does not keep a run from ending. */
static void test_the_end_does_not_wait_for_ever(void **state)
{
	struct fake_sink sink = {.stuck = true};
	struct output *o = start(fake_output_config(&sink));
	char text[256];

	send(o, "x");
	finish(o);
	assert_int_equal(output_error(o, text, sizeof(text)), -ETIMEDOUT);
	assert_int_equal(stat_of(o, OSTAT_SINK_ERROR), 2);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_replay_waits_for_a_slow_sink(void **state)
{
	struct fake_sink sink = {.at_once = 60000};
	struct output_config cfg = fake_output_config(&sink);
	char text[8192];
	struct output *o;

	cfg.block = true;
	o = start(cfg);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (int i = 0; i < 3000; i++)
		send(o, text);
	finish(o);
	assert_int_equal(stat_of(o, OSTAT_DONE), 3001);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_an_epilogue_of_many_chunks(void **state)
{
	struct fake_sink sink = {0};
	struct output_config cfg = fake_output_config(&sink);
	struct output *o;

	cfg.encoder = &fake_long_encoder;
	o = start(cfg);
	send(o, "text");
	finish(o);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \nshell 2 - text\none\ntwo\nend\n");
	assert_int_equal(sink.writes, 3);
	output_free(o);
	fake_sink_done(&sink);
}

static struct event secret(struct bytes text, uint64_t time_ns)
{
	struct event ev = line_event(text, time_ns);

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
	return start(cfg);
}

/* What must precede held chunks does, however late it comes; never the opening bytes, though; and
 * nothing is held for longer than asked. */
static void test_hold_and_early(void **state)
{
	struct fake_sink sink = {0};
	struct output *o = start_held(&sink, false);
	struct event ev = secret(BYTES("s"), 3000);

	send(o, "held");
	output_tick(o, 3000);
	output_event(o, &ev);
	await(o, OSTAT_DONE, 1); /* the opening */
	output_tick(o, 2000001999);
	assert_int_equal(stat_of(o, OSTAT_DONE), 1);
	output_tick(o, 2500000000);
	await(o, OSTAT_DONE, 3);
	finish(o);
	assert_string_equal(sink.p, "generation 1\nmeta 1 - \nearly s\nshell 2 - held\nend\n");
	output_free(o);
	fake_sink_done(&sink);
}

/* A lane grows as far as it must: no secret is lost while there is room. */
static void test_forty_thousand_secrets(void **state)
{
	struct fake_sink sink = {.delay_ms = 1};
	struct output *o = start_held(&sink, true);
	char text[200];
	const char *at;
	unsigned n = 0;

	send(o, "held");
	output_tick(o, 3000);
	for (unsigned i = 0; i < 40000; i++) {
		struct event ev;

		snprintf(text, sizeof(text), "%0150u", i);
		ev = secret(bytes_of(text), 3000 + i);
		output_event(o, &ev);
	}
	finish(o);
	assert_int_equal(stat_of(o, OSTAT_DONE), 40002);
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
	struct fake_sink sink = {0};
	struct output *o = start_held(&sink, true);
	size_t n = CHUNK_SIZE * 2;
	char *big = malloc(n + 1);

	memset(big, 'b', n);
	big[n] = 0;
	for (int i = 0; i < 40; i++)
		send(o, big);
	finish(o);
	assert_int_equal(stat_of(o, OSTAT_DONE), 41);
	assert_non_null(strstr(sink.p, "bbb\nend\n"));
	output_free(o);
	fake_sink_done(&sink);
	free(big);
}

/* What is written depends on what was written, not on how fast it went. */
static void test_the_speed_of_a_sink_changes_no_byte(void **state)
{
	struct fake_sink fast = {0}, slow = {.delay_ms = 2, .at_once = 50000};
	struct output *outputs[] = {start_held(&fast, true), start_held(&slow, true)};
	char text[30000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (unsigned i = 0; i < 3000; i++) {
		for (unsigned k = 0; k < 2; k++) {
			struct event ev = i % 3 ? line_event(bytes_of(text), 2000 + i)
						: secret(bytes_of(text), 2000 + i);

			output_event(outputs[k], &ev);
			if (i % 100 == 0)
				output_tick(outputs[k], 2000 + i);
		}
	}
	for (unsigned k = 0; k < 2; k++)
		finish(outputs[k]);
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
		cmocka_unit_test(test_hold_and_early),
		cmocka_unit_test(test_forty_thousand_secrets),
		cmocka_unit_test(test_held_jumbos_do_not_lock_up),
		cmocka_unit_test(test_the_speed_of_a_sink_changes_no_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
