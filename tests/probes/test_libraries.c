/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "probes/discovery/libraries.h"
#include "tests/support/temp.h"

enum {
	FRONT_MAX = 1000
};

struct found {
	unsigned n;
	int answer;
	char path[64];
};

static int look(const char *path, void *arg)
{
	struct found *f = arg;

	f->n++;
	snprintf(f->path, sizeof(f->path), "%s", path);
	return f->answer;
}

static const struct {
	char magic[20];
	uint32_t entries, strings_len, other[5];
	struct {
		uint32_t flags, name, path, os_version;
		uint64_t hardware;
	} entry[3];
	char one[10], one_path[30], two[10], two_path[16];
} cache = {
	.magic = {"glibc-ld.so.cache1.1"},
	.entries = 3,
	.entry = {{0, 120, 130, 0, 0}, {0, 160, 170, 0, 0}, {0, 120, 0xffffff, 0, 0}},
	.one = "libone.so",
	.one_path = "/lib/libone.so.1",
	.two = "libtwo.so",
	.two_path = "/lib/libtwo.so",
};

/* The file, with `before` bytes in front and only n bytes of the cache. */
static const char *written(size_t before, size_t n)
{
	char whole[FRONT_MAX + sizeof(cache)];

	assert_true(before <= FRONT_MAX);
	memset(whole, 'x', before);
	memcpy(whole + before, &cache, n);
	return temp_file("cache", whole, before + n);
}

static void finds_by_the_beginning_of_the_name(void **state)
{
	struct found f = {0};
	const char *path = written(0, sizeof(cache));

	assert_int_equal(libraries_find(path, "libone.", look, &f), 0);
	assert_int_equal(f.n, 1);
	assert_string_equal(f.path, "/lib/libone.so.1");
	assert_int_equal(libraries_find(path, "lib", look, &f), 0);
	assert_int_equal(libraries_find(path, "libthree", look, &f), 0);
	assert_int_equal(f.n, 3);
	f.answer = -EINTR;
	assert_int_equal(libraries_find(path, "lib", look, &f), -EINTR);
	assert_int_equal(f.n, 4);
}

static void finds_behind_an_older_cache(void **state)
{
	struct found f = {0};
	const char *path = written(FRONT_MAX, sizeof(cache));

	assert_int_equal(libraries_find(path, "libtwo", look, &f), 0);
	assert_string_equal(f.path, "/lib/libtwo.so");
}

static void stays_inside_a_cut_cache(void **state)
{
	struct found f = {0};

	for (size_t n = 0; n < sizeof(cache); n++) {
		const char *path = written(0, n);

		f.n = 0;
		assert_int_equal(libraries_find(path, "lib", look, &f), 0);
		assert_true(f.n < 3);
	}
	assert_int_equal(libraries_find("/nonexistent", "lib", look, &f), 0);
	assert_int_equal(libraries_find("/dev/zero", "lib", look, &f), 0);
}

static void finds_what_this_machine_has(void **state)
{
	struct found f = {0};

	if (access(LIBRARIES_CACHE, R_OK))
		skip();
	assert_int_equal(libraries_find(LIBRARIES_CACHE, "libc.so.", look, &f), 0);
	assert_true(f.n > 0);
	assert_int_equal(access(f.path, R_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_the_beginning_of_the_name),
		cmocka_unit_test(finds_behind_an_older_cache),
		cmocka_unit_test(stays_inside_a_cut_cache),
		cmocka_unit_test(finds_what_this_machine_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
