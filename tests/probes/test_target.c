/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/discovery/target.h"
#include "tests/support/temp.h"

struct found {
	const char *path; /* looked for */
	struct target_mapping mapping;
	unsigned n, all;
	pid_t others; /* a process besides ours */
};

static int look(const struct target_mapping *m, void *arg)
{
	struct found *f = arg;

	assert_true(m->pid > 0 && m->lo < m->hi && m->ino && m->path[0] == '/');
	assert_null(strchr(m->path, '\n'));
	f->all++;
	if (m->pid != getpid())
		f->others = m->pid;
	if (strcmp(m->path, f->path))
		return 0;
	f->mapping = *m;
	f->mapping.path = f->path;
	f->n++;
	return 0;
}

/* A file of the test, mapped here; executable if asked. */
static void *map_file(const char *path, int prot)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *p;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, path, 10), 10);
	p = mmap(NULL, 4096, prot, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	close(fd);
	return p;
}

static void finds_executable_files_only(void **state)
{
	char code[PATH_MAX], data[PATH_MAX];
	struct found f = {.path = code}, g = {.path = data};
	void *p, *q;

	temp_path(code, "the target");
	temp_path(data, "other data");
	p = map_file(code, PROT_READ | PROT_EXEC);
	q = map_file(data, PROT_READ);
	assert_int_equal(target_scan_process(getpid(), look, &f), 0);
	assert_int_equal(target_scan_process(getpid(), look, &g), 0);
	assert_int_equal(f.n, 1);
	assert_int_equal(f.mapping.lo, (uintptr_t)p);
	assert_int_equal(f.mapping.hi, (uintptr_t)p + 4096);
	assert_int_equal(g.n, 0);
	assert_true(f.all > 1); /* this program and its libraries */
	munmap(p, 4096);
	munmap(q, 4096);
	unlink(code);
	unlink(data);
}

static void scans_every_process(void **state)
{
	struct found f = {.path = ""};
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	assert_int_equal(target_scan(look, &f), 0);
	assert_true(f.others > 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(target_scan_process(child, look, &f), 0);
}

static int refuse(const struct target_mapping *m, void *arg)
{
	++*(unsigned *)arg;
	return -ENOSPC;
}

static void stops_when_told(void **state)
{
	unsigned calls = 0;

	assert_int_equal(target_scan(refuse, &calls), -ENOSPC);
	assert_int_equal(calls, 1);
}

static void assert_opens(const struct target_mapping *m, ino_t ino)
{
	struct err err = {""};
	struct stat st;
	int fd = target_open(m, &err);

	if (fd < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, ino);
	close(fd);
}

/* By the path in our own root: what is left when the process has gone. */
static void opens_by_path_when_the_mapping_has_gone(void **state)
{
	char path[PATH_MAX], said[PATH_MAX + 80];
	struct found f = {.path = path};
	struct err err;
	void *p;

	temp_path(path, "the target");
	p = map_file(path, PROT_READ | PROT_EXEC);
	target_scan_process(getpid(), look, &f);
	munmap(p, 4096);
	assert_opens(&f.mapping, f.mapping.ino);
	f.mapping.pid = INT_MAX;
	assert_opens(&f.mapping, f.mapping.ino);
	/* Another file by the same name is not it. */
	f.mapping.ino++;
	assert_int_equal(target_open(&f.mapping, &err), -ENOENT);
	snprintf(said, sizeof(said), "cannot open '%s' of process 2147483647: No such file", path);
	assert_non_null(strstr(err.text, said));
	unlink(path);
}

static void opens_a_deleted_file(void **state)
{
	char path[PATH_MAX], deleted[PATH_MAX + 16];
	struct found f = {.path = deleted};
	struct stat st;
	int other;
	void *p;

	temp_path(path, "the target");
	p = map_file(path, PROT_READ | PROT_EXEC);
	assert_int_equal(stat(path, &st), 0);
	unlink(path);
	other = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	snprintf(deleted, sizeof(deleted), "%s (deleted)", path);
	target_scan_process(getpid(), look, &f);
	assert_int_equal(f.n, 1);
	if (geteuid()) { /* map_files asks for a capability */
		print_message("skipped: needs root\n");
		skip();
	}
	assert_opens(&f.mapping, st.st_ino);
	munmap(p, 4096);
	close(other);
	unlink(path);
}

/* No driver is to hear of us. */
static void refuses_devices(void **state)
{
	struct found f = {.path = "/dev/zero"};
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	struct err err = {""};

	assert_ptr_not_equal(p, MAP_FAILED);
	target_scan_process(getpid(), look, &f);
	assert_int_equal(f.n, 1);
	assert_true(target_open(&f.mapping, &err) < 0);
	if (!geteuid())
		assert_string_equal(err.text, "'/dev/zero' is no regular file");
	munmap(p, 4096);
	close(fd);
}

static void *filter_oneself(void *ready)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_fprog program = {1, &allow};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(1);
	close(*(int *)ready);
	pause();
	return NULL;
}

/* Filters belong to threads. */
static void sees_a_filter_of_any_thread(void **state)
{
	int ready[2];
	pid_t child;
	char c;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		pthread_create(&thread, NULL, filter_oneself, &ready[1]);
		pthread_join(thread, NULL);
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 0);
	close(ready[0]);
	assert_int_equal(target_filtered(child), 1);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(target_filtered(child), -ENOENT);
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	assert_int_equal(target_filtered(child), target_filtered(getpid()));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_executable_files_only),
		cmocka_unit_test(scans_every_process),
		cmocka_unit_test(stops_when_told),
		cmocka_unit_test(opens_by_path_when_the_mapping_has_gone),
		cmocka_unit_test(opens_a_deleted_file),
		cmocka_unit_test(refuses_devices),
		cmocka_unit_test(sees_a_filter_of_any_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
