/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose a spool is: who may read it, who may use it, and where it may not be. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/spools.h"
#include "tests/support/temp.h"

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
		TEST(nobody_else_reads_it),      TEST(belongs_to_the_user),
		TEST(of_one_penstock_at_a_time), TEST(foreign_folders_are_refused),
		TEST(links_are_refused),         TEST(no_folder_to_be_in),
	};

	temp_folder();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
