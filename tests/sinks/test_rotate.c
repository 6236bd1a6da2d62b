/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#include "tests/support/files.h"
#include "tests/support/temp.h"

/* Here no power fails. */
int fdatasync(int fd)
{
	return 0;
}

int fsync(int fd)
{
	return 0;
}

/* ---- names and finishing ------------------------------------------------------------------- */

static void a_file_has_its_name_when_it_is_whole(void **state)
{
	struct files s;
	struct stat st;

	assert_int_equal(files_open(&s, "whole.jsonl.zst", "files=9"), 0);
	assert_string_equal(files_list("whole"), "");
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "one "), 0);
	assert_int_equal(s.done, 1);
	assert_string_equal(files_list("whole"), "whole-000001.jsonl.zst.part");
	assert_int_equal(files_write(&s, "two"), 0);
	assert_int_equal(sink_file.beside(s.ctx, "idx", "index", 5), 0);
	assert_int_equal(files_end(&s), 0);
	assert_string_equal(files_list("whole"),
			    "whole-000001.jsonl.zst whole-000001.jsonl.zst.idx");
	files_medium(&s, "three");
	files_close(&s);
	temp_expect(temp_name("whole-000001.jsonl.zst"), "one two");
	temp_expect(temp_name("whole-000001.jsonl.zst.idx"), "index");
	temp_expect(temp_name("whole-000002.jsonl.zst"), "three");
	assert_int_equal(stat(temp_name("whole-000001.jsonl.zst"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(temp_name("whole-000001.jsonl.zst.idx"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(temp_name(".whole.jsonl.zst.manifest"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void numbers_go_on(void **state)
{
	struct files s;

	assert_int_equal(files_open(&s, "on.raw", "files=9"), 0);
	files_medium(&s, "1");
	files_medium(&s, "2");
	files_close(&s);
	assert_int_equal(unlink(temp_name("on-000002.raw")), 0);
	assert_int_equal(files_open(&s, "on.raw", "files=9"), 0);
	files_medium(&s, "3"); /* 2 was given once: it does not come again */
	files_close(&s);
	assert_string_equal(files_list("on"), "on-000001.raw on-000003.raw");
	assert_int_equal(unlink(temp_name(".on.raw.manifest")), 0);
	temp_write(temp_name("on-000017.raw"), "somebody's");
	assert_int_equal(files_open(&s, "on.raw", "files=9"), 0);
	files_medium(&s, "18");
	files_close(&s);
	temp_expect(temp_name("on-000018.raw"), "18");
	temp_expect(temp_name("on-000017.raw"), "somebody's");
}

static void names_follow_the_time_of_the_medium(void **state)
{
	struct files s;

	assert_int_equal(files_open(&s, "t-%Y%m%dT%H%M%S.raw", ""), 0);
	s.unix_ns = 0;
	assert_int_equal(files_begin(&s), -EAGAIN); /* nobody knows the time yet */
	s.unix_ns = FILES_UNIX_NS;
	files_medium(&s, "a");
	files_medium(&s, "b");
	files_medium(&s, "c");
	s.unix_ns += 1000000000;
	files_medium(&s, "d");
	files_close(&s);
	assert_string_equal(files_list("t-"),
			    "t-20260304T050607-000002.raw t-20260304T050607-000003.raw "
			    "t-20260304T050607.raw t-20260304T050608.raw");
	temp_expect(temp_name("t-20260304T050607.raw"), "a");
	temp_expect(temp_name("t-20260304T050607-000003.raw"), "c");
}

static void an_empty_medium_leaves_nothing(void **state)
{
	struct files s;

	assert_int_equal(files_open(&s, "empty.raw", "files=9"), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(files_begin(&s), 0);
		assert_int_equal(files_end(&s), 0);
	}
	files_close(&s);
	assert_string_equal(files_list("empty"), "");
}

/* A run that never begins leaves all as it was. */
static void a_run_that_does_not_begin_leaves_nothing(void **state)
{
	struct files s;

	assert_int_equal(files_open(&s, "never.raw", "files=9"), 0);
	files_close(&s);
	assert_string_equal(files_list("never"), "");
	assert_string_equal(files_list(".never"), "");
	assert_int_equal(files_open(&s, "never.raw", ""), 0);
	files_close(&s);
	assert_string_equal(files_list("never"), "");
}

static void templates_are_checked(void **state)
{
	struct files s;

	files_refused(&s, "%Y/x.raw", "", -ENOENT, "no folder");
	assert_int_equal(mkdir(temp_name("%Y"), 0700), 0);
	files_refused(&s, "%Y/x.raw", "", -EINVAL, "last part of a path");
	files_refused(&s, "x-%Q.raw", "", -EINVAL, "no placeholder");
	assert_int_equal(mkfifo(temp_name("fifo.raw"), 0600), 0);
	files_refused(&s, "fifo.raw", "files=2", -EINVAL, "no regular file");
}

/* ---- strangers ----------------------------------------------------------------------------- */

static void nothing_is_replaced(void **state)
{
	struct files s;
	struct stat st;

	temp_write(temp_name("victim"), "precious");
	assert_int_equal(files_open(&s, "taken.raw", "files=9"), 0);
	assert_int_equal(symlink(temp_name("victim"), temp_name("taken-000001.raw.part")), 0);
	assert_int_equal(symlink("/tmp/penstock-nowhere", temp_name("taken-000002.raw")), 0);
	assert_int_equal(mkdir(temp_name("taken-000003.raw"), 0700), 0);
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "mine"), 0);
	temp_write(temp_name("taken-000004.raw"), "planted meanwhile");
	assert_int_equal(sink_file.beside(s.ctx, "idx", "i", 1), 0);
	assert_int_equal(files_end(&s), 0);
	files_close(&s);
	temp_expect(temp_name("taken-000004.raw"), "planted meanwhile");
	temp_expect(temp_name("taken-000004-000005.raw"), "mine");
	temp_expect(temp_name("taken-000004-000005.raw.idx"), "i");
	temp_expect(temp_name("victim"), "precious");
	assert_int_equal(lstat(temp_name("taken-000001.raw.part"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void what_is_taken_away_is_told(void **state)
{
	struct files s;

	assert_int_equal(files_open(&s, "away.raw", "files=9"), 0);
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "gone"), 0);
	assert_int_equal(unlink(temp_name("away-000001.raw.part")), 0);
	assert_int_equal(files_write(&s, "x"), -ESTALE);
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "second"), 0);
	assert_int_equal(unlink(temp_name("away-000002.raw.part")), 0);
	assert_int_equal(files_end(&s), -ESTALE);
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "third"), 0);
	assert_int_equal(truncate(temp_name("away-000003.raw.part"), 1), 0);
	assert_int_equal(files_write(&s, "x"), -ESTALE);
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "fourth"), 0);
	/* moved, and something else is in its place: that is not what gets the name */
	assert_int_equal(rename(temp_name("away-000004.raw.part"), temp_name("elsewhere")), 0);
	temp_write(temp_name("away-000004.raw.part"), "a stranger");
	assert_int_equal(files_end(&s), -ENOENT);
	files_medium(&s, "fifth");
	files_close(&s);
	temp_expect(temp_name("elsewhere"), "fourth");
	temp_expect(temp_name("away-000005.raw"), "fifth");
	temp_expect(temp_name("away-000004.raw.part"), "a stranger");
}

static void the_folder_may_go_and_come(void **state)
{
	struct files s;

	assert_int_equal(mkdir(temp_name("logs"), 0700), 0);
	assert_int_equal(files_open(&s, "logs/f.raw", "files=9"), 0);
	files_medium(&s, "one");
	assert_int_equal(unlink(temp_name("logs/f-000001.raw")), 0);
	assert_int_equal(unlink(temp_name("logs/.f.raw.manifest")), 0);
	assert_int_equal(rmdir(temp_name("logs")), 0);
	assert_int_equal(files_begin(&s), -ENOENT);
	assert_int_equal(mkdir(temp_name("other"), 0700), 0);
	assert_int_equal(symlink(temp_name("other"), temp_name("logs")), 0);
	assert_int_equal(files_begin(&s), -ENOENT); /* a link is not the folder */
	assert_int_equal(unlink(temp_name("logs")), 0);
	assert_int_equal(mkdir(temp_name("logs"), 0700), 0);
	files_medium(&s, "two");
	temp_expect(temp_name("logs/f-000002.raw"), "two");
	/* moved as a whole: it is still the one that was opened */
	assert_int_equal(rename(temp_name("logs"), temp_name("moved")), 0);
	files_medium(&s, "three");
	files_close(&s);
	temp_expect(temp_name("moved/f-000003.raw"), "three");
}

/* ---- two writers --------------------------------------------------------------------------- */

static void one_writer_for_each_template(void **state)
{
	struct files s, second;

	assert_int_equal(files_open(&s, "two.raw", "files=9"), 0);
	files_refused(&second, "two.raw", "files=2", -EBUSY, "being written by another penstock");
	files_refused(&second, "two.raw", "", -EBUSY, "being written by another penstock");
	files_medium(&s, "1"); /* the manifest was put in the place of the one that was locked */
	files_refused(&second, "two.raw", "files=2", -EBUSY, "being written by another penstock");
	assert_int_equal(files_open(&second, "two-{seq}.raw", ""), 0);
	files_close(&second);
	files_close(&s);
	assert_int_equal(files_open(&s, "two.raw", ""), 0);
	files_refused(&second, "two.raw", "files=2", -EBUSY, "being written by another penstock");
	files_close(&s);
}

/* ---- what may be kept ---------------------------------------------------------------------- */

static void as_many_files_as_allowed(void **state)
{
	struct files s;

	assert_int_equal(files_open(&s, "many.raw", "files=3"), 0);
	temp_write(temp_name("many-000000.raw"), "not ours to delete");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(files_begin(&s), 0);
		assert_int_equal(files_write(&s, "x"), 0);
		assert_int_equal(sink_file.beside(s.ctx, "idx", "i", 1), 0);
		assert_int_equal(files_end(&s), 0);
	}
	assert_int_equal(files_begin(&s), 0);
	assert_string_equal(files_list("many"),
			    "many-000000.raw many-000004.raw many-000004.raw.idx many-000005.raw "
			    "many-000005.raw.idx many-000006.raw.part");
	files_close(&s);
	assert_int_equal(files_open(&s, "many.raw", "files=1"), 0);
	files_medium(&s, "x");
	files_close(&s);
	assert_string_equal(files_list("many"), "many-000000.raw many-000007.raw");
}

static void as_many_bytes_as_allowed(void **state)
{
	struct files s;

	assert_int_equal(files_open(&s, "bytes.raw", "total=10"), 0);
	files_medium(&s, "1234");
	files_medium(&s, "5678");
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "ab"), 0);
	assert_string_equal(files_list("bytes"),
			    "bytes-000001.raw bytes-000002.raw bytes-000003.raw.part");
	assert_int_equal(files_write(&s, "c"), 0); /* while it is written, too */
	assert_string_equal(files_list("bytes"), "bytes-000002.raw bytes-000003.raw.part");
	assert_int_equal(files_write(&s, "what is more than everything may be"), 0);
	assert_string_equal(files_list("bytes"), "bytes-000003.raw.part");
	assert_int_equal(files_end(&s), 0);
	files_close(&s);
}

static void as_old_as_allowed(void **state)
{
	struct utimbuf old = {.actime = 1000000000, .modtime = 1000000000};
	struct files s;

	assert_int_equal(files_open(&s, "old.raw", "age=1d"), 0);
	files_medium(&s, "1");
	files_medium(&s, "2");
	files_close(&s);
	assert_int_equal(utime(temp_name("old-000001.raw"), &old), 0);
	assert_int_equal(files_open(&s, "old.raw", "age=1d"), 0);
	assert_string_equal(files_list("old"), "old-000001.raw old-000002.raw");
	files_medium(&s, "3");
	files_close(&s);
	assert_string_equal(files_list("old"), "old-000002.raw old-000003.raw");
}

/* A manifest can be anybody's who may write to the folder's owner's files. */
static void a_manifest_that_lies_costs_no_file(void **state)
{
	static const char lies[] = "penstock manifest 1 5\n"
				   "+ 1 1 ../lies-000001.raw\n"
				   "+ 1 1 /etc/passwd\n"
				   "+ 1 1 sub/lies-000001.raw\n"
				   "+ 1 1 .\n"
				   "+ 1 1 precious\n"
				   "+ 99999999999999999999999 1 lies-000004.raw\n"
				   "+ 18446744073709551615 18446744073709551615 lies-000001.raw\n"
				   "+ 1 1 lies-000002.raw\n"
				   "+ 1 1 lies-000003.raw\n"
				   "a 1 ../../lies-000009.raw\n"
				   "a 1 lies-000004.raw\n"
				   "- lies-000002.raw\n"
				   "-\n+\na\n\n+ \nx y\n+ 1 1 lies-000004.r"; /* torn */
	struct files s;
	struct stat st;

	temp_write(temp_name(".lies.raw.manifest"), lies);
	temp_write(temp_name("precious"), "p");
	temp_write(temp_name("lies-000004.raw"), "never listed as a whole");
	assert_int_equal(mkdir(temp_name("sub"), 0700), 0);
	temp_write(temp_name("sub/lies-000001.raw"), "s");
	assert_int_equal(symlink(temp_name("precious"), temp_name("lies-000001.raw")), 0);
	assert_int_equal(mkdir(temp_name("lies-000002.raw"), 0700), 0);
	temp_write(temp_name("lies-000003.raw"), "listed");
	assert_int_equal(files_open(&s, "lies.raw", "files=1,total=1,age=1"), 0);
	files_medium(&s, "new");
	files_close(&s);
	temp_expect(temp_name("precious"), "p");
	temp_expect(temp_name("sub/lies-000001.raw"), "s");
	temp_expect(temp_name("lies-000004.raw"), "never listed as a whole");
	assert_int_equal(lstat(temp_name("lies-000001.raw"), &st), 0);
	assert_int_equal(lstat(temp_name("lies-000002.raw"), &st), 0);
	assert_int_equal(lstat(temp_name("lies-000003.raw"), &st), -1); /* this one it may */
	temp_expect(temp_name("lies-000005.raw"), "new");
}

static void a_manifest_must_be_ours(void **state)
{
	struct files s;
	struct stat st;

	temp_write(temp_name("target"), "t");
	assert_int_equal(symlink(temp_name("target"), temp_name(".m.raw.manifest")), 0);
	files_refused(&s, "m.raw", "files=2", -ELOOP, "symbolic link");
	assert_int_equal(unlink(temp_name(".m.raw.manifest")), 0);
	assert_int_equal(link(temp_name("target"), temp_name(".m.raw.manifest")), 0);
	files_refused(&s, "m.raw", "files=2", -EMLINK, "hard links");
	assert_int_equal(unlink(temp_name(".m.raw.manifest")), 0);
	assert_int_equal(mkdir(temp_name(".m.raw.manifest"), 0700), 0);
	files_refused(&s, "m.raw", "files=2", -EISDIR, "folder");
	assert_int_equal(rmdir(temp_name(".m.raw.manifest")), 0);
	/* larger than any that we write: as if it were not there */
	temp_write(temp_name(".m.raw.manifest"), "+ 1 1 m-000001.raw\n");
	temp_write(temp_name("m-000001.raw"), "stays");
	assert_int_equal(truncate(temp_name(".m.raw.manifest"), (off_t)1 << 40), 0);
	assert_int_equal(files_open(&s, "m.raw", "files=1"), 0);
	files_medium(&s, "x");
	files_close(&s);
	temp_expect(temp_name("m-000001.raw"), "stays");
	assert_int_equal(stat(temp_name(".m.raw.manifest"), &st), 0);
	assert_true(st.st_size < 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_has_its_name_when_it_is_whole),
		cmocka_unit_test(numbers_go_on),
		cmocka_unit_test(names_follow_the_time_of_the_medium),
		cmocka_unit_test(an_empty_medium_leaves_nothing),
		cmocka_unit_test(a_run_that_does_not_begin_leaves_nothing),
		cmocka_unit_test(templates_are_checked),
		cmocka_unit_test(nothing_is_replaced),
		cmocka_unit_test(what_is_taken_away_is_told),
		cmocka_unit_test(the_folder_may_go_and_come),
		cmocka_unit_test(one_writer_for_each_template),
		cmocka_unit_test(as_many_files_as_allowed),
		cmocka_unit_test(as_many_bytes_as_allowed),
		cmocka_unit_test(as_old_as_allowed),
		cmocka_unit_test(a_manifest_that_lies_costs_no_file),
		cmocka_unit_test(a_manifest_must_be_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
