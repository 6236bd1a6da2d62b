/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements by every way that the library has: libmariadb_calls PORT MARK. Its exit status tells
 * which call failed. */
#include <mysql.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int execute_types(MYSQL *m)
{
	long long low = -9000000000000000000;
	unsigned long long high = -1ull;
	char text[] = "text", tiny = -128, null = 1;
	unsigned long len = 4;
	MYSQL_BIND b[5] = {
		{.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &low},
		{.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &high, .is_unsigned = 1},
		{.buffer_type = MYSQL_TYPE_STRING, .buffer = text, .length = &len},
		{.buffer_type = MYSQL_TYPE_LONG, .is_null = &null},
		{.buffer_type = MYSQL_TYPE_TINY, .buffer = &tiny},
	};
	MYSQL_STMT *s = mysql_stmt_init(m);

	if (mysql_stmt_prepare(s, "select ?, ?, ?, ?, ?", -1) || mysql_stmt_bind_param(s, b) ||
	    mysql_stmt_execute(s) || mysql_stmt_store_result(s) || mysql_stmt_num_rows(s) != 1)
		return 1;
	return mysql_stmt_close(s);
}

static int call_procedure(MYSQL *m)
{
	if (mysql_query(m, "call shop.p()"))
		return 1;
	do {
		mysql_free_result(mysql_store_result(m));
	} while (!mysql_next_result(m));
	return 0;
}

static int wait_and_change(MYSQL *m)
{
	/* nothing is called after it for a while */
	if (mysql_query(m, "do sleep(0.01)"))
		return 1;
	poll(NULL, 0, 200);
	return mysql_change_user(m, "v", "wordpass", "mysql");
}

int main(int argc, char **argv)
{
	MYSQL *m = mysql_init(NULL);
	char q[256];
	MYSQL_STMT *s;
	MYSQL_RES *r;
	int v = 3;
	char *big;
	MYSQL_BIND b = {.buffer_type = MYSQL_TYPE_LONG, .buffer = &v};
	if (!mysql_real_connect(m, "127.0.0.1", "u", "pw", "shop",
				(unsigned)strtoul(argv[1], NULL, 10), NULL, 0))
		return fprintf(stderr, "%s\n", mysql_error(m)), 1;
	s = mysql_stmt_init(m);
	snprintf(q, sizeof(q), "insert into t values(?) /* %s-prepared */", argv[2]);
	if (mysql_stmt_prepare(s, q, strlen(q)))
		return 2;
	if (mysql_stmt_param_count(s) != 1)
		return 3;
	mysql_stmt_bind_param(s, &b);
	for (v = 100; v < 103; v++) {
		if (mysql_stmt_execute(s))
			return 4;
		mysql_stmt_affected_rows(s);
	}
	v = 100;
	if (!mysql_stmt_execute(s))
		return 5;
	fprintf(stderr, "%s\n", mysql_stmt_error(s));
	mysql_stmt_close(s);
	snprintf(q, sizeof(q), "select * from t where '%s-use' <> ''", argv[2]);
	if (mysql_query(m, q))
		return 6;
	r = mysql_use_result(m);
	while (mysql_fetch_row(r))
		;
	mysql_free_result(r);
	snprintf(q, sizeof(q), "select '%s-sent'", argv[2]);
	mysql_send_query(m, q, strlen(q));
	mysql_read_query_result(m);
	r = mysql_store_result(m);
	mysql_num_fields(r);
	mysql_free_result(r);
	if (mysql_select_db(m, "mysql") || mysql_errno(m))
		return 7;
	if (!mysql_select_db(m, "nosuchdb"))
		return 8;
	mysql_error(m);
	big = malloc(1 << 20);
	memset(big, 'x', 1 << 20);
	memcpy(big, "select '", 8);
	big[(1 << 20) - 1] = '\'';
	if (mysql_real_query(m, big, 1 << 20))
		return 9;
	mysql_free_result(mysql_store_result(m));
	if (execute_types(m) || call_procedure(m) || wait_and_change(m))
		return 10;
	mysql_close(m);
	return 0;
}
