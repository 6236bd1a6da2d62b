/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/collect/position.h"
#include "tests/support/temp.h"

static struct positions positions;
static int folder;

static int setup(void **state)
{
	folder = open(temp_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder < 0 || positions_open(&positions) < 0;
}

static int teardown(void **state)
{
	positions_close(&positions);
	return close(folder);
}

static struct run run_of(uint64_t run_id, uint8_t stream)
{
	struct run run = {.run_id = run_id, .boot_id = {1, 2, 3}};

	memset(run.stream_id, stream, sizeof(run.stream_id));
	return run;
}

static uint64_t find(uint64_t run_id, uint8_t stream)
{
	const struct run run = run_of(run_id, stream);

	return positions_find(&positions, &run);
}

static void note(uint64_t run_id, uint8_t stream, uint64_t seq, int64_t seconds)
{
	const struct run run = run_of(run_id, stream);

	positions_note(&positions, &run, seq, seconds);
}

static void what_is_noted_is_found(void **state)
{
	note(1, 7, 100, 1000);
	note(1, 8, 50, 1000);
	note(1, 7, 90, 1000); /* never back */
	assert_int_equal(find(1, 7), 100);
	assert_int_equal(find(1, 8), 50);
	assert_int_equal(find(2, 7), 0); /* another run */
	note(1, 0, 70, 1000);            /* of a file that knows the run alone */
	assert_int_equal(find(1, 7), 100);
	assert_int_equal(find(1, 8), 70);
	assert_int_equal(find(1, 9), 70);
}

static void the_file_holds_all(void **state)
{
	struct positions again;

	for (unsigned i = 0; i < POSITION_MAX + 10; i++) /* the oldest go */
		note(i, (uint8_t)(i + 1), i + 1000, i);
	assert_int_equal(positions_save(&positions, folder, ".x.streams", (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(positions_open(&again), 0);
	assert_int_equal(positions_load(&again, folder, ".x.streams"), 0);
	assert_int_equal(again.n, POSITION_MAX);
	assert_true(again.written_ns > 0);
	assert_memory_equal(again.v, positions.v, POSITION_MAX * sizeof(*again.v));
	assert_int_equal(find(9, 10), 0);
	assert_int_equal(find(10, 11), 1010);
	positions_close(&again);
}

static int load(const char *text)
{
	temp_write(temp_name("y.streams"), text);
	return positions_load(&positions, folder, "y.streams");
}

#define LINE                                                                                       \
	"07070707070707070707070707070707 01020300000000000000000000000000 0000000000000001 42 "   \
	"99\n"

static void damaged_files(void **state)
{
	assert_int_equal(positions_load(&positions, folder, "none"), -ENOENT);
	assert_int_equal(load("penstock streams 1\n" LINE "end 1\n"), 0);
	assert_int_equal(find(1, 7), 42);
	positions.n = 0;
	assert_int_equal(load(""), -EBADMSG);
	assert_int_equal(load("penstock streams 1\n" LINE), -EBADMSG);
	assert_int_equal(load("penstock streams 1\n" LINE "end 2\n"), -EBADMSG);
	assert_int_equal(load("penstock streams 2\n" LINE "end 1\n"), -EBADMSG);
	assert_int_equal(load("penstock streams 1\n0707 01 1 42 99\nend 1\n"), -EBADMSG);
	assert_int_equal(positions.n, 0);
	assert_int_equal(symlink("y.streams", temp_name("z.streams")), 0);
	assert_int_equal(positions_load(&positions, folder, "z.streams"), -ELOOP);
}

/* What it writes takes no link's target away. */
static void a_link_is_replaced(void **state)
{
	temp_write(temp_name("victim"), "mine");
	assert_int_equal(symlink("victim", temp_name("l.streams")), 0);
	assert_int_equal(symlink("victim", temp_name("l.streams.tmp")), 0);
	note(1, 7, 3, 4);
	assert_int_equal(positions_save(&positions, folder, "l.streams", (uid_t)-1, (gid_t)-1), 0);
	temp_expect(temp_name("victim"), "mine");
	positions.n = 0;
	assert_int_equal(positions_load(&positions, folder, "l.streams"), 0);
	assert_int_equal(find(1, 7), 3);
}

static void files_that_tell_nothing(void **state)
{
	temp_write(temp_name("a.txt"), "no recording\n");
	positions_scan(&positions, folder, "a.txt");
	positions_scan(&positions, folder, "none");
	positions_scan(&positions, folder, ".");
	assert_int_equal(positions.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_noted_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(the_file_holds_all, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_files, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(files_that_tell_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
