/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A writer is killed at each of its calls that change something, one after the other, and so is the
 * one that makes whole what it left: nothing that was taken is missing afterwards, everything is
 * there once, and every file can be deleted by the limits.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/files.h"
#include "tests/support/temp.h"

enum {
	KILLED = 99,
	MEDIA = 4,
	LINES = 3,  /* in each */
	STEPS = 200 /* more than a child makes */
};

/* ---- calls that count ---------------------------------------------------------------------- */

static int steps_left; /* until the child dies; 0 = it does not */

static void one_step(void)
{
	if (steps_left && !--steps_left)
		_exit(KILLED);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	one_step();
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	one_step();
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

int unlinkat(int folder, const char *name, int flags)
{
	one_step();
	return (int)syscall(SYS_unlinkat, folder, name, flags);
}

int ftruncate(int fd, off_t size)
{
	one_step();
	return (int)syscall(SYS_ftruncate, fd, size);
}

/* Half of what is written can be there when a writer is killed. */
ssize_t write(int fd, const void *p, size_t n)
{
	if (steps_left == 1 && n > 1)
		syscall(SYS_write, fd, p, n / 2);
	one_step();
	return syscall(SYS_write, fd, p, n);
}

int fdatasync(int fd)
{
	one_step();
	return 0;
}

int fsync(int fd)
{
	one_step();
	return 0;
}

/* ---- a writer and its child ---------------------------------------------------------------- */

static struct shared {
	unsigned taken; /* lines that the sink has taken */
} * shared;

/* Cuts what is no whole line; what holds none goes. */
static int recover_lines(int folder, const char *name, struct err *err)
{
	int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	char text[4096];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	while (n > 0 && text[n - 1] != '\n')
		n--;
	if (n >= 0 && ftruncate(fd, n) < 0)
		n = -1;
	if (n == 0 && unlinkat(folder, name, 0) < 0)
		n = -1;
	if (fd >= 0)
		close(fd);
	return n < 0 ? -EIO : 0;
}

static int open_kill(struct files *s, const char *name, const char *options)
{
	struct sink_env env = {.uid = (uid_t)-1, .gid = (gid_t)-1, .recover = recover_lines};

	return files_open_as(s, name, options, &env);
}

static void write_media(const char *name, const char *options)
{
	struct files s;
	char line[32];

	if (open_kill(&s, name, options) < 0)
		_exit(1);
	for (unsigned m = 0; m < MEDIA; m++) {
		if (files_begin(&s) < 0)
			_exit(2);
		for (unsigned l = 0; l < LINES; l++) {
			snprintf(line, sizeof(line), "<%u>\n", m * LINES + l);
			if (files_write(&s, line) < 0)
				_exit(3);
			shared->taken++;
		}
		if (sink_file.beside(s.ctx, "idx", "i", 1) < 0 || files_end(&s) < 0)
			_exit(4);
	}
	files_close(&s);
	_exit(0);
}

static void only_open(const char *name, const char *options)
{
	struct files s;
	int r = open_kill(&s, name, options);

	files_close(&s);
	_exit(r < 0 ? 1 : 0);
}

/* True when it was killed. */
static bool run_child(void (*run)(const char *, const char *), const char *name,
		      const char *options, int steps)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		steps_left = steps;
		run(name, options);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED);
	return WEXITSTATUS(status) == KILLED;
}

/* ---- what is there afterwards -------------------------------------------------------------- */

/* How often that line is in files that are finished. */
static unsigned count_line(const char *list, unsigned number)
{
	char *copy = strdup(list), *rest = copy, *name, line[32], text[4096];
	unsigned n = 0;

	snprintf(line, sizeof(line), "<%u>\n", number);
	while (*copy && (name = strsep(&rest, " "))) {
		size_t len = strlen(name);
		int fd;
		ssize_t got;

		if (len > 4 && !strcmp(name + len - 4, ".idx"))
			continue;
		fd = open(temp_name(name), O_RDONLY | O_CLOEXEC);
		got = read(fd, text, sizeof(text) - 1);
		close(fd);
		assert_true(got >= 0);
		text[got] = '\0';
		assert_true(!got || text[got - 1] == '\n');
		for (const char *p = text; (p = strstr(p, line)); p++)
			n++;
	}
	free(copy);
	return n;
}

static void expect_all(unsigned taken, unsigned from)
{
	char *list = strdup(files_list("k"));

	assert_null(strstr(list, ".part"));
	assert_null(strstr(files_list(".k"), ".tmp")); /* these are hidden until they are whole */
	for (unsigned i = from; i < taken; i++)
		assert_int_equal(count_line(list, i), 1);
	/* one more may be there whole that nobody was told of */
	assert_true(count_line(list, taken) <= 1);
	assert_int_equal(count_line(list, taken + 1), 0);
	free(list);
}

static void wipe(void)
{
	files_remove("k");
	files_remove(".k");
	shared->taken = 0;
}

/* Each file that was ever made is listed, or it could never be deleted. */
static void expect_all_deletable(const char *name)
{
	struct files s;

	assert_int_equal(open_kill(&s, name, "files=1"), 0);
	assert_int_equal(files_begin(&s), 0);
	assert_int_equal(files_write(&s, "last\n"), 0);
	assert_int_equal(files_end(&s), 0);
	files_close(&s);
	assert_null(strchr(files_list("k"), ' '));
}

static void kill_everywhere(const char *name, const char *options)
{
	bool killed = true;
	int n;

	for (n = 1; n < STEPS && killed; n++) {
		wipe();
		killed = run_child(write_media, name, options, n);
		assert_false(run_child(only_open, name, options, 0));
		expect_all(shared->taken, 0);
		expect_all_deletable(name);
	}
	assert_true(n > 30 && !killed);
}

static void a_killed_writer_loses_nothing(void **state)
{
	kill_everywhere("k.txt", "files=99");
}

static void a_killed_writer_of_one_name_loses_nothing(void **state)
{
	kill_everywhere("k-%Y.txt", "");
}

/* Where the writer was killed with something left to be done, and wherever recovery is then. */
static void a_killed_recovery_loses_nothing(void **state)
{
	bool written = false;

	for (int n = 2; n < STEPS && !written; n += 3) {
		bool killed = true;

		for (int m = 1; m < STEPS && killed; m++) {
			wipe();
			written = !run_child(write_media, "k.txt", "files=99", n);
			killed = run_child(only_open, "k.txt", "files=99", m);
			assert_false(run_child(only_open, "k.txt", "files=99", 0));
			expect_all(shared->taken, 0);
			expect_all_deletable("k.txt");
		}
		assert_false(killed);
	}
	assert_true(written);
}

/* What the limits delete is the oldest; they hold after a kill, too. */
static void limits_hold_after_a_kill(void **state)
{
	bool killed = true;

	for (int n = 1; n < STEPS && killed; n++) {
		struct files s;
		unsigned files = 0;

		wipe();
		killed = run_child(write_media, "k.txt", "files=2", n);
		assert_int_equal(open_kill(&s, "k.txt", "files=2"), 0);
		assert_int_equal(files_begin(&s), 0);
		for (const char *p = files_list("k"); (p = strstr(p, ".txt")); p++)
			files += strncmp(p, ".txt.idx", 8) != 0;
		assert_true(files <= 2);
		assert_int_equal(files_end(&s), 0);
		files_close(&s);
		if (shared->taken > LINES)
			expect_all(shared->taken, (shared->taken - 1) / LINES * LINES);
	}
	assert_false(killed);
}

/* In place: every line is in the file, or in one that was put aside. */
static void a_killed_writer_in_place_loses_nothing(void **state)
{
	bool killed = true;

	for (int n = 1; n < STEPS && killed; n++) {
		char *list;

		wipe();
		killed = run_child(write_media, "k.txt", "", n);
		if (shared->taken == 0)
			continue;
		recover_lines(AT_FDCWD, temp_name("k.txt"), NULL);
		list = strdup(files_list("k"));
		for (unsigned i = 0; i < shared->taken; i++)
			assert_int_equal(count_line(list, i), 1);
		free(list);
	}
	assert_false(killed);
}

static int set_up(void **state)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	assert_true(shared != MAP_FAILED);
	temp_folder();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_writer_loses_nothing),
		cmocka_unit_test(a_killed_writer_of_one_name_loses_nothing),
		cmocka_unit_test(a_killed_recovery_loses_nothing),
		cmocka_unit_test(limits_hold_after_a_kill),
		cmocka_unit_test(a_killed_writer_in_place_loses_nothing),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
