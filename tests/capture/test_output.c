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

static void test_plain(void **state)
{
	struct fake_sink sink = {0};
	struct output *o = start(fake_output_config(&sink));

	send(o, "one");
	send(o, "two");
	finish(o);
	assert_string_equal(sink.p, "epoch 1\nmeta 1 - \nshell 2 - one\nshell 3 - two\nend\n");
	assert_int_equal(stat_of(o, OSTAT_WRITTEN), 3);
	assert_int_equal(sink.closes, 1);
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
	assert_string_equal(sink.p, "epoch 1\nshell 1 - x\nend\n");
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
	assert_int_equal(stat_of(o, OSTAT_WRITTEN), 101);
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
	await(o, OSTAT_WRITTEN, 2);
	assert_string_equal(sink.p, "epoch 1\nmeta 1 - \nshell 2 - early\n");
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
	assert_true(output_take_loss(o, &loss));
	assert_string_equal(loss.reason, "too_big");
	assert_int_equal(loss.count, 1);
	assert_int_equal(loss.first_seq, 2);
	assert_int_equal(loss.last_seq, 2);
	assert_false(output_take_loss(o, &loss));
	finish(o);
	assert_non_null(strstr(sink.p, "shell 3 - y\n"));
	output_free(o);
	fake_sink_done(&sink);
}

/* A disk that is full for a while: what is written afterwards begins anew, and the gap is known. */
static void test_error_opens_a_new_epoch(void **state)
{
	struct fake_sink sink = {.fail = -ENOSPC, .fail_after = 1, .fail_for = 1};
	struct output *o = start(fake_output_config(&sink));
	struct event_loss loss;
	char text[256];

	send(o, "written");
	output_tick(o, 2000000000);
	await(o, OSTAT_WRITTEN, 2);
	send(o, "lost");
	output_tick(o, 4000000000);
	await(o, OSTAT_SINK_ERROR, 1);
	assert_int_equal(output_error(o, text, sizeof(text)), -ENOSPC);
	assert_non_null(strstr(text, "No space left"));
	assert_false(output_take_loss(o, &loss));
	send(o, "again");
	output_tick(o, 6000000000);
	await(o, OSTAT_WRITTEN, 4);
	assert_int_equal(output_error(o, text, sizeof(text)), 0);
	assert_true(output_take_loss(o, &loss));
	assert_string_equal(loss.reason, "sink_error");
	assert_int_equal(loss.first_seq, 3);
	assert_int_equal(loss.last_seq, 3);
	finish(o);
	assert_string_equal(sink.p, "epoch 1\nmeta 1 - \nshell 2 - written\n"
				    "epoch 2\nmeta 4 - \nshell 5 - again\nend\n");
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
	assert_int_equal(stat_of(o, OSTAT_WRITTEN), 0);
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
	assert_true(output_take_loss(o, &loss));
	assert_int_equal(loss.count, lost);
	assert_int_equal(loss.last_seq, 50001);
	__atomic_store_n(&sink.stuck, false, __ATOMIC_RELEASE);
	await(o, OSTAT_WRITTEN, 50001 - lost - 300);
	send(o, "after");
	finish(o);
	assert_non_null(strstr(sink.p, "shell 50002 - after\nend\n"));
	output_free(o);
	fake_sink_done(&sink);
}

/* A FIFO that nobody reads does not keep a run from ending. */
static void test_the_end_does_not_wait_for_ever(void **state)
{
	struct fake_sink sink = {.fail = -EAGAIN};
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
	assert_int_equal(stat_of(o, OSTAT_WRITTEN), 3001);
	output_free(o);
	fake_sink_done(&sink);
}

/* What must precede held chunks does, however late it comes; and nothing is held for longer than
 * asked. */
static void test_an_epilogue_of_many_chunks(void **state)
{
	struct fake_sink sink = {0};
	struct output_config cfg = fake_output_config(&sink);
	struct output *o;

	cfg.encoder = &fake_long_encoder;
	o = start(cfg);
	send(o, "text");
	finish(o);
	assert_string_equal(sink.p, "epoch 1\nmeta 1 - \nshell 2 - text\none\ntwo\nend\n");
	assert_int_equal(sink.writes, 3);
	output_free(o);
	fake_sink_done(&sink);
}

static void test_hold_and_early(void **state)
{
	struct fake_sink sink = {0};
	struct output_config cfg = fake_output_config(&sink);
	struct event secret = line_event(BYTES("s"), 3000);
	struct output *o;

	cfg.encoder = &fake_early_encoder;
	cfg.hold_ns = 2000000000;
	cfg.flush_ns = 0;
	o = start(cfg);
	send(o, "held");
	output_tick(o, 3000);
	secret.flags = EVENT_F_REDACTED;
	output_event(o, &secret);
	assert_int_equal(stat_of(o, OSTAT_WRITTEN), 0);
	output_tick(o, 2500000000);
	await(o, OSTAT_WRITTEN, 3);
	finish(o);
	assert_string_equal(sink.p, "early\nepoch 1\nmeta 1 - \nshell 2 - held\nend\n");
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
		cmocka_unit_test(test_error_opens_a_new_epoch),
		cmocka_unit_test(test_sink_that_stays_broken),
		cmocka_unit_test(test_slow_sink_overflows_and_balances),
		cmocka_unit_test(test_the_end_does_not_wait_for_ever),
		cmocka_unit_test(test_replay_waits_for_a_slow_sink),
		cmocka_unit_test(test_an_epilogue_of_many_chunks),
		cmocka_unit_test(test_hold_and_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
