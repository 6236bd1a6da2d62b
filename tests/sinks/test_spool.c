/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The spool: what is put comes out in its order, whole and once, in this run or a later one; what
 * has no room is told exactly. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/spools.h"
#include "tests/support/temp.h"

enum {
	KIB = 1024,
	MIB = 1024 * KIB
};

static struct spools s;

static int set_up(void **state)
{
	spools_init(&s, "spool");
	return 0;
}

static int tear_down(void **state)
{
	spools_free(&s);
	spools_wipe(&s);
	return 0;
}

static void in_order_and_as_it_was_put(void **state)
{
	assert_int_equal(spools_open(&s), 0);
	assert_string_equal(s.note, "");
	spools_expect_nothing(&s);
	for (uint64_t seq = 1; seq < 31; seq += SPOOLS_RECORDS)
		assert_int_equal(spools_put(&s, seq, 1 + seq * 1000), 0);
	assert_int_equal(spools_stats(&s).events, 30);
	spools_expect_opening(&s);
	for (uint64_t seq = 1; seq < 31; seq += SPOOLS_RECORDS)
		spools_expect(&s, seq, 1 + seq * 1000, false);
	assert_int_equal(spool_disk.next_size(s.ctx), 0);
	assert_int_equal(spools_stats(&s).events, 30); /* given out is not done */
	for (unsigned i = 0; i < 11; i++)
		spools_done(&s);
	spools_expect_nothing(&s);
	assert_int_equal(s.lost_calls, 0);
}

static void one_by_one_for_long(void **state)
{
	s.env.max_bytes = 256 * KIB; /* many segments follow each other */
	assert_int_equal(spools_open(&s), 0);
	for (uint64_t seq = 1; seq < 3000; seq += SPOOLS_RECORDS) {
		assert_int_equal(spools_put(&s, seq, 2000 + seq), 0);
		if (seq == 1) {
			spools_expect_opening(&s);
			spools_done(&s);
		}
		spools_expect(&s, seq, 2000 + seq, false);
		spools_done(&s);
		spools_expect_nothing(&s);
		assert_true(spools_files(&s, ".seg", NULL) <= 1);
	}
	assert_int_equal(s.lost_calls, 0);
}

static void nothing_stays_behind_what_is_done(void **state)
{
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_put(&s, 1, 1000), 0);
	spools_expect_opening(&s);
	spools_expect(&s, 1, 1000, false);
	spools_done(&s);
	spools_done(&s);
	assert_int_equal(spools_files(&s, ".seg", NULL), 1);
	spools_close(&s);
	assert_int_equal(spools_files(&s, ".seg", NULL), 0);
	assert_int_equal(spools_files(&s, "cursor", NULL), 0);
	assert_int_equal(spools_open(&s), 0);
	spools_expect_nothing(&s);
}

static void across_restarts(void **state)
{
	assert_int_equal(spools_open(&s), 0);
	for (uint64_t seq = 1; seq < 20; seq += SPOOLS_RECORDS)
		assert_int_equal(spools_put(&s, seq, 500), 0);
	spools_expect_opening(&s);
	spools_expect(&s, 1, 500, false);
	spools_expect(&s, 4, 500, false);
	spools_expect(&s, 7, 500, false);
	spools_done(&s);
	spools_done(&s);
	spools_done(&s);
	spools_close(&s); /* with a cursor behind 4 */
	assert_int_equal(spools_files(&s, "cursor", NULL), 1);
	assert_int_equal(spools_open(&s), 0);
	assert_string_equal(s.note, "");
	assert_int_equal(spools_stats(&s).events, 15);
	s.stream = 'b';
	assert_int_equal(spools_put(&s, 1, 700), 0);
	s.stream = 'a';
	spools_expect_opening(&s);
	for (uint64_t seq = 7; seq < 20; seq += SPOOLS_RECORDS)
		spools_expect(&s, seq, 500, true);
	s.stream = 'b';
	spools_expect_opening(&s);
	spools_expect(&s, 1, 700, false);
	for (unsigned i = 0; i < 8; i++)
		spools_done(&s);
	spools_expect_nothing(&s);
	spools_close(&s);
	assert_int_equal(spools_files(&s, ".seg", NULL), 0);
	assert_int_equal(s.lost_calls, 0);
}

/* Several runs without a peer, each with a stream of its own, and one that is told twice. */
static void streams_follow_each_other(void **state)
{
	for (int stream = 'a'; stream < 'f'; stream++) {
		assert_int_equal(spools_open(&s), 0);
		s.stream = (char)stream;
		assert_int_equal(spools_put(&s, 1, 300), 0);
		s.opened = false; /* the same opening bytes once more: no new stream */
		assert_int_equal(spools_put(&s, 4, 300), 0);
		assert_int_equal(spools_files(&s, ".seg", NULL), stream - 'a' + 1);
		spools_close(&s);
	}
	assert_int_equal(spools_open(&s), 0);
	for (s.stream = 'a'; s.stream < 'f'; s.stream++) {
		spools_expect_opening(&s);
		spools_expect(&s, 1, 300, true);
		spools_expect(&s, 4, 300, true);
	}
	assert_int_equal(spool_disk.next_size(s.ctx), 0);
}

/* And within one run, as a relay has them. */
static void streams_in_turn(void **state)
{
	assert_int_equal(spools_open(&s), 0);
	for (unsigned i = 0; i < 6; i++) {
		s.stream = i % 2 ? 'b' : 'a';
		s.opened = false;
		assert_int_equal(spools_put(&s, 1 + i * 10, 300), 0);
		s.opened = true;
		assert_int_equal(spools_put(&s, 5 + i * 10, 300), 0);
	}
	for (unsigned i = 0; i < 6; i++) {
		s.stream = i % 2 ? 'b' : 'a';
		spools_expect_opening(&s);
		spools_expect(&s, 1 + i * 10, 300, false);
		spools_expect(&s, 5 + i * 10, 300, false);
	}
	for (unsigned i = 0; i < 18; i++)
		spools_done(&s);
	spools_expect_nothing(&s);
}

/* The file system may forget for a while that a file was removed. */
static void what_was_done_is_back(void **state)
{
	char path[PATH_MAX], kept[PATH_MAX];

	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_put(&s, 1, 300), 0);
	spools_files(&s, ".seg", path);
	temp_path(kept, "kept");
	s.stream = 'b';
	s.opened = false;
	assert_int_equal(spools_put(&s, 4, 300), 0);
	assert_int_equal(spools_put(&s, 7, 300), 0);
	s.stream = 'a';
	spools_expect_opening(&s);
	spools_expect(&s, 1, 300, false);
	assert_int_equal(link(path, kept), 0);
	spools_done(&s);
	spools_done(&s);
	s.stream = 'b';
	spools_expect_opening(&s);
	spools_expect(&s, 4, 300, false);
	spools_done(&s);
	spools_done(&s);
	spools_close(&s);
	assert_int_equal(rename(kept, path), 0);
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_stats(&s).events, SPOOLS_RECORDS);
	spools_expect_opening(&s);
	spools_expect(&s, 7, 300, true);
	assert_int_equal(access(path, F_OK), -1);
}

static void without_opening_bytes(void **state)
{
	s.stream = '\0';
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_put(&s, 1, 300), 0);
	spools_expect(&s, 1, 300, false);
	spools_close(&s);
	assert_int_equal(spools_open(&s), 0);
	spools_expect(&s, 1, 300, true);
}

static void a_jumbo_has_a_segment_of_its_own(void **state)
{
	s.env.max_bytes = 2 * CHUNK_JUMBO;
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_put(&s, 1, 1000), 0);
	assert_int_equal(spools_put(&s, 4, CHUNK_JUMBO), 0);
	assert_int_equal(spools_put(&s, 7, 1000), 0);
	assert_int_equal(spools_files(&s, ".seg", NULL), 3);
	spools_expect_opening(&s);
	spools_expect(&s, 1, 1000, false);
	s.out->cap = 1000; /* the caller was told how large it is */
	assert_int_equal(spool_disk.next(s.ctx, s.out), -EMSGSIZE);
	s.out->cap = CHUNK_JUMBO;
	spools_expect(&s, 4, CHUNK_JUMBO, false);
	spools_expect(&s, 7, 1000, false);
}

/* What is given out and not done has a bound. */
static void not_more_than_can_be_remembered(void **state)
{
	unsigned n = 0;
	uint64_t seq;
	size_t len;

	assert_int_equal(spools_open(&s), 0);
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(spools_put(&s, 1 + i * SPOOLS_RECORDS, 10), 0);
	while (spools_take(&s, &seq, &len) == 1)
		n++;
	assert_int_equal(n, 1024);
	for (; n; n--)
		spools_done(&s);
	while (spools_take(&s, &seq, &len) == 1)
		n++;
	assert_int_equal(n, 2001 - 1024);
	assert_int_equal(seq, 1 + 1999 * SPOOLS_RECORDS);
}

/* ---- no room ------------------------------------------------------------------------------- */

static void expect_loss(const struct loss *loss, uint64_t first, uint64_t behind)
{
	assert_int_equal(loss->count, behind - first);
	assert_int_equal(loss->first_seq, first);
	assert_int_equal(loss->last_seq, behind - 1);
	assert_int_equal(loss->first_ns, 1000 * first);
	assert_int_equal(loss->last_ns, 1000 * (behind - SPOOLS_RECORDS) + 999);
}

/* Puts until something is lost; the number behind the last chunk. */
static uint64_t fill_until_loss(uint64_t seq)
{
	for (; !s.lost_calls; seq += SPOOLS_RECORDS)
		assert_int_equal(spools_put(&s, seq, 4000), 0);
	return seq;
}

static void full_the_oldest_goes(void **state)
{
	uint64_t behind, first;

	s.env.max_bytes = 256 * KIB;
	assert_int_equal(spools_open(&s), 0);
	behind = fill_until_loss(1);
	assert_true(s.lost.count > 30 && s.lost.count < behind / 3);
	first = s.lost.last_seq + 1;
	expect_loss(&s.lost, 1, first);
	assert_int_equal(spools_stats(&s).events, behind - first);
	spools_expect_opening(&s);
	for (uint64_t seq = first; seq < behind; seq += SPOOLS_RECORDS)
		spools_expect(&s, seq, 4000, false);
	assert_int_equal(spool_disk.next_size(s.ctx), 0);
	assert_int_equal(s.lost_calls, 1);
}

/* What was given out of what is dropped is not lost: it is in the hands of who took it, who says
 * that it is done, or never will. */
static void full_while_some_is_given_out(void **state)
{
	uint64_t behind, first;

	s.env.max_bytes = 256 * KIB;
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_put(&s, 1, 4000), 0);
	assert_int_equal(spools_put(&s, 4, 4000), 0);
	assert_int_equal(spools_put(&s, 7, 4000), 0);
	spools_expect_opening(&s);
	spools_expect(&s, 1, 4000, false);
	spools_done(&s);
	spools_done(&s);
	spools_expect(&s, 4, 4000, false);
	spools_expect(&s, 7, 4000, false);
	behind = fill_until_loss(10);
	first = s.lost.last_seq + 1;
	expect_loss(&s.lost, 10, first);
	assert_int_equal(spools_stats(&s).events, behind - first + 2 * SPOOLS_RECORDS);
	spools_expect(&s, first, 4000, false); /* of the same stream: nothing needs to be said */
	spools_done(&s);                       /* 4 */
	assert_int_equal(spools_stats(&s).events, behind - first + SPOOLS_RECORDS);
	spools_close(&s); /* and 7 never was */
	assert_int_equal(s.lost.count, first - 10 + SPOOLS_RECORDS);
	assert_int_equal(s.lost.first_seq, 7);
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_stats(&s).events, behind - first);
	spools_expect_opening(&s);
	spools_expect(&s, first, 4000, true);
}

/* Whoever had it has it no more: it comes again, behind the opening bytes, marked where it had been
 * given out. */
static void what_is_given_back_comes_again(void **state)
{
	assert_int_equal(spools_open(&s), 0);
	for (uint64_t seq = 1; seq < 16; seq += SPOOLS_RECORDS)
		assert_int_equal(spools_put(&s, seq, 4000), 0);
	spools_expect_opening(&s);
	spools_expect(&s, 1, 4000, false);
	spools_expect(&s, 4, 4000, false);
	spools_expect(&s, 7, 4000, false);
	spools_done(&s);
	spools_done(&s); /* 1 */
	for (int i = 0; i < 3; i++) {
		spools_rewind(&s);
		assert_int_equal(spools_stats(&s).events, 4 * SPOOLS_RECORDS);
		spools_expect_opening(&s);
		spools_expect(&s, 4, 4000, true);
	}
	spools_expect(&s, 7, 4000, true);
	spools_expect(&s, 10, 4000, false);
	for (int i = 0; i < 4; i++)
		spools_done(&s);
	spools_rewind(&s);
	spools_expect_opening(&s);
	spools_expect(&s, 13, 4000, false);
	assert_int_equal(spool_disk.next_size(s.ctx), 0);
	spools_done(&s);
	spools_done(&s);
	assert_int_equal(spools_stats(&s).events, 0);
	assert_int_equal(spools_stats(&s).bytes, 0);
	assert_int_equal(s.lost_calls, 0);
	spools_rewind(&s);
	spools_expect_nothing(&s);
}

/* But not what was dropped meanwhile: it is lost then, and only that. */
static void what_is_given_back_may_be_gone(void **state)
{
	uint64_t behind, first;

	s.env.max_bytes = 256 * KIB;
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_put(&s, 1, 4000), 0);
	assert_int_equal(spools_put(&s, 4, 4000), 0);
	spools_expect_opening(&s);
	spools_expect(&s, 1, 4000, false);
	behind = fill_until_loss(7);
	first = s.lost.last_seq + 1;
	expect_loss(&s.lost, 4, first); /* 1 is in somebody's hands */
	spools_rewind(&s);
	expect_loss(&s.lost, 1, first);
	assert_int_equal(spools_stats(&s).events, behind - first);
	spools_expect_opening(&s);
	spools_expect(&s, first, 4000, false);
	spools_rewind(&s);
	spools_expect_opening(&s);
	for (uint64_t seq = first; seq < behind; seq += SPOOLS_RECORDS)
		spools_expect(&s, seq, 4000, seq == first);
	assert_int_equal(spool_disk.next_size(s.ctx), 0);
	expect_loss(&s.lost, 1, first);
}

static void full_the_newest_goes(void **state)
{
	uint64_t seq = 1;
	int r = 0;

	s.env.max_bytes = 256 * KIB;
	s.env.full = SPOOL_DROP_NEWEST;
	assert_int_equal(spools_open(&s), 0);
	for (; r == 0; seq += SPOOLS_RECORDS)
		r = spools_put(&s, seq, 4000);
	assert_int_equal(r, -ENOSPC);
	assert_true(seq > 150 && seq < 200);
	assert_int_equal(spools_put(&s, seq, 4000), -ENOSPC);
	spools_expect_opening(&s);
	for (uint64_t got = 1; got < seq - SPOOLS_RECORDS; got += SPOOLS_RECORDS) {
		spools_expect(&s, got, 4000, false);
		spools_done(&s);
	}
	spools_done(&s);
	spools_expect_nothing(&s);
	assert_int_equal(spools_put(&s, seq, 4000), 0); /* there is room again */
	spools_expect(&s, seq, 4000, false);
	assert_int_equal(s.lost_calls, 0);
}

/* The last segment is full of what is done: that is no reason to refuse anything. */
static void what_is_done_takes_no_room(void **state)
{
	s.env.max_bytes = 64 * KIB;
	s.env.full = SPOOL_DROP_NEWEST;
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_put(&s, 1, 40 * KIB), 0);
	assert_int_equal(spools_put(&s, 4, 40 * KIB), -ENOSPC);
	spools_expect_opening(&s);
	spools_expect(&s, 1, 40 * KIB, false);
	spools_done(&s);
	spools_done(&s);
	assert_int_equal(spools_put(&s, 4, 40 * KIB), 0);
	assert_int_equal(spools_put(&s, 7, 65 * KIB), -ENOSPC); /* never */
	spools_expect(&s, 4, 40 * KIB, false);
}

static void a_smaller_limit_than_what_is_there(void **state)
{
	uint64_t first;

	assert_int_equal(spools_open(&s), 0);
	for (uint64_t seq = 1; seq < 300; seq += SPOOLS_RECORDS) {
		if (seq % 90 == 1) {
			spools_close(&s);
			assert_int_equal(spools_open(&s), 0);
		}
		assert_int_equal(spools_put(&s, seq, 4000), 0);
	}
	spools_close(&s);
	s.env.max_bytes = 256 * KIB;
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(s.lost_calls, 0);
	assert_int_equal(spools_put(&s, 301, 4000), 0);
	first = s.earlier.last_seq + 1;
	expect_loss(&s.earlier, 1, first);
	assert_int_equal(first % 90, 1);
	assert_int_equal(s.lost.count, 0);
	assert_int_equal(spools_stats(&s).events, 304 - first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(in_order_and_as_it_was_put),
		TEST(one_by_one_for_long),
		TEST(nothing_stays_behind_what_is_done),
		TEST(across_restarts),
		TEST(streams_follow_each_other),
		TEST(streams_in_turn),
		TEST(what_was_done_is_back),
		TEST(without_opening_bytes),
		TEST(a_jumbo_has_a_segment_of_its_own),
		TEST(not_more_than_can_be_remembered),
		TEST(full_the_oldest_goes),
		TEST(full_while_some_is_given_out),
		TEST(what_is_given_back_comes_again),
		TEST(what_is_given_back_may_be_gone),
		TEST(full_the_newest_goes),
		TEST(what_is_done_takes_no_room),
		TEST(a_smaller_limit_than_what_is_there),
	};

	temp_folder();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
