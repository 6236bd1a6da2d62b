/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
#include <linux/types.h>

/* Where fields are in the objects of MariaDB Connector/C 3, as its public header mysql.h has them;
 * tests/probes/test_libmariadb.c compares them. Its programs are compiled with that header, so
 * that they cannot move. */
enum libmariadb_offsets {
	MYSQL_PVIO = 0, /* net.pvio; what it points to begins with a pointer to the descriptor */
	MYSQL_ERRNO = 144,
	MYSQL_ERROR = 151,
	MYSQL_SQLSTATE = 663,
	MYSQL_USER = 696,
	MYSQL_DB = 744,
	MYSQL_AFFECTED_ROWS = 824,
	MYSQL_THREAD_ID = 848,
	MYSQL_FIELD_COUNT = 892,
	MYSQL_WARNING_COUNT = 904,
	STMT_MYSQL = 56,
	STMT_ID = 64,
	STMT_FIELD_COUNT = 96,
	STMT_AFFECTED_ROWS = 248,
	STMT_ERRNO = 264,
	STMT_ERROR = 268,
	STMT_SQLSTATE = 781,
	RES_ROW_COUNT = 0,
	RES_DATA = 24
};

/* Facts of one library: none but that it is one. */
struct libmariadb_params {
	__u32 major, reserved;
};
