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
	HOOKS = 4,
	MYSQL_HOOKS = 5
};

/* A server of MySQL, if tests/support/mariadb_fetch.sh has fetched one. */
static const char *mysql_server(void)
{
	static char path[256];
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	snprintf(path, sizeof(path), "%s%s/penstock-mysql/sid/root/usr/sbin/mysqld",
		 cache  ? cache
		 : home ? home
			: "",
		 cache ? "" : "/.cache");
	return access(path, R_OK) ? NULL : path;
}

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

static void knows_mysql(void **state)
{
	const char *path = mysql_server();
	struct mysqld_params params;
	struct probe_plan plan;
	struct err err = {""};

	if (!path)
		skip();
	assert_int_equal(inspect(path, &plan, &err), 0);
	assert_int_equal(plan.n, MYSQL_HOOKS);
	memcpy(&params, plan.params, sizeof(params));
	assert_true(params.thread_id && params.query && params.db && params.security && params.da);
	assert_int_equal(params.thread_id_size, 4);
	assert_true(params.vio && params.sent_rows && params.server_status && params.command);
	assert_true(params.protocol && params.packet && params.packet_n && params.capabilities);
	assert_true(params.statement && params.executed);
	/* three strings, each behind the other */
	assert_true(params.user < params.host && params.host < params.ip);
	assert_int_equal(params.host - params.user, params.ip - params.host);
	assert_int_equal(params.user_n, params.user + 8);
	/* the text of a message of 512 bytes behind the status, then SQLSTATE, number and rows */
	assert_int_equal(params.da_message, params.da_status + 4);
	assert_true(params.da_message + 512 <= params.da_sqlstate);
	assert_true(params.da_sqlstate + 6 <= params.da_error);
	assert_true(params.da_error < params.da_affected);
	assert_int_equal(params.da_warnings, params.da_affected + 16);
	for (unsigned i = 0; i < plan.n; i++)
		assert_false(probe_mysqld.hooks[plan.v[i].hook].ret);
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

static void names_missing_of(const char *path, const char *const *symbols)
{
	FILE *f = fopen(path, "re");
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
	for (; *symbols; symbols++)
		inspect_without(data, (size_t)n, *symbols);
	free(data);
}

static void names_what_is_missing(void **state)
{
	static const char *const symbols[] = {"thd_query_string", "_ZN8Protocol13end_statementEv",
					      NULL};

	names_missing_of(server, symbols);
}

static void names_what_is_missing_of_mysql(void **state)
{
	static const char *const symbols[] = {"_ZN3THD21send_statement_statusEv",
					      "_Z16thd_query_unsafeP3THD", NULL};

	if (!mysql_server())
		skip();
	names_missing_of(mysql_server(), symbols);
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
		cmocka_unit_test(knows_mysql),
		cmocka_unit_test(names_what_is_missing),
		cmocka_unit_test(names_what_is_missing_of_mysql),
		cmocka_unit_test(decodes_statements),
		cmocka_unit_test(has_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
