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
#include "tests/support/fakes.h"

struct rig {
	struct fake_sink sink;
	struct pool *pool;
	struct delivery *d;
	bool awaited, streams, oldest;
	uint64_t seq;
	uint64_t marks[4]; /* as they were told; with the highest bit where not all was whole */
	unsigned marks_n;
};

static void rig_marked(void *arg, uint64_t mark, bool whole)
{
	struct rig *rig = arg;

	rig->marks[rig->marks_n++] = mark | (whole ? 0 : 1ull << 63);
}

enum {
	CHUNKS = 128
};

static void rig_open(struct rig *rig, bool context)
{
	struct delivery_config cfg = {.label = "fake",
				      .sink = rig->streams ? &fake_stream_ops : &fake_sink_ops,
				      .drain_ms = 5000,
				      .oldest = rig->oldest,
				      .marked = rig_marked,
				      .marked_arg = rig,
				      .sink_cfg = &rig->sink,
				      .context = context,
				      .awaited = rig->awaited};
	struct err err = {""};

	rig->pool = pool_new(CHUNKS);
	assert_non_null(rig->pool);
	rig->seq = 0;
	cfg.pool = rig->pool;
	assert_int_equal(delivery_new(&cfg, &rig->d, &err), 0);
}

static struct chunk *rig_chunk(struct rig *rig, const char *text, uint32_t generation, bool opens)
{
	struct chunk *c = pool_take(rig->pool, POOL_SMALL, true);

	chunk_put(c, text, strlen(text));
	c->generation = generation;
	c->opens = opens;
	rig->seq++;
	chunk_count(c, rig->seq, rig->seq * 10);
	return c;
}

static void rig_push(struct rig *rig, const char *text, uint32_t generation, bool opens)
{
	delivery_push(rig->d, rig_chunk(rig, text, generation, opens));
}

/* A run begins with it, whose opening bytes are the first n. */
static void rig_push_run(struct rig *rig, const char *text, uint32_t n)
{
	struct chunk *c = rig_chunk(rig, text, 1, true);

	c->opens_run = true;
	c->opening_n = n;
	delivery_push(rig->d, c);
}

/* Ends it; all chunks have come back. */
static struct tally_stats rig_finish(struct rig *rig)
{
	struct tally_stats stats;

	delivery_finish(rig->d);
	stats = tally_read(delivery_tally(rig->d));
	assert_int_equal(stats.done + stats.lost, rig->seq);
	assert_int_equal(pool_free_now(rig->pool), CHUNKS);
	return stats;
}

static void rig_close(struct rig *rig)
{
	delivery_free(rig->d);
	pool_free(rig->pool);
	fake_sink_done(&rig->sink);
}

static void await(bool (*what)(struct rig *), struct rig *rig)
{
	for (int i = 0; i < 10000 && !what(rig); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_true(what(rig));
}

static bool has_error(struct rig *rig)
{
	return tally_read(delivery_tally(rig->d)).error != 0;
}

static bool is_well(struct rig *rig)
{
	return !has_error(rig);
}

static bool wants_generation(struct rig *rig)
{
	return delivery_wants(rig->d) != 0;
}

static bool has_done_one(struct rig *rig)
{
	return tally_read(delivery_tally(rig->d)).done >= 1;
}

static bool has_begun(struct rig *rig)
{
	return tally_read(delivery_tally(rig->d)).media >= 1;
}

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
		cmocka_unit_test(a_stream_gets_again_what_it_did_not_acknowledge),
		cmocka_unit_test(a_stream_with_context_goes_on_where_a_generation_opens),
		cmocka_unit_test(runs_are_told_again_with_what_belongs_to_them),
		cmocka_unit_test(what_is_refused_is_lost_for_that),
		cmocka_unit_test(the_oldest_go_but_not_what_all_others_need),
		cmocka_unit_test(marks_follow_what_is_done),
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
