/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "capture/probe.h"
#include "kern/libpq.h"
#include "probes/elf/file.h"

extern const struct probe_ops probe_libpq;

static int inspect(const char *path, struct probe_plan *plan, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct elf_file *elf;

	assert_true(fd >= 0);
	*plan = (struct probe_plan){0};
	assert_int_equal(elf_file_open(fd, path, &elf, err), 0);
	ret = probe_libpq.inspect(NULL, elf, plan, err);
	elf_file_close(elf);
	close(fd);
	return ret;
}

static void knows_the_library(void **state)
{
	struct libpq_params params;
	struct probe_plan plan;
	struct err err = {""};
	glob_t found;

	assert_int_equal(inspect("/bin/true", &plan, &err), 0);
	assert_int_equal(plan.n, 0);
#if !defined(__x86_64__)
	skip();
#endif
	if (glob("/usr/lib/*/libpq.so.5", 0, NULL, &found))
		skip();
	assert_int_equal(inspect(found.gl_pathv[0], &plan, &err), 0);
	globfree(&found);
	assert_true(plan.n);
	for (unsigned i = 0; i < plan.n; i++) {
		assert_true(plan.v[i].offset);
		/* programs leave the library on other stacks */
		assert_false(probe_libpq.hooks[plan.v[i].hook].ret);
	}
	assert_int_equal(plan.params_len, sizeof(params));
	memcpy(&params, plan.params, sizeof(params));
	/* in all versions */
	assert_int_equal(params.tuples, 0);
	assert_int_equal(params.command_status, params.result_status + 4);
	assert_int_equal(params.fields, params.message + 8);
	assert_int_equal(params.user, params.database + 16);
	assert_true(params.status > params.user);
	assert_true(params.socket > params.status);
	assert_true(params.backend_pid > params.socket);
	assert_true(params.pipeline > params.status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
