/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Delivery to somebody who can be away: what comes again, what is refused, what is marked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "capture/delivery.h"
#include "tests/support/delivery_rig.h"

/* What a peer did not acknowledge it gets once more, in the same order. */
static void a_stream_gets_again_what_it_did_not_acknowledge(void **state)
{
	struct rig rig = {.streams = true,
			  .sink = {.fail = -ECONNRESET,
				   .fail_after = 2,
				   .fail_for = 1,
				   .acks = true,
				   .marks = true}};
	struct tally_stats stats;

	rig_open(&rig, false);
	rig_push_run(&rig, "head one ", 5);
	rig_push(&rig, "two ", 1, false);
	rig_push(&rig, "three", 1, false);
	delivery_begin(rig.d);
	stats = rig_finish(&rig);
	assert_string_equal(rig.sink.p, "<medium>head one two <medium>head one two three");
	assert_int_equal(stats.done, 3);
	assert_int_equal(stats.media, 2);
	rig_close(&rig);
}

/* Where the encoder keeps context, what refers to what came before would not be understood. */
static void a_stream_with_context_goes_on_where_a_generation_opens(void **state)
{
	struct rig rig = {
		.streams = true,
		.sink = {.fail = -ECONNRESET, .fail_after = 1, .fail_for = 1, .acks = true}};
	struct tally_stats stats;

	rig_open(&rig, true);
	rig_push(&rig, "one ", 1, true);
	delivery_begin(rig.d);
	await(has_done_one, &rig);
	rig_push(&rig, "two ", 1, false);
	rig_push(&rig, "three ", 2, true);
	stats = rig_finish(&rig);
	assert_string_equal(rig.sink.p, "one three ");
	assert_int_equal(stats.lost, 1);
	rig_close(&rig);
}

/* Each run is told in front of what belongs to it, also where that is sent again. */
static void runs_are_told_again_with_what_belongs_to_them(void **state)
{
	struct rig rig = {.streams = true,
			  .sink = {.fail = -ECONNRESET,
				   .fail_after = 4,
				   .fail_for = 1,
				   .acks = true,
				   .marks = true}};

	rig_open(&rig, false);
	rig_push_run(&rig, "A: a1 ", 3);
	rig_push(&rig, "a2 ", 1, false);
	rig_push_run(&rig, "B: b1 ", 3);
	rig_push(&rig, "b2 ", 2, false);
	rig_push(&rig, "b3 ", 2, false);
	delivery_begin(rig.d);
	assert_int_equal(rig_finish(&rig).lost, 0);
	assert_string_equal(rig.sink.p, "<medium>A: a1 a2 B: b1 b2 <medium>A: a1 a2 B: b1 b2 b3 ");
	rig_close(&rig);
}

static void what_is_refused_is_lost_for_that(void **state)
{
	struct rig rig = {.streams = true, .sink = {.refuse = 1}};
	struct tally_stats stats;
	struct tally_news news;
	struct chunk *c;

	rig_open(&rig, false);
	c = rig_chunk(&rig, "one two ", 1, true);
	rig.seq++;
	chunk_count(c, rig.seq, rig.seq * 10);
	delivery_push(rig.d, c);
	delivery_begin(rig.d);
	stats = rig_finish(&rig);
	assert_int_equal(stats.done, 1);
	assert_int_equal(stats.lost, 1);
	news = tally_take_news(delivery_tally(rig.d));
	assert_int_equal(news.lost[TALLY_REFUSED].count, 1);
	assert_int_equal(news.lost[TALLY_REFUSED].first_seq, 1);
	assert_int_equal(news.lost[TALLY_REFUSED].last_seq, 2);
	rig_close(&rig);
}

static void the_oldest_go_but_not_what_all_others_need(void **state)
{
	struct rig rig = {.streams = true, .oldest = true, .sink = {.marks = true}};
	struct tally_news news;

	rig_open(&rig, false);
	rig_push_run(&rig, "head one ", 5);
	rig_push(&rig, "two ", 1, false);
	rig_push(&rig, "three", 1, false);
	assert_true(delivery_drop_oldest(rig.d));
	delivery_begin(rig.d);
	assert_int_equal(rig_finish(&rig).lost, 1);
	assert_string_equal(rig.sink.p, "<medium>head one three");
	news = tally_take_news(delivery_tally(rig.d));
	assert_int_equal(news.lost[TALLY_QUEUE].first_seq, 2);
	assert_false(delivery_drop_oldest(rig.d));
	rig_close(&rig);
}

static void rig_mark(struct rig *rig, uint64_t mark)
{
	struct chunk *c = pool_take(rig->pool, POOL_SMALL, true);

	c->generation = 1;
	c->mark = mark;
	delivery_push(rig->d, c);
}

/* A mark is told when all before it is done, not sooner; and from the first loss on, that there was
 * one. */
static void marks_follow_what_is_done(void **state)
{
	struct rig rig = {.sink = {.fail = -EIO, .fail_after = 1, .fail_for = 1, .acks = true}};

	rig_open(&rig, true);
	rig_push(&rig, "one ", 1, true);
	delivery_begin(rig.d);
	await(has_done_one, &rig);
	rig_mark(&rig, 1);
	rig_push(&rig, "two ", 1, false); /* fails; without context it is of no use */
	rig_mark(&rig, 2);
	rig_push(&rig, "three", 2, true);
	rig_mark(&rig, 3);
	rig_finish(&rig);
	assert_int_equal(rig.marks_n, 3);
	assert_true(rig.marks[0] == 1);
	assert_true(rig.marks[1] == (2 | 1ull << 63));
	assert_true(rig.marks[2] == (3 | 1ull << 63));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_gets_again_what_it_did_not_acknowledge),
		cmocka_unit_test(a_stream_with_context_goes_on_where_a_generation_opens),
		cmocka_unit_test(runs_are_told_again_with_what_belongs_to_them),
		cmocka_unit_test(what_is_refused_is_lost_for_that),
		cmocka_unit_test(the_oldest_go_but_not_what_all_others_need),
		cmocka_unit_test(marks_follow_what_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
