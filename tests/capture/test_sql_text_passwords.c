/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords in statements: what is masked of them to the byte, and which places for values are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/sql_text.h"

enum {
	LIST = 128
};

struct row {
	const char *text, *want; /* NULL = nothing is masked */
};

static void mask(size_t from, size_t to, void *text)
{
	assert_true(from < to);
	for (; from < to; from++)
		((char *)text)[from] = '*';
}

static void expect_rows(enum sql_dialect dialect, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct bytes in = bytes_of(rows[i].text);
		char text[512];

		assert_true(in.n < sizeof(text));
		memcpy(text, in.p, in.n + 1);
		sql_text_passwords(in, dialect, mask, text);
		assert_string_equal(text, rows[i].want ? rows[i].want : rows[i].text);
	}
}

static const struct row rows_of_mysql[] = {
	{"CREATE USER 'u'@'h' IDENTIFIED BY 'pw' COMMENT 'c'",
	 "CREATE USER 'u'@'h' IDENTIFIED BY '**' COMMENT 'c'"},
	{"ALTER USER u IDENTIFIED WITH caching_sha2_password BY 'pw' REPLACE 'old' RETAIN "
	 "CURRENT PASSWORD",
	 "ALTER USER u IDENTIFIED WITH caching_sha2_password BY '**' REPLACE '***' RETAIN "
	 "CURRENT PASSWORD"},
	{"ALTER USER u IDENTIFIED WITH mysql_native_password AS '*6BB4837EB'",
	 "ALTER USER u IDENTIFIED WITH mysql_native_password AS '**********'"},
	{"ALTER USER u IDENTIFIED VIA ed25519 USING PASSWORD('pw') OR unix_socket",
	 "ALTER USER u IDENTIFIED VIA ed25519 USING PASSWORD('**') OR unix_socket"},
	{"ALTER USER u IDENTIFIED VIA mysql_native_password USING '*6BB' OR pam USING "
	 "'mariadb'",
	 "ALTER USER u IDENTIFIED VIA mysql_native_password USING '****' OR pam USING "
	 "'*******'"},
	{"GRANT ALL ON *.* TO u@h IDENTIFIED BY 'pw' WITH GRANT OPTION",
	 "GRANT ALL ON *.* TO u@h IDENTIFIED BY '**' WITH GRANT OPTION"},
	{"GRANT ALL ON *.* TO u IDENTIFIED BY PASSWORD '*6BB'",
	 "GRANT ALL ON *.* TO u IDENTIFIED BY PASSWORD '****'"},
	{"SET PASSWORD FOR 'u'@'h' = PASSWORD('pw')", "SET PASSWORD FOR 'u'@'h' = PASSWORD('**')"},
	{"SET PASSWORD = 'pw' REPLACE 'old' RETAIN CURRENT PASSWORD",
	 "SET PASSWORD = '**' REPLACE '***' RETAIN CURRENT PASSWORD"},
	{"SET PASSWORD = ?", NULL},
	{"SET PASSWORD FOR u TO RANDOM", NULL},
	{"set/**/password/* x */for u=/*y*/'pw'", "set/**/password/* x */for u=/*y*/'**'"},
	{"set\tpassword", NULL},
	{"CREATE USER u IDENTIFIED /*!80000 WITH 'p' */ BY /*!50700 'pw' */ COMMENT 'c'",
	 "CREATE USER u IDENTIFIED /*!80000 WITH 'p' */ BY /*!50700 '**' */ COMMENT 'c'"},
	{"CREATE USER u /*!80000 IDENTIFIED BY */ 'pw'",
	 "CREATE USER u /*!80000 IDENTIFIED BY */ '**'"},
	{"CREATE USER u IDENTIFIED BY 0x7077", "CREATE USER u IDENTIFIED BY ******"},
	{"CREATE USER u IDENTIFIED BY x'7077'", "CREATE USER u IDENTIFIED BY x'****'"},
	{"CREATE USER u IDENTIFIED BY _utf8mb4'pw'", "CREATE USER u IDENTIFIED BY _utf8mb4'**'"},
	{"CREATE USER u IDENTIFIED BY \"p'w\", v IDENTIFIED BY 'p\"w'",
	 "CREATE USER u IDENTIFIED BY \"***\", v IDENTIFIED BY '***'"},
	{"CREATE USER u IDENTIFIED BY 'p''w'", "CREATE USER u IDENTIFIED BY '*''*'"},
	{"CREATE USER u IDENTIFIED BY 'never clo", "CREATE USER u IDENTIFIED BY '*********"},
	{"CHANGE MASTER TO MASTER_HOST='h', MASTER_USER='u', MASTER_PASSWORD='pw', "
	 "MASTER_PORT=3306",
	 "CHANGE MASTER TO MASTER_HOST='h', MASTER_USER='u', MASTER_PASSWORD='**', "
	 "MASTER_PORT=3306"},
	{"CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = 'pw', SOURCE_USER='u'",
	 "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = '**', SOURCE_USER='u'"},
	{"START REPLICA USER='u' PASSWORD='pw' DEFAULT_AUTH='x'",
	 "START REPLICA USER='u' PASSWORD='**' DEFAULT_AUTH='x'"},
	{"START GROUP_REPLICATION USER='u', PASSWORD='pw'",
	 "START GROUP_REPLICATION USER='u', PASSWORD='**'"},
	{"CLONE INSTANCE FROM 'u'@'h':3306 IDENTIFIED BY 'pw'",
	 "CLONE INSTANCE FROM 'u'@'h':3306 IDENTIFIED BY '**'"},
	{"CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (USER 'u', PASSWORD 'pw', "
	 "HOST 'h')",
	 "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (USER 'u', PASSWORD '**', "
	 "HOST 'h')"},
	{"PREPARE s FROM 'ALTER USER u IDENTIFIED BY ''pw'' COMMENT ''c'''",
	 "PREPARE s FROM 'ALTER USER u IDENTIFIED BY ''**'' COMMENT ''c'''"},
	{"PREPARE s FROM \"ALTER USER u IDENTIFIED BY 'pw' ACCOUNT LOCK\"",
	 "PREPARE s FROM \"ALTER USER u IDENTIFIED BY '**' ACCOUNT LOCK\""},
	{"EXECUTE IMMEDIATE 'SET PASSWORD = \\'p w\\''",
	 "EXECUTE IMMEDIATE 'SET PASSWORD = *'***\\''"},
	{"EXECUTE IMMEDIATE CONCAT('ALTER USER u IDENTIFIED BY ', QUOTE('pw'))",
	 "EXECUTE IMMEDIATE CONCAT('ALTER USER u IDENTIFIED BY ', QUOTE('**'))"},
	{"SET @password = 'pw', @other = 'x'", "SET @password = '**', @other = 'x'"},
	{"SET @s = CONCAT(\"CREATE USER u IDENTIFIED BY '\", 'pw', \"'\")",
	 "SET @s = CONCAT(\"CREATE USER u IDENTIFIED BY '\", '**', \"'\")"},
	{"SELECT 1 FROM users WHERE name = ? AND password = ?", NULL},
	{"SELECT 1 FROM users WHERE password = SHA2(CONCAT('salt', ?), 256) AND name = 'x'",
	 "SELECT 1 FROM users WHERE password = SHA2(CONCAT('****', ?), 256) AND name = "
	 "'x'"},
	{"SELECT 1 FROM users WHERE password IN (?, ?) OR password LIKE 'x%'",
	 "SELECT 1 FROM users WHERE password IN (?, ?) OR password LIKE '**'"},
	{"INSERT INTO users(name, password) VALUES (?, ?), ('b', 'pw'), ('c', sha2('pw', "
	 "256)) ON DUPLICATE KEY UPDATE name = 'x'",
	 "INSERT INTO users(name, password) VALUES (?, ?), ('b', '**'), ('c', sha2('**', "
	 "256)) ON DUPLICATE KEY UPDATE name = 'x'"},
	{"INSERT INTO users(name, `password`, age) SELECT 'n', 'pw', 5 FROM dual WHERE a = "
	 "'x'",
	 "INSERT INTO users(name, `password`, age) SELECT 'n', '**', 5 FROM dual WHERE a = "
	 "'x'"},
	{"REPLACE users (password_hash, name) VALUES (PASSWORD(?), ?)", NULL},
	{"UPDATE users SET password_hash = ?, name = ? WHERE id = ?", NULL},
	{"UPDATE mysql.user SET authentication_string = 'x' WHERE user = 'y'",
	 "UPDATE mysql.user SET authentication_string = '*' WHERE user = 'y'"},
	{"SELECT AES_ENCRYPT('data', 'key'), AES_DECRYPT(x, ?), REPLACE('a', 'b', 'c')",
	 "SELECT AES_ENCRYPT('data', '***'), AES_DECRYPT(x, ?), REPLACE('a', 'b', 'c')"},
	{"SELECT PASSWORD(?), OLD_PASSWORD('x')", "SELECT PASSWORD(?), OLD_PASSWORD('*')"},
	{"SELECT 'a' FROM passwords WHERE kind = 'x' AND identified = 'y'", NULL},
	{"CREATE USER u IDENTIFIED BY 'a\\', v IDENTIFIED BY 'pw'",
	 "CREATE USER u IDENTIFIED BY '*********************'**'"},
	{"SELECT '\xbf\\', 'b'; ALTER USER u IDENTIFIED BY 'pw'",
	 "SELECT '\xbf\\', 'b'; ALTER USER u IDENTIFIED BY '**'"},
	{"/* ALTER USER u IDENTIFIED BY 'pw' */ SELECT 1",
	 "/* ALTER USER u IDENTIFIED BY '**' */ SELECT 1"},
	{"SELECT 1 -- password='pw'", "SELECT 1 -- password='**'"},
	{"ALTER USER u PASSWORD EXPIRE INTERVAL 90 DAY COMMENT 'c'", NULL},
	{"CREATE TABLE f (a int) ENGINE=FEDERATED CONNECTION='mysql://u:pw@h:3306/d/t'",
	 "CREATE TABLE f (a int) ENGINE=FEDERATED CONNECTION='mysql://u:**@h:3306/d/t'"},
	{"INSERT INTO posts(title, body) VALUES ('my password', 'the text')", NULL},
	{"SET PASSWORD = PASSWORD(CONCAT('a', 'b'))", "SET PASSWORD = PASSWORD(CONCAT('*', '*'))"},
	{"SET PASSWORD FOR CURRENT_USER() = 'pw'", "SET PASSWORD FOR CURRENT_USER() = '**'"},
	{"UPDATE u SET password = 'pw', name = 'n', a = REPLACE('x', 'y', 'z') WHERE id = "
	 "'i'",
	 "UPDATE u SET password = '**', name = 'n', a = REPLACE('x', 'y', 'z') WHERE id = "
	 "'i'"},
	{"SELECT COUNT(password), 'x' FROM t WHERE LOWER(password) = 'pw' AND x = 'y'",
	 "SELECT COUNT(password), 'x' FROM t WHERE LOWER(password) = '**' AND x = 'y'"},
	{"CREATE USER 'u'@'h' IDENTIFIED BY 'pw', v identified by \"it''s\" REPLACE 'o' "
	 "COMMENT 'c'",
	 "CREATE USER 'u'@'h' IDENTIFIED BY '**', v identified by \"*****\" REPLACE '*' "
	 "COMMENT 'c'"},
	{"IDENTIFIED BY 'it''s'' , 'x'", "IDENTIFIED BY '**''*''***'x'"},
	{"identified WITH 'plugin' AS 0x2443 password expire interval 90 day",
	 "identified WITH 'plugin' AS ****** password expire interval 90 day"},
	{"identified via ed25519 using password('x') or unix_socket",
	 "identified via ed25519 using password('*') or unix_socket"},
	{"set password for 'u'@'h' = 'x'; set password := PASSWORD('y'); select 'z', n='q'",
	 "set password for 'u'@'h' = '*'; set password := PASSWORD('*'); select 'z', "
	 "n='q'"},
	{"change master to master_host='h', MASTER_PASSWORD = 'x', MASTER_PORT=3",
	 "change master to master_host='h', MASTER_PASSWORD = '*', MASTER_PORT=3"},
	{"identified by password '*AB' /* 'x' */", "identified by password '***' /* 'x' */"},
	{"identified by 'not closed", "identified by '**********"},
	{"identified by '", NULL},
	{"connection='mysql://u:p@w@h:3306/d' comment='http://h/a:b@c'",
	 "connection='mysql://u:***@h:3306/d' comment='http://h/a:b@c'"},
	{"select 'a' from passwords where id = 'x' and identified = 'y'", NULL},
	{"select replace('by', 'a', 'b')", NULL},
};

static void passwords_of_mysql(void **state)
{
	expect_rows(SQL_MYSQL, rows_of_mysql, sizeof(rows_of_mysql) / sizeof(rows_of_mysql[0]));
}

static const struct row rows_of_postgres[] = {
	{"ALTER ROLE r ENCRYPTED PASSWORD 'pw' VALID UNTIL '2030-01-01'",
	 "ALTER ROLE r ENCRYPTED PASSWORD '**' VALID UNTIL '2030-01-01'"},
	{"CREATE USER u WITH LOGIN PASSWORD $$pw$$ IN ROLE x",
	 "CREATE USER u WITH LOGIN PASSWORD $$**$$ IN ROLE x"},
	{"ALTER ROLE r PASSWORD E'p\\'w' CONNECTION LIMIT 5",
	 "ALTER ROLE r PASSWORD E'****'*******************"},
	{"ALTER ROLE r PASSWORD U&'\\0070w' UESCAPE '\\'",
	 "ALTER ROLE r PASSWORD U&'******' UESCAPE '\\'"},
	{"ALTER ROLE r PASSWORD $tag$p'w$tag$; SELECT 'x'",
	 "ALTER ROLE r PASSWORD $tag$***$tag$; SELECT 'x'"},
	{"ALTER ROLE r PASSWORD NULL; SELECT 'x'", NULL},
	{"ALTER ROLE r PASSWORD 'p\\'w' -- standard_conforming_strings=off",
	 "ALTER ROLE r PASSWORD '****'***********************************"},
	{"ALTER ROLE r PASSWORD 'never clo", "ALTER ROLE r PASSWORD '*********"},
	{"ALTER ROLE r PASSWORD $x$never clo$", "ALTER ROLE r PASSWORD $x$**********"},
	{"CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password 'pw')",
	 "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password '**')"},
	{"ALTER USER MAPPING FOR u SERVER s OPTIONS (SET password 'pw', ADD x 'y')",
	 "ALTER USER MAPPING FOR u SERVER s OPTIONS (SET password '**', ADD x 'y')"},
	{"CREATE SUBSCRIPTION s CONNECTION 'host=h user=u password=pw dbname=d' "
	 "PUBLICATION p",
	 "CREATE SUBSCRIPTION s CONNECTION 'host=h user=u password=** dbname=d' "
	 "PUBLICATION p"},
	{"ALTER SUBSCRIPTION s CONNECTION 'postgresql://u:pw@h/d?sslpassword=k'",
	 "ALTER SUBSCRIPTION s CONNECTION 'postgresql://u:**@h/d?sslpassword=*'"},
	{"SELECT dblink_connect('c', 'host=h password=''p w'' user=u')",
	 "SELECT dblink_connect('c', 'host=h password=''***'' user=u')"},
	{"SELECT dblink_exec('c', 'ALTER ROLE r PASSWORD ''p''''w'' VALID UNTIL ''x''')",
	 "SELECT dblink_exec('c', 'ALTER ROLE r PASSWORD ''*''''*'' VALID UNTIL ''x''')"},
	{"DO $$ BEGIN EXECUTE 'ALTER ROLE r PASSWORD ''pw'''; END $$",
	 "DO $$ BEGIN EXECUTE 'ALTER ROLE r PASSWORD ''**'''; END $$"},
	{"DO $$ BEGIN ALTER ROLE r PASSWORD 'it''s' VALID UNTIL 'x'; END $$",
	 "DO $$ BEGIN ALTER ROLE r PASSWORD '*****' VALID UNTIL 'x'; END $$"},
	{"DO $a$ BEGIN EXECUTE $b$ ALTER ROLE r PASSWORD $c$pw$c$ $b$; END $a$",
	 "DO $a$ BEGIN EXECUTE $b$ ALTER ROLE r PASSWORD $c$**$c$ $b$; END $a$"},
	{"EXECUTE 'ALTER ROLE r PASSWORD ' || quote_literal('pw')",
	 "EXECUTE 'ALTER ROLE r PASSWORD ' || quote_literal('**')"},
	{"SELECT 'ALTER ROLE r PASSWORD ' || $1 || ' VALID'",
	 "SELECT 'ALTER ROLE r PASSWORD ' || $1 || '******'"},
	{"SELECT format('x password=%s', 'pw')", "SELECT format('x password=**', '**')"},
	{"ALTER SYSTEM SET primary_conninfo = 'host=h password=pw'",
	 "ALTER SYSTEM SET primary_conninfo = 'host=h password=**'"},
	{"SET myapp.secret TO 'pw'", "SET myapp.secret TO '**'"},
	{"SELECT set_config('app.password', 'pw', false)",
	 "SELECT set_config('app.password', '**', false)"},
	{"PREPARE p AS UPDATE u SET password = $2 WHERE id = $1", NULL},
	{"INSERT INTO users (id, \"password\") VALUES ($1, crypt($2, gen_salt('bf'))) "
	 "RETURNING id",
	 "INSERT INTO users (id, \"password\") VALUES ($1, crypt($2, gen_salt('**'))) "
	 "RETURNING id"},
	{"INSERT INTO users (password, name) VALUES ($1, $2), ($3, $4) ON CONFLICT (name) "
	 "DO UPDATE SET name = $5",
	 NULL},
	{"SELECT 1 FROM users WHERE name = $1 AND pwhash = crypt($2, pwhash)", NULL},
	{"SELECT pgp_sym_encrypt($1, $2), pgp_sym_decrypt(d, 'key'::text, 'opt')",
	 "SELECT pgp_sym_encrypt($1, $2), pgp_sym_decrypt(d, '***'::text, 'opt')"},
	{"SELECT * FROM users WHERE password <> $1::text AND (password) = 'x' AND a = $2",
	 "SELECT * FROM users WHERE password <> $1::text AND (password) = '*' AND a = $2"},
	{"COMMENT ON ROLE r IS 'password is secret'", NULL},
	{"WITH x AS (INSERT INTO users (n, password) SELECT $1, $2 RETURNING n) SELECT n, "
	 "$3 FROM x",
	 NULL},
	{"SELECT format('ALTER ROLE %I PASSWORD %L', 'r', 'pw'), 'x'",
	 "SELECT format('ALTER ROLE %I PASSWORD %L', '*', '**'), 'x'"},
	{"SELECT set_config('search_path', '', false)", NULL},
	{"create role r encrypted password 'x' valid until '2030-01-01'",
	 "create role r encrypted password '*' valid until '2030-01-01'"},
	{"alter user u PassWord E'a'b'; alter user v password U&'xy'; select 'z'",
	 "alter user u PassWord E'*'b'**************************'xy'; select 'z'"},
	{"options (user 'u', \"password\" 'x', sslpassword $$y$$, add password $t$z$t$)",
	 "options (user 'u', \"password\" '*', sslpassword $$*$$, add password $t$*$t$)"},
	{"connection 'host=h password=abc dbname=d' publication p",
	 "connection 'host=h password=*** dbname=d' publication p"},
	{"dblink('password=''a b'' host=x', 'select 1'), 'y'",
	 "dblink('password=''***'' host=x', 'select 1'), 'y'"},
	{"dblink(E'password = 'a b' x', $x$ password='c' $x$)",
	 "dblink(E'password = 'a b' x', $x$ password='*' $x$)"},
	{"dblink('postgresql://u:p@h/d?password=q&x=y'), pgp_sym_encrypt('a', 'b')",
	 "dblink('postgresql://u:*@h/d?password=*&x=y'), pgp_sym_encrypt('a', '*')"},
	{"select a->>'password' from t where x='y' and secret = 'x'",
	 "select a->>'password' from t where x='y' and secret = '*'"},
};

static void passwords_of_postgres(void **state)
{
	expect_rows(SQL_POSTGRES, rows_of_postgres,
		    sizeof(rows_of_postgres) / sizeof(rows_of_postgres[0]));
}

static void place_add(unsigned place, void *list)
{
	char *at = (char *)list + strlen(list);

	snprintf(at, LIST - strlen(list), at == list ? "%u" : " %u", place + 1);
}

static void places_of_passwords(void **state)
{
	static const struct {
		enum sql_dialect dialect;
		const char *text, *want;
	} rows[] = {
		{SQL_MYSQL, "SET PASSWORD = ?", "1"},
		{SQL_MYSQL, "SELECT 1 FROM users WHERE name = ? AND password = ?", "2"},
		{SQL_MYSQL,
		 "SELECT 1 FROM users WHERE password = SHA2(CONCAT('salt', ?), 256) AND name = 'x'",
		 "1"},
		{SQL_MYSQL, "SELECT 1 FROM users WHERE password IN (?, ?) OR password LIKE 'x%'",
		 "1 2"},
		{SQL_MYSQL,
		 "INSERT INTO users(name, password) VALUES (?, ?), ('b', 'pw'), ('c', sha2('pw', "
		 "256)) ON DUPLICATE KEY UPDATE name = 'x'",
		 "1 2"},
		{SQL_MYSQL, "REPLACE users (password_hash, name) VALUES (PASSWORD(?), ?)", "1"},
		{SQL_MYSQL, "UPDATE users SET password_hash = ?, name = ? WHERE id = ?", "1"},
		{SQL_MYSQL,
		 "SELECT AES_ENCRYPT('data', 'key'), AES_DECRYPT(x, ?), REPLACE('a', 'b', 'c')",
		 "1"},
		{SQL_MYSQL, "SELECT PASSWORD(?), OLD_PASSWORD('x')", "1"},
		{SQL_POSTGRES,
		 "ALTER SUBSCRIPTION s CONNECTION 'postgresql://u:pw@h/d?sslpassword=k'", ""},
		{SQL_POSTGRES, "SELECT 'ALTER ROLE r PASSWORD ' || $1 || ' VALID'", "1"},
		{SQL_POSTGRES, "PREPARE p AS UPDATE u SET password = $2 WHERE id = $1", "2"},
		{SQL_POSTGRES,
		 "INSERT INTO users (id, \"password\") VALUES ($1, crypt($2, gen_salt('bf'))) "
		 "RETURNING id",
		 "1 2"},
		{SQL_POSTGRES,
		 "INSERT INTO users (password, name) VALUES ($1, $2), ($3, $4) ON CONFLICT (name) "
		 "DO UPDATE SET name = $5",
		 "1 3"},
		{SQL_POSTGRES, "SELECT 1 FROM users WHERE name = $1 AND pwhash = crypt($2, pwhash)",
		 "2"},
		{SQL_POSTGRES,
		 "SELECT pgp_sym_encrypt($1, $2), pgp_sym_decrypt(d, 'key'::text, 'opt')", "2"},
		{SQL_POSTGRES,
		 "SELECT * FROM users WHERE password <> $1::text AND (password) = 'x' AND a = $2",
		 "1"},
		{SQL_POSTGRES,
		 "WITH x AS (INSERT INTO users (n, password) SELECT $1, $2 RETURNING n) SELECT n, "
		 "$3 FROM x",
		 "2"},
		{SQL_POSTGRES,
		 "dblink('postgresql://u:p@h/d?password=q&x=y'), pgp_sym_encrypt('a', 'b')", ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char list[LIST] = "";

		sql_text_password_places(bytes_of(rows[i].text), rows[i].dialect, place_add, list);
		assert_string_equal(list, rows[i].want);
	}
}

/* However a statement is cut, what there is of its password is masked. */
static void passwords_are_masked_in_what_is_cut(void **state)
{
	static const char *const texts[] = {
		"ALTER USER u IDENTIFIED /*!80000 BY */ 'SECRE''T' COMMENT 'c'",
		"ALTER ROLE r PASSWORD $tag$zqj$tag$",
		"SELECT dblink_exec('c', 'ALTER ROLE r PASSWORD ''zqj'' CREATEDB')",
		"SELECT dblink_connect('host=h password=zqj user=u')",
		"DO $$ BEGIN EXECUTE 'ALTER ROLE r PASSWORD ''zqj'''; END $$",
	};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t n = 0; n <= strlen(texts[i]); n++) {
			char text[128] = "";

			memcpy(text, texts[i], n);
			sql_text_passwords((struct bytes){texts[i], n},
					   i ? SQL_POSTGRES : SQL_MYSQL, mask, text);
			assert_null(strpbrk(text, "zqj"));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords_of_mysql),
		cmocka_unit_test(passwords_of_postgres),
		cmocka_unit_test(places_of_passwords),
		cmocka_unit_test(passwords_are_masked_in_what_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
