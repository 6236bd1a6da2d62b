/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of the protocol that the client program of MariaDB does not send: prepared statements
 * with values, also in bulk, several statements in one text, any bytes, another database, another
 * user. Usage: mysqld_calls PORT NONCE [mysql]; ends with 0 when each went as it should. MySQL has
 * no bulk. */
#include <mysql.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MYSQL *connection;
static int failures;

static void expect(const char *what, unsigned got, unsigned want)
{
	if (got == want)
		return;
	fprintf(stderr, "%s: %u (%s), not %u\n", what, got, mysql_error(connection), want);
	failures++;
}

static void query(const char *text, size_t n, unsigned error)
{
	int ret = mysql_real_query(connection, text, n);

	for (; !ret; ret = mysql_next_result(connection))
		mysql_free_result(mysql_store_result(connection));
	expect(text, mysql_errno(connection), error);
}

static MYSQL_STMT *prepare(const char *text, unsigned error)
{
	MYSQL_STMT *stmt = mysql_stmt_init(connection);

	mysql_stmt_prepare(stmt, text, strlen(text));
	expect(text, mysql_stmt_errno(stmt), error);
	return stmt;
}

static void execute(MYSQL_STMT *stmt, unsigned error)
{
	mysql_stmt_execute(stmt);
	expect(mysql_stmt_error(stmt), mysql_stmt_errno(stmt), error);
	if (mysql_stmt_field_count(stmt))
		mysql_stmt_store_result(stmt);
	while (!mysql_stmt_next_result(stmt))
		;
	mysql_stmt_free_result(stmt);
}

/* Values of several types; twice with types, once without; one that there is already. */
static void values(const char *nonce)
{
	int number = 7;
	double part = 2.5;
	char name[64], null = 1;
	MYSQL_BIND bind[3] = {
		{.buffer_type = MYSQL_TYPE_LONG, .buffer = &number},
		{.buffer_type = MYSQL_TYPE_DOUBLE, .buffer = &part},
		{.buffer_type = MYSQL_TYPE_STRING, .buffer = name},
	};
	MYSQL_STMT *stmt = prepare("insert into t values (?, ?, ?)", 0);

	snprintf(name, sizeof(name), "it's %s", nonce);
	bind[2].buffer_length = strlen(name);
	mysql_stmt_bind_param(stmt, bind);
	execute(stmt, 0);
	number = 8;
	execute(stmt, 0);
	execute(stmt, 1062);
	number = 9;
	bind[1].is_null = &null;
	mysql_stmt_bind_param(stmt, bind);
	execute(stmt, 0);
	query("alter table t add other int", 27, 0);
	number = 10;
	execute(stmt, 1136);
	query("alter table t drop other", 24, 0);
	execute(stmt, 0);
	mysql_stmt_close(stmt);
}

static void bulk(void)
{
	int numbers[] = {20, 21, 22};
	unsigned n = 3;
	MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_LONG, .buffer = numbers};
	MYSQL_STMT *stmt = prepare("insert into t(i) values (?)", 0);

	mysql_stmt_attr_set(stmt, STMT_ATTR_ARRAY_SIZE, &n);
	mysql_stmt_bind_param(stmt, &bind);
	execute(stmt, 0);
	mysql_stmt_close(stmt);
}

/* A value that comes in pieces, before the execution. */
static void pieces(void)
{
	MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_STRING};
	MYSQL_STMT *stmt = prepare("select length(?)", 0);

	mysql_stmt_bind_param(stmt, &bind);
	mysql_stmt_send_long_data(stmt, 0, "one,", 4);
	mysql_stmt_send_long_data(stmt, 0, "two", 3);
	execute(stmt, 0);
	execute(stmt, 0);
	mysql_stmt_close(stmt);
}

int main(int argc, char **argv)
{
	static const char several[] = "update t set d = 1; select i from t; select 'a;b'";
	static const char fails[] = "select 1; select nosuch; select 2";
	static const char odd[] = "select '\0\xff\xfe\xc3'";
	char password[64];
	MYSQL_STMT *stmt;

	if (argc < 3)
		return 2;
	snprintf(password, sizeof(password), "secret2-%s", argv[2]);
	connection = mysql_init(NULL);
	if (!mysql_real_connect(connection, "127.0.0.1", "u", "pw", "shop",
				(unsigned)strtoul(argv[1], NULL, 10), NULL,
				CLIENT_MULTI_STATEMENTS)) {
		fprintf(stderr, "%s\n", mysql_error(connection));
		return 1;
	}
	query("create table t(i int primary key, d double, s varchar(99))", 58, 0);
	values(argv[2]);
	if (argc == 3)
		bulk();
	pieces();
	mysql_ping(connection);
	expect("statistics", !mysql_stat(connection), 0);
	query(several, sizeof(several) - 1, 0);
	query(fails, sizeof(fails) - 1, 1054);
	query(odd, sizeof(odd) - 1, 0);
	prepare("selec ?", 1064);
	stmt = prepare("call p(?)", 0);
	mysql_stmt_bind_param(stmt,
			      &(MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONG, .buffer = &(int){3}});
	execute(stmt, 0);
	mysql_ping(connection);
	expect("other database", (mysql_select_db(connection, "mysql"), mysql_errno(connection)),
	       0);
	query("select database()", 17, 0);
	expect("no database", (mysql_select_db(connection, "nosuchdb"), mysql_errno(connection)),
	       1049);
	query("use shop", 8, 0);
	query("select database()", 17, 0);
	expect("other user",
	       (mysql_change_user(connection, "u2", password, "mysql"), mysql_errno(connection)),
	       0);
	query("select user()", 13, 0);
	expect("no user",
	       (mysql_change_user(connection, "u2", "wrong", "mysql"), mysql_errno(connection)),
	       1045);
	mysql_close(connection);
	return failures != 0;
}
