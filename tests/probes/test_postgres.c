/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/layout.h"
#include "capture/probe.h"
#include "kern/postgres.h"
#include "probes/elf/file.h"
#include "tests/support/temp.h"

extern const struct probe_ops probe_postgres;

enum {
	HOOKS = 7
};

/* The server of this machine; NULL = there is none. */
static const char *server(void)
{
	static char path[256];
	glob_t found;

	if (!*path && !glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found)) {
		snprintf(path, sizeof(path), "%s", found.gl_pathv[found.gl_pathc - 1]);
		globfree(&found);
	}
	return *path ? path : NULL;
}

static int inspect(const char *path, struct probe_plan *plan, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct elf_file *elf;

	assert_true(fd >= 0);
	*plan = (struct probe_plan){0};
	assert_int_equal(elf_file_open(fd, path, &elf, err), 0);
	ret = probe_postgres.inspect(NULL, elf, plan, err);
	elf_file_close(elf);
	close(fd);
	return ret;
}

static void knows_servers(void **state)
{
	struct postgres_params params;
	struct probe_plan plan;
	struct err err = {""};
	uint64_t words[sizeof(params) / sizeof(uint64_t)];

	assert_int_equal(inspect("/bin/true", &plan, &err), 0);
	assert_int_equal(plan.n, 0);
	if (!server())
		skip();
	assert_int_equal(inspect(server(), &plan, &err), 0);
	assert_int_equal(plan.n, HOOKS);
	assert_int_equal(plan.params_len, sizeof(params));
	memcpy(words, plan.params, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_true(words[i]);
	for (unsigned i = 0; i < plan.n; i++) {
		assert_true(plan.v[i].offset);
		assert_false(probe_postgres.hooks[plan.v[i].hook].ret);
#if defined(__x86_64__)
		assert_non_null(strstr(plan.v[i].note, "cheap"));
#endif
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
	FILE *f = server() ? fopen(server(), "re") : NULL;
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
	inspect_without(data, (size_t)n, "pq_sendstring");
	inspect_without(data, (size_t)n, "MyProcPort");
	free(data);
}

static void decodes_statements(void **state)
{
	union {
		struct rec_query query;
		struct rec_query_end end;
		struct rec_query_bind bind;
		char room[1024];
	} r = {.query = {.rec = {.len = sizeof(r.query) + 12, .kind = REC_QUERY, .probe = 6},
			 .task = {.pid = 5},
			 .id = 6,
			 .system = QUERY_POSTGRES,
			 .side = QUERY_SERVER,
			 .command = QUERY_EXECUTE,
			 .params_format = QUERY_PARAMS_POSTGRES,
			 .text_len = 8,
			 .params_len = 4,
			 .name = "portal",
			 .session = {.conn = 7, .number = 8, .user = "u", .database = "d"}}};
	struct part part;

	memcpy(r.query.data, "\0\0\0\0select 1", 12);
	assert_int_equal(probe_postgres.decode(&r.query.rec, &part), 0);
	assert_int_equal(part.role, PART_BEGIN);
	assert_true(bytes_eq(part.text, BYTES("select 1")));
	assert_true(bytes_eq(part.ev.query.statement_name, BYTES("portal")));
	assert_true(bytes_eq(part.ev.query.user, BYTES("u")));
	assert_int_equal(part.ev.query.params.raw.n, 4);
	assert_string_equal(part.ev.query.command, "execute");
	r.query.text_len = 9;
	assert_int_equal(probe_postgres.decode(&r.query.rec, &part), -EBADMSG);

	memset(&r, 0, sizeof(r));
	r.bind.rec = (struct rec){.len = sizeof(r.bind) + 11, .kind = REC_QUERY_BIND};
	r.bind.conn = 7;
	r.bind.n = r.bind.total = 3;
	r.bind.types_n = 2;
	memcpy(r.bind.data, "\1\0\0\0\2\0\0\0abc", 11);
	assert_int_equal(probe_postgres.decode(&r.bind.rec, &part), 0);
	assert_true(bytes_eq(part.ev.query.params.raw, BYTES("abc")));
	assert_int_equal(part.ev.query.params.types.n, 8);
	assert_int_equal(part.ev.query.params.types.p[4], 2);
	r.bind.types_n = 3;
	assert_int_equal(probe_postgres.decode(&r.bind.rec, &part), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_servers),
		cmocka_unit_test(names_what_is_missing),
		cmocka_unit_test(decodes_statements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
