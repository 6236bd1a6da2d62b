/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once

/*
 * Where fields are in the structures of MariaDB Connector/C. Programs are compiled with them
 * (mysql.h, mariadb_stmt.h, of 3.0 and later): they do not change under one name of the library.
 * tests/probes/test_libmariadb.c compares them with the header that is installed, and the probe
 * with the accessors of each library.
 */
enum libmariadb_layout {
	MYSQL_FD = 0x28, /* net.fd */
	MYSQL_ERRNO = 0x90,
	MYSQL_ERROR = 0x97,
	MYSQL_SQLSTATE = 0x297,
	MYSQL_USER = 0x2b8,
	MYSQL_DB = 0x2e8,
	MYSQL_AFFECTED_ROWS = 0x338,
	MYSQL_THREAD_ID = 0x350,
	MYSQL_FIELD_COUNT = 0x37c,
	MYSQL_SERVER_STATUS = 0x380,
	MYSQL_WARNING_COUNT = 0x388,
	MYSQL_METHODS = 0x4d0,
	METHODS_READ_RESULT = 0x20, /* db_read_query_result */
	STMT_MYSQL = 0x38,
	STMT_ID = 0x40,
	STMT_FIELD_COUNT = 0x60,
	STMT_PARAM_COUNT = 0x64,
	STMT_PARAMS = 0x70,
	STMT_ARRAY_SIZE = 0x368,
	RES_ROW_COUNT = 0,
	BIND_SIZE = 112,
	BIND_LENGTH = 0,
	BIND_IS_NULL = 8,
	BIND_BUFFER = 16,
	BIND_BUFFER_LENGTH = 64,
	BIND_TYPE = 96,
	BIND_UNSIGNED = 101,
};
