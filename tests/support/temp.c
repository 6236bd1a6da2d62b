/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/temp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	NAMES = 4 /* that are valid at a time */
};

static char folder[PATH_MAX];
static pid_t owner; /* of the folder: a child that ends leaves it alone */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void remove_folder(void)
{
	if (getpid() == owner)
		nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *temp_folder(void)
{
	const char *below = getenv("TMPDIR");

	if (owner)
		return folder;
	snprintf(folder, sizeof(folder), "%s/penstock-test-XXXXXX", below ? below : "/tmp");
	assert_non_null(mkdtemp(folder));
	owner = getpid();
	assert_int_equal(atexit(remove_folder), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	return folder;
}

void temp_path(char *ret, const char *name)
{
	assert_in_range(snprintf(ret, PATH_MAX, "%s/%s", temp_folder(), name), 1, PATH_MAX - 1);
}

const char *temp_file(const char *name, const void *p, size_t n)
{
	static char path[PATH_MAX];
	FILE *f;

	temp_path(path, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	return path;
}

const char *temp_name(const char *name)
{
	static char paths[NAMES][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % NAMES];

	temp_path(path, name);
	return path;
}

void temp_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

void temp_expect(const char *path, const char *text)
{
	char got[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, got, sizeof(got) - 1);
	close(fd);
	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, text);
}
