/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements by every way that the library has: libmariadb_calls PORT MARK. Its exit status tells
 * which call failed. */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	mysql_close(m);
	return 0;
}
