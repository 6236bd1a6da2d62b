/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/layout.h"
#include "capture/probe.h"
#include "kern/mysqld.h"
#include "probes/elf/file.h"
#include "tests/support/temp.h"

extern const struct probe_ops probe_mysqld;

static const char server[] = "/usr/sbin/mariadbd"; /* of this machine, if it has one */

enum {
	HOOKS = 4
};

static int inspect(const char *path, struct probe_plan *plan, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct elf_file *elf;

	assert_true(fd >= 0);
	*plan = (struct probe_plan){0};
	assert_int_equal(elf_file_open(fd, path, &elf, err), 0);
	ret = probe_mysqld.inspect(NULL, elf, plan, err);
	elf_file_close(elf);
	close(fd);
	return ret;
}

static void knows_servers(void **state)
{
	struct mysqld_params params;
	struct probe_plan plan;
	struct err err = {""};

	assert_int_equal(inspect("/bin/true", &plan, &err), 0);
	assert_int_equal(plan.n, 0);
	if (access(server, R_OK))
		skip();
	assert_int_equal(inspect(server, &plan, &err), 0);
	assert_int_equal(plan.n, HOOKS);
	assert_int_equal(plan.params_len, sizeof(params));
	memcpy(&params, plan.params, sizeof(params));
	assert_true(params.thread_id && params.query && params.db && params.security && params.da);
	assert_true(params.vio && params.sent_rows && params.server_status && params.protocol_thd);
	/* a pointer to the text and its length lie before the database */
	assert_true(params.query + 2 * sizeof(void *) <= params.db);
	assert_int_equal(params.user, params.host + sizeof(void *));
	assert_int_equal(params.ip, params.user + sizeof(void *));
	assert_true(params.da_error < params.da_message && params.da_message < params.da_status);
	for (unsigned i = 0; i < plan.n; i++) {
		assert_true(plan.v[i].offset);
		assert_false(probe_mysqld.hooks[plan.v[i].hook].ret);
	}
}

/* The file without one symbol, whose name is changed wherever it is. */
static void inspect_without(const char *data, size_t n, const char *symbol)
{
	size_t len = strlen(symbol) + 1;
	char *copy = malloc(n), *at = copy;
	struct probe_plan plan;
	struct err err = {""};

	assert_non_null(copy);
	memcpy(copy, data, n);
	while ((at = memmem(at, n - (size_t)(at - copy), symbol, len)))
		*at = '?';
	assert_int_equal(inspect(temp_file("lacking", copy, n), &plan, &err), -EOPNOTSUPP);
	free(copy);
	assert_non_null(strstr(err.text, symbol));
	assert_non_null(strstr(err.text, "lacking"));
}

static void names_what_is_missing(void **state)
{
	FILE *f = fopen(server, "re");
	char *data;
	long n;

	if (!f)
		skip();
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	n = ftell(f);
	rewind(f);
	data = malloc((size_t)n);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, (size_t)n, f), n);
	fclose(f);
	inspect_without(data, (size_t)n, "thd_query_string");
	inspect_without(data, (size_t)n, "_ZN8Protocol13end_statementEv");
	free(data);
}

static void decodes_statements(void **state)
{
	struct {
		struct rec_query rec;
		char data[8];
	} whole = {0};
	struct rec *rec = &whole.rec.rec;
	struct part part;

	rec->kind = REC_QUERY;
	rec->probe = probe_number(&probe_mysqld);
	rec->len = sizeof(whole.rec) - 1;
	assert_int_equal(probe_mysqld.decode(rec, &part), -EMSGSIZE);
	rec->len = sizeof(whole.rec) + 8;
	whole.rec.system = QUERY_MYSQL;
	whole.rec.side = QUERY_SERVER;
	whole.rec.command = QUERY_TEXT;
	whole.rec.text_len = 8;
	whole.rec.text_total = 8;
	memcpy(whole.data, "select 1", 8);
	assert_int_equal(probe_mysqld.decode(rec, &part), 0);
	whole.rec.text_len = 9;
	assert_int_not_equal(probe_mysqld.decode(rec, &part), 0);
}

static void has_names(void **state)
{
	assert_int_equal(probe_number(&probe_mysqld), 5);
	assert_ptr_equal(probe_by_name("mysql"), &probe_mysqld);
	assert_ptr_equal(probe_by_name("mariadb"), &probe_mysqld);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_servers),
		cmocka_unit_test(names_what_is_missing),
		cmocka_unit_test(decodes_statements),
		cmocka_unit_test(has_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
