/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that is written in place: what others do to it meanwhile, and what goes wrong below it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/files.h"
#include "tests/support/temp.h"

/* ---- a disk that fails --------------------------------------------------------------------- */

static struct {
	bool armed;
	int writes[8]; /* what each call of write() does: bytes at most, or a negative errno */
	unsigned next;
	int sync; /* what fdatasync() says */
} disk;

ssize_t write(int fd, const void *p, size_t n)
{
	int plan = disk.armed && disk.next < 8 ? disk.writes[disk.next++] : 0;

	if (plan < 0) {
		errno = -plan;
		return -1;
	}
	return syscall(SYS_write, fd, p, plan && (size_t)plan < n ? (size_t)plan : n);
}

int fdatasync(int fd)
{
	errno = -disk.sync;
	return disk.sync ? -1 : 0;
}

/* ---- others -------------------------------------------------------------------------------- */

static void start(struct files *s, const char *name, const char *text)
{
	assert_int_equal(files_open(s, name, ""), 0);
	assert_int_equal(files_begin(s), 0);
	assert_int_equal(files_write(s, text), 0);
}

/* SIGHUP, and nobody has moved anything. */
static void the_file_before_gets_a_number(void **state)
{
	struct files s;

	temp_write(temp_name("stay-000004.jsonl.zst"), "of another run");
	start(&s, "stay.jsonl.zst", "one");
	assert_int_equal(sink_file.beside(s.ctx, "idx", "i1", 2), 0);
	assert_int_equal(files_end(&s), 0);
	files_medium(&s, "two");
	assert_int_equal(files_begin(&s), 0); /* nothing comes: this one needs no number */
	assert_int_equal(files_end(&s), 0);
	files_medium(&s, "three");
	files_close(&s);
	assert_string_equal(files_list("stay"),
			    "stay-000004.jsonl.zst stay-000005.jsonl.zst stay-000005.jsonl.zst.idx "
			    "stay-000006.jsonl.zst stay.jsonl.zst");
	temp_expect(temp_name("stay-000005.jsonl.zst"), "one");
	temp_expect(temp_name("stay-000005.jsonl.zst.idx"), "i1");
	temp_expect(temp_name("stay-000006.jsonl.zst"), "two");
	temp_expect(temp_name("stay.jsonl.zst"), "three");
}

/* logrotate: moved, then SIGHUP; what is written in between goes to where it was moved. */
static void a_file_that_was_moved_is_finished_there(void **state)
{
	struct files s;

	start(&s, "log.raw", "one ");
	assert_int_equal(rename(temp_name("log.raw"), temp_name("log.raw.1")), 0);
	assert_int_equal(files_write(&s, "two"), 0);
	assert_int_equal(sink_file.beside(s.ctx, "idx", "i", 1), 0);
	assert_int_equal(files_end(&s), 0);
	files_medium(&s, "three");
	temp_expect(temp_name("log.raw.1"), "one two");
	temp_expect(temp_name("log.raw.1.idx"), "i");
	temp_expect(temp_name("log.raw"), "three");
	files_close(&s);
}

static void logrotate_may_create_the_next(void **state)
{
	struct files s;
	struct stat st;

	start(&s, "made.raw", "one");
	assert_int_equal(rename(temp_name("made.raw"), temp_name("made.raw.1")), 0);
	temp_write(temp_name("made.raw"), "");
	assert_int_equal(chmod(temp_name("made.raw"), 0640), 0);
	assert_int_equal(files_end(&s), 0);
	files_medium(&s, "two");
	files_close(&s);
	temp_expect(temp_name("made.raw"), "two");
	assert_int_equal(stat(temp_name("made.raw"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_string_equal(files_list("made"), "made.raw made.raw.1");
}

static void what_somebody_put_there_is_kept(void **state)
{
	struct files s;

	start(&s, "put.raw", "one");
	assert_int_equal(rename(temp_name("put.raw"), temp_name("put.raw.1")), 0);
	temp_write(temp_name("put.raw"), "somebody's");
	assert_int_equal(files_end(&s), 0);
	files_medium(&s, "two");
	assert_int_equal(unlink(temp_name("put.raw")), 0);
	temp_write(temp_name("victim"), "precious");
	assert_int_equal(symlink(temp_name("victim"), temp_name("put.raw")), 0);
	assert_int_equal(files_begin(&s), -ELOOP);
	assert_int_equal(files_begin(&s), -ELOOP);
	assert_int_equal(unlink(temp_name("put.raw")), 0);
	assert_int_equal(mkfifo(temp_name("put.raw"), 0600), 0);
	assert_int_equal(files_begin(&s), -ENODEV);
	assert_int_equal(unlink(temp_name("put.raw")), 0);
	files_medium(&s, "three");
	files_close(&s);
	temp_expect(temp_name("put-000001.raw"), "somebody's");
	temp_expect(temp_name("put.raw"), "three");
	temp_expect(temp_name("victim"), "precious");
}

static void what_was_removed_is_told(void **state)
{
	struct files s;

	start(&s, "gone.raw", "one");
	assert_int_equal(unlink(temp_name("gone.raw")), 0);
	assert_int_equal(files_write(&s, "two"), -ESTALE);
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "two"), 0);
	temp_expect(temp_name("gone.raw"), "two");
	temp_write(temp_name("over.raw"), "what came over it");
	assert_int_equal(rename(temp_name("over.raw"), temp_name("gone.raw")), 0);
	assert_int_equal(files_end(&s), -ESTALE);
	files_medium(&s, "three");
	files_close(&s);
	temp_expect(temp_name("gone.raw"), "three");
	temp_expect(temp_name("gone-000001.raw"), "what came over it");
}

/* copytruncate */
static void what_was_cut_is_told(void **state)
{
	struct files s;

	start(&s, "cut.raw", "one");
	assert_int_equal(truncate(temp_name("cut.raw"), 0), 0);
	assert_int_equal(files_write(&s, "two"), -ESTALE);
	temp_expect(temp_name("cut.raw"), "");
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "two"), 0);
	temp_expect(temp_name("cut.raw"), "two");
	assert_int_equal(truncate(temp_name("cut.raw"), 2), 0);
	assert_int_equal(files_end(&s), -ESTALE);
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "three"), 0);
	files_close(&s);
	temp_expect(temp_name("cut.raw"), "three");
	assert_string_equal(files_list("cut"), "cut.raw");
}

static void the_folder_may_go_and_come(void **state)
{
	struct files s;

	assert_int_equal(mkdir(temp_name("dir"), 0700), 0);
	start(&s, "dir/f.raw", "one");
	assert_int_equal(unlink(temp_name("dir/f.raw")), 0);
	assert_int_equal(rmdir(temp_name("dir")), 0);
	assert_int_equal(files_write(&s, "two"), -ESTALE);
	assert_int_equal(files_begin(&s), -ENOENT);
	assert_int_equal(files_begin(&s), -ENOENT);
	assert_int_equal(mkdir(temp_name("dir"), 0700), 0);
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "two"), 0);
	files_close(&s);
	temp_expect(temp_name("dir/f.raw"), "two");
}

/* What tells of another file, and what is not ours to remove. */
static void what_lies_beside_is_of_this_file(void **state)
{
	struct files s;

	temp_write(temp_name("side.raw"), "of an earlier run");
	temp_write(temp_name("side.raw.idx"), "of an earlier run");
	assert_int_equal(files_open(&s, "side.raw", ""), 0);
	temp_expect(temp_name("side.raw.idx"), "of an earlier run");
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(access(temp_name("side.raw.idx"), F_OK), -1);
	assert_int_equal(mkdir(temp_name("side.raw.idx"), 0700), 0);
	assert_int_equal(sink_file.beside(s.ctx, "idx", "i", 1), -EEXIST);
	assert_int_equal(rmdir(temp_name("side.raw.idx")), 0);
	assert_int_equal(symlink(temp_name("victim"), temp_name("side.raw.idx")), 0);
	assert_int_equal(sink_file.beside(s.ctx, "idx", "i", 1), -EEXIST);
	files_close(&s);
	assert_int_equal(unlink(temp_name("side.raw.idx")), 0);
}

/* ---- below --------------------------------------------------------------------------------- */

static void arm(const int *writes, size_t n)
{
	memset(&disk, 0, sizeof(disk));
	memcpy(disk.writes, writes, n * sizeof(*writes));
	disk.armed = true;
}

#define ARM(...)                                                                                   \
	do {                                                                                       \
		const int writes_[] = {__VA_ARGS__};                                               \
		arm(writes_, sizeof(writes_) / sizeof(writes_[0]));                                \
	} while (0)

static void short_writes_and_interruptions_are_nothing(void **state)
{
	struct files s;

	start(&s, "short.raw", "one ");
	ARM(1, -EINTR, 1, -EINTR, -EINTR, 2);
	assert_int_equal(files_write(&s, "twothree"), 0);
	disk.armed = false;
	files_close(&s);
	temp_expect(temp_name("short.raw"), "one twothree");
}

static void without_room_the_medium_stays_whole(void **state)
{
	static const int errors[] = {-ENOSPC, -EDQUOT, -EFBIG};
	struct files s;

	start(&s, "room.raw", "one ");
	for (size_t i = 0; i < 3; i++) {
		ARM(2, errors[i]);
		assert_int_equal(files_write(&s, "nothing of it"), errors[i]);
		temp_expect(temp_name("room.raw"), "one ");
	}
	disk.armed = false;
	assert_int_equal(files_write(&s, "two"), 0);
	files_close(&s);
	temp_expect(temp_name("room.raw"), "one two");
}

static void after_an_error_another_file_follows(void **state)
{
	struct files s;

	start(&s, "eio.raw", "one");
	ARM(2, -EIO);
	assert_int_equal(files_write(&s, "nothing of it"), -EIO);
	disk.armed = false;
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "two"), 0);
	files_close(&s);
	temp_expect(temp_name("eio-000001.raw"), "one");
	temp_expect(temp_name("eio.raw"), "two");
}

/* What the disk did not take is never synced again: nobody knows what of it is there. */
static void after_a_failed_sync_another_file_follows(void **state)
{
	struct files s;

	assert_int_equal(files_open(&s, "sync.raw", "sync=data"), 0);
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "one"), 0);
	disk.sync = -EIO;
	assert_int_equal(sink_file.sync(s.ctx), -EIO);
	assert_int_equal(s.done, 0);
	disk.sync = 0;
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "two"), 0);
	assert_int_equal(sink_file.sync(s.ctx), 0);
	assert_int_equal(s.done, 2);
	files_close(&s);
	temp_expect(temp_name("sync.raw"), "two");

	assert_int_equal(files_open(&s, "rsync.raw", "files=9"), 0);
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "one"), 0);
	disk.sync = -EIO;
	assert_int_equal(files_end(&s), -EIO);
	disk.sync = 0;
	files_medium(&s, "two");
	files_close(&s);
	assert_string_equal(files_list("rsync"), "rsync-000001.raw.part rsync-000002.raw");
}

static int set_up(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_before_gets_a_number),
		cmocka_unit_test(a_file_that_was_moved_is_finished_there),
		cmocka_unit_test(logrotate_may_create_the_next),
		cmocka_unit_test(what_somebody_put_there_is_kept),
		cmocka_unit_test(what_was_removed_is_told),
		cmocka_unit_test(what_was_cut_is_told),
		cmocka_unit_test(the_folder_may_go_and_come),
		cmocka_unit_test(what_lies_beside_is_of_this_file),
		cmocka_unit_test(short_writes_and_interruptions_are_nothing),
		cmocka_unit_test(without_room_the_medium_stays_whole),
		cmocka_unit_test(after_an_error_another_file_follows),
		cmocka_unit_test(after_a_failed_sync_another_file_follows),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
