/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/temp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
