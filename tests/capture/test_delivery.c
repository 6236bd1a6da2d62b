/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Delivery alone: chunks made by hand, and a sink that does as it is told. */
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

static void chunks_go_out_in_order(void **state)
{
	struct rig rig = {.sink = {.at_once = 3}};
	struct tally_stats stats;

	rig_open(&rig, true);
	rig_push(&rig, "one ", 1, true);
	delivery_begin(rig.d);
	rig_push(&rig, "two ", 1, false);
	rig_push(&rig, "three", 1, false);
	stats = rig_finish(&rig);
	assert_string_equal(rig.sink.p, "one two three");
	assert_int_equal(stats.bytes, 13);
	assert_int_equal(rig.sink.ends, 1);
	rig_close(&rig);
}

/* Before the run has begun nothing is touched, and a run that never does leaves nothing. */
static void a_run_that_does_not_begin_touches_nothing(void **state)
{
	struct rig rig = {.sink = {.marks = true}};
	struct tally_stats stats;

	rig_open(&rig, true);
	rig_push(&rig, "one", 1, true);
	stats = rig_finish(&rig);
	assert_int_equal(stats.lost, 1);
	assert_int_equal(stats.error, 0);
	assert_int_equal(rig.sink.begins, 0);
	assert_int_equal(rig.sink.n, 0);
	rig_close(&rig);
}

/* A run that has nothing to say still begins its medium: what an earlier one left there goes. */
static void a_medium_begins_without_a_chunk(void **state)
{
	struct rig rig = {.sink = {.marks = true}};

	rig_open(&rig, false);
	delivery_begin(rig.d);
	await(has_begun, &rig);
	rig_finish(&rig);
	assert_string_equal(rig.sink.p, "<medium>");
	rig_close(&rig);
}

/* A disk that is full for a while: nothing is lost, and the medium goes on. */
static void no_room_is_waited_for(void **state)
{
	struct rig rig = {.sink = {.fail = -ENOSPC, .fail_after = 1, .fail_for = 2, .marks = true}};
	struct tally_stats stats;
	char text[64];

	rig_open(&rig, true);
	rig_push(&rig, "one ", 1, true);
	delivery_begin(rig.d);
	await(has_done_one, &rig);
	rig_push(&rig, "two ", 1, false);
	rig_push(&rig, "three", 1, false);
	await(has_error, &rig);
	await(is_well, &rig);
	stats = rig_finish(&rig);
	assert_int_equal(stats.lost, 0);
	assert_int_equal(stats.error, 0);
	assert_int_equal(tally_text(delivery_tally(rig.d), text, sizeof(text)), 0);
	assert_non_null(strstr(text, "No space left"));
	assert_string_equal(rig.sink.p, "<medium>one two three");
	rig_close(&rig);
}

/* Chunks that refer to what only the old medium has are lost, and a generation is asked for. */
static void a_new_medium_waits_for_a_generation(void **state)
{
	struct rig rig = {.sink = {.fail = -EIO, .fail_after = 1, .fail_for = 1, .marks = true}};
	struct tally_news news;
	struct tally_stats stats;

	rig_open(&rig, true);
	rig_push(&rig, "one ", 4, true);
	delivery_begin(rig.d);
	await(has_done_one, &rig);
	rig_push(&rig, "two ", 4, false);
	await(wants_generation, &rig);
	assert_int_equal(delivery_wants(rig.d), 4);
	rig_push(&rig, "three ", 4, false);
	rig_push(&rig, "four ", 5, true);
	rig_push(&rig, "five", 5, false);
	stats = rig_finish(&rig);
	assert_string_equal(rig.sink.p, "<medium>one <medium>four five");
	assert_int_equal(delivery_wants(rig.d), 0);
	assert_int_equal(stats.lost, 2);
	assert_int_equal(stats.media, 2);
	news = tally_take_news(delivery_tally(rig.d));
	assert_int_equal(news.lost[TALLY_SINK].count, 2);
	assert_int_equal(news.lost[TALLY_SINK].first_seq, 2);
	assert_int_equal(news.lost[TALLY_SINK].last_seq, 3);
	assert_int_equal(news.lost[TALLY_SINK].last_ns, 30);
	rig_close(&rig);
}

/* Without context a new medium goes on with the chunk that failed, behind the opening bytes. */
static void without_context_nothing_is_lost(void **state)
{
	struct rig rig = {.sink = {.fail = -EIO, .fail_after = 1, .fail_for = 1, .marks = true}};
	struct tally_stats stats;

	rig_open(&rig, false);
	rig_push_run(&rig, "head one ", 5);
	delivery_begin(rig.d);
	await(has_done_one, &rig);
	rig_push(&rig, "two ", 1, false);
	rig_push(&rig, "three", 1, false);
	await(has_error, &rig);
	await(is_well, &rig);
	stats = rig_finish(&rig);
	assert_string_equal(rig.sink.p, "<medium>head one <medium>head two three");
	assert_int_equal(stats.lost, 0);
	rig_close(&rig);
}

/* What is taken is not done before the sink says so, and lost when it says that it failed. */
/* What was done on a medium that somebody has removed is lost after all, and told as such. */
static void what_somebody_removes_is_lost(void **state)
{
	struct rig rig = {.sink = {.fail = -ESTALE, .fail_after = 2, .fail_for = 1, .marks = true}};
	struct tally_stats stats;
	struct tally_news news;
	char text[128];

	rig_open(&rig, false);
	delivery_begin(rig.d);
	rig_push(&rig, "one ", 1, true);
	rig_push(&rig, "two ", 1, false);
	rig_push(&rig, "three", 1, false);
	await(has_done_one, &rig);
	stats = rig_finish(&rig);
	assert_string_equal(rig.sink.p, "<medium>one two <medium>three");
	assert_int_equal(stats.done, 1);
	assert_int_equal(stats.lost, 2);
	assert_int_equal(stats.error, 0);
	news = tally_take_news(delivery_tally(rig.d));
	assert_int_equal(news.lost[TALLY_SINK].count, 2);
	assert_int_equal(news.lost[TALLY_SINK].first_seq, 1);
	assert_int_equal(news.lost[TALLY_SINK].last_seq, 2);
	assert_int_equal(tally_text(delivery_tally(rig.d), text, sizeof(text)), 0);
	assert_non_null(strstr(text, "fake: somebody has removed it"));
	rig_close(&rig);
}

static void what_somebody_removes_at_the_end_is_lost(void **state)
{
	struct rig rig = {.sink = {.fail_end = -ESTALE}};
	struct tally_stats stats;

	rig_open(&rig, false);
	delivery_begin(rig.d);
	rig_push(&rig, "one ", 1, true);
	rig_push(&rig, "two ", 1, false);
	stats = rig_finish(&rig);
	assert_int_equal(stats.done, 0);
	assert_int_equal(stats.lost, 2);
	assert_int_equal(stats.error, -ESTALE);
	rig_close(&rig);
}

static void taken_is_not_done(void **state)
{
	struct rig rig = {.sink = {.acks = true, .fail_sync = -EIO, .marks = true}};
	struct tally_stats stats;

	rig_open(&rig, true);
	rig_push(&rig, "one ", 1, true);
	delivery_begin(rig.d);
	await(has_error, &rig);
	stats = tally_read(delivery_tally(rig.d));
	assert_int_equal(stats.done, 0);
	assert_int_equal(stats.lost, 1);
	rig.sink.fail_sync = 0; /* nothing is to be synced before the next chunk */
	rig_push(&rig, "two", 2, true);
	await(has_done_one, &rig);
	stats = rig_finish(&rig);
	assert_string_equal(rig.sink.p, "<medium>one <medium>two");
	assert_int_equal(stats.done, 1);
	assert_int_equal(stats.error, 0);
	rig_close(&rig);
}

/* Some file systems tell of a failure only when the file is closed. */
static void an_end_that_fails_is_an_error(void **state)
{
	struct rig rig = {.sink = {.fail_end = -EDQUOT}};

	rig_open(&rig, true);
	rig_push(&rig, "one ", 1, true);
	delivery_begin(rig.d);
	assert_int_equal(rig_finish(&rig).error, -EDQUOT);
	rig_close(&rig);
}

/* Who waits for a sink that fails must not wait for ever. */
static void a_sink_that_is_waited_for_is_given_up(void **state)
{
	struct rig rig = {.sink = {.fail = -ENOSPC, .fail_after = 1}, .awaited = true};
	struct tally_stats stats;

	rig_open(&rig, true);
	delivery_begin(rig.d);
	for (unsigned i = 0; i < 3 * CHUNKS; i++) /* each waits for a free chunk */
		rig_push(&rig, "text", 1, i == 0);
	stats = rig_finish(&rig);
	assert_int_equal(stats.done, 1);
	assert_int_equal(stats.error, -ENOSPC);
	rig_close(&rig);
}

static void the_end_does_not_wait_for_ever(void **state)
{
	struct rig rig = {.sink = {.stuck = true}};
	struct tally_stats stats;
	time_t since = time(NULL);

	rig_open(&rig, true);
	for (unsigned i = 0; i < CHUNKS; i++)
		rig_push(&rig, "text", 1, i == 0);
	delivery_begin(rig.d);
	stats = rig_finish(&rig);
	assert_int_equal(stats.lost, CHUNKS);
	assert_int_equal(stats.error, -ETIMEDOUT);
	assert_in_range(time(NULL) - since, 4, 60);
	rig_close(&rig);
}

/* A sink whose media are named after their first chunk, which comes just while it is asked. */
static struct rig *arriving;
static unsigned asked;

static int begin_named(void *ctx, const struct sink_medium *medium)
{
	if (medium->unix_ns)
		return fake_sink_ops.begin(ctx, medium);
	if (++asked == 2) { /* the next thing that the thread does is to sleep */
		struct chunk *c = rig_chunk(arriving, "first", 1, true);

		c->unix_ns = 7;
		delivery_push(arriving->d, c);
	}
	return -EAGAIN;
}

static void wait_for_chunk(void *ctx, bool blocked, struct sink_wait *ret)
{
	ret->timeout_ms = -1;
}

static void a_chunk_that_comes_before_the_sleep_is_not_slept_over(void **state)
{
	struct sink_ops named = fake_sink_ops;
	struct rig rig = {.sink = {.marks = true}};
	struct delivery_config cfg = {.label = "named", .sink = &named, .sink_cfg = &rig.sink};
	struct err err = {""};

	named.begin = begin_named;
	named.wait = wait_for_chunk;
	arriving = &rig;
	rig.pool = cfg.pool = pool_new(CHUNKS);
	assert_int_equal(delivery_new(&cfg, &rig.d, &err), 0);
	delivery_begin(rig.d);
	await(has_done_one, &rig);
	rig_finish(&rig);
	assert_string_equal(rig.sink.p, "<medium>first");
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_go_out_in_order),
		cmocka_unit_test(a_run_that_does_not_begin_touches_nothing),
		cmocka_unit_test(a_medium_begins_without_a_chunk),
		cmocka_unit_test(no_room_is_waited_for),
		cmocka_unit_test(a_new_medium_waits_for_a_generation),
		cmocka_unit_test(without_context_nothing_is_lost),
		cmocka_unit_test(what_somebody_removes_is_lost),
		cmocka_unit_test(what_somebody_removes_at_the_end_is_lost),
		cmocka_unit_test(taken_is_not_done),
		cmocka_unit_test(an_end_that_fails_is_an_error),
		cmocka_unit_test(a_sink_that_is_waited_for_is_given_up),
		cmocka_unit_test(the_end_does_not_wait_for_ever),
		cmocka_unit_test(a_chunk_that_comes_before_the_sleep_is_not_slept_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
