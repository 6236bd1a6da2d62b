/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <glob.h>
#if __has_include(<mariadb/mysql.h>)
#include <mariadb/mysql.h>
#endif
#include <string.h>
#include <unistd.h>

#include "capture/probe.h"
#include "kern/libmariadb.h"
#include "probes/elf/file.h"

extern const struct probe_ops probe_libmariadb;

static int inspect(const char *path, struct probe_plan *plan, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct elf_file *elf;

	assert_true(fd >= 0);
	*plan = (struct probe_plan){0};
	assert_int_equal(elf_file_open(fd, path, &elf, err), 0);
	ret = probe_libmariadb.inspect(NULL, elf, plan, err);
	elf_file_close(elf);
	close(fd);
	return ret;
}

static void knows_the_library(void **state)
{
	struct probe_plan plan;
	struct err err = {""};
	glob_t found;

	assert_int_equal(inspect("/bin/true", &plan, &err), 0);
	assert_int_equal(plan.n, 0);
	if (glob("/usr/lib/*/libmariadb.so.3", 0, NULL, &found))
		skip();
	assert_int_equal(inspect(found.gl_pathv[0], &plan, &err), 0);
	globfree(&found);
	assert_true(plan.n);
	for (unsigned i = 0; i < plan.n; i++) {
		assert_true(plan.v[i].offset);
		/* it would kill programs that use the non-blocking functions */
		assert_false(probe_libmariadb.hooks[plan.v[i].hook].ret);
	}
}

#if __has_include(<mariadb/mysql.h>)
#define SAME(name, type, field)                                                                    \
	_Static_assert((name) == offsetof(type, field), "ABI of the library")
SAME(MYSQL_FD, MYSQL, net.fd);
SAME(MYSQL_ERRNO, MYSQL, net.last_errno);
SAME(MYSQL_ERROR, MYSQL, net.last_error);
SAME(MYSQL_SQLSTATE, MYSQL, net.sqlstate);
SAME(MYSQL_USER, MYSQL, user);
SAME(MYSQL_DB, MYSQL, db);
SAME(MYSQL_AFFECTED_ROWS, MYSQL, affected_rows);
SAME(MYSQL_THREAD_ID, MYSQL, thread_id);
SAME(MYSQL_FIELD_COUNT, MYSQL, field_count);
SAME(MYSQL_WARNING_COUNT, MYSQL, warning_count);
SAME(STMT_MYSQL, MYSQL_STMT, mysql);
SAME(STMT_ID, MYSQL_STMT, stmt_id);
SAME(STMT_FIELD_COUNT, MYSQL_STMT, field_count);
SAME(STMT_PARAM_COUNT, MYSQL_STMT, param_count);
SAME(STMT_PARAMS, MYSQL_STMT, params);
SAME(STMT_ARRAY_SIZE, MYSQL_STMT, array_size);
SAME(MYSQL_SERVER_STATUS, MYSQL, server_status);
SAME(MYSQL_METHODS, MYSQL, methods);
SAME(METHODS_READ_RESULT, struct st_mariadb_methods, db_read_query_result);
SAME(BIND_LENGTH, MYSQL_BIND, length);
SAME(BIND_IS_NULL, MYSQL_BIND, is_null);
SAME(BIND_BUFFER, MYSQL_BIND, buffer);
SAME(BIND_BUFFER_LENGTH, MYSQL_BIND, buffer_length);
SAME(BIND_TYPE, MYSQL_BIND, buffer_type);
SAME(BIND_UNSIGNED, MYSQL_BIND, is_unsigned);
_Static_assert(BIND_SIZE == sizeof(MYSQL_BIND), "ABI of the library");
SAME(RES_ROW_COUNT, MYSQL_RES, row_count);
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
