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
	for (char stream = 'a'; stream < 'f'; stream++) {
		assert_int_equal(spools_open(&s), 0);
		s.stream = stream;
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
	s.env.max_bytes = 16 * MIB;
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

/* ---- whose it is --------------------------------------------------------------------------- */

static void nobody_else_reads_it(void **state)
{
	char path[PATH_MAX];
	struct stat st;

	umask(0);
	assert_int_equal(spools_open(&s), 0);
	umask(022);
	assert_int_equal(spools_put(&s, 1, 100), 0);
	assert_int_equal(stat(s.folder, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(spools_files(&s, ".seg", path), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void belongs_to_the_user(void **state)
{
	char path[PATH_MAX];
	struct stat st;

	if (geteuid() != 0)
		skip();
	s.env.uid = s.env.gid = 12345;
	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_put(&s, 1, 100), 0);
	assert_int_equal(stat(s.folder, &st), 0);
	assert_true(st.st_uid == 12345 && st.st_gid == 12345);
	assert_int_equal(spools_files(&s, "", path) > 0, 1);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(spools_files(&s, i ? "lock" : ".seg", path), 1);
		assert_int_equal(stat(path, &st), 0);
		assert_true(st.st_uid == 12345 && st.st_gid == 12345);
	}
}

static void of_one_penstock_at_a_time(void **state)
{
	struct spools other;

	assert_int_equal(spools_open(&s), 0);
	assert_int_equal(spools_put(&s, 1, 100), 0);
	spools_init(&other, "spool");
	assert_int_equal(spools_open(&other), -EBUSY);
	assert_non_null(strstr(other.err.text, "used by another penstock"));
	assert_int_equal(spools_files(&s, ".seg", NULL), 1);
	spools_close(&s);
	assert_int_equal(spools_open(&other), 0);
	spools_expect_opening(&other);
	spools_expect(&other, 1, 100, true);
	spools_free(&other);
}

static void foreign_folders_are_refused(void **state)
{
	assert_int_equal(mkdir(s.folder, 0700), 0);
	assert_int_equal(chmod(s.folder, 0777), 0);
	assert_int_equal(spools_open(&s), -EPERM);
	assert_non_null(strstr(s.err.text, "others may write"));
	assert_int_equal(chmod(s.folder, 01777), 0);
	assert_int_equal(spools_open(&s), 0);
	spools_close(&s);
	if (geteuid() == 0) {
		assert_int_equal(chown(s.folder, 12345, 12345), 0);
		assert_int_equal(chmod(s.folder, 0700), 0);
		assert_int_equal(spools_open(&s), -EPERM);
		assert_non_null(strstr(s.err.text, "somebody else"));
	}
}

static void links_are_refused(void **state)
{
	char behind[PATH_MAX];

	assert_int_equal(mkdir(s.folder, 0700), 0);
	temp_path(behind, "link");
	assert_int_equal(symlink(s.folder, behind), 0);
	s.env.folder = behind;
	assert_int_equal(spools_open(&s), -ELOOP);
	temp_path(behind, "link/");
	assert_int_equal(spools_open(&s), -ELOOP);
	temp_path(behind, "link");
	assert_int_equal(unlink(behind), 0);
	s.env.folder = s.folder;
	temp_path(behind, "spool/lock");
	assert_int_equal(symlink("/etc/passwd", behind), 0);
	assert_int_equal(spools_open(&s), -ELOOP);
	assert_int_equal(unlink(behind), 0);
	temp_path(behind, "spool/spool-x.seg");
	assert_int_equal(symlink("/etc/passwd", behind), 0);
	assert_int_equal(spools_open(&s), 0);
	assert_non_null(strstr(s.note, "spool-x.seg is not one that we wrote"));
	assert_int_equal(access("/etc/passwd", R_OK), 0);
}

static void no_folder_to_be_in(void **state)
{
	char path[PATH_MAX];

	temp_path(path, "nowhere/spool");
	s.env.folder = path;
	assert_int_equal(spools_open(&s), -ENOENT);
	temp_path(path, "file");
	temp_write(path, "");
	assert_int_equal(spools_open(&s), -ENOTDIR);
	assert_int_equal(unlink(path), 0);
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
		TEST(without_opening_bytes),
		TEST(a_jumbo_has_a_segment_of_its_own),
		TEST(not_more_than_can_be_remembered),
		TEST(full_the_oldest_goes),
		TEST(full_while_some_is_given_out),
		TEST(full_the_newest_goes),
		TEST(what_is_done_takes_no_room),
		TEST(a_smaller_limit_than_what_is_there),
		TEST(nobody_else_reads_it),
		TEST(belongs_to_the_user),
		TEST(of_one_penstock_at_a_time),
		TEST(foreign_folders_are_refused),
		TEST(links_are_refused),
		TEST(no_folder_to_be_in),
	};

	temp_folder();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
