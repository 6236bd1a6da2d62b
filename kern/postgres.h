/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
#include <linux/types.h>

/* Facts of one PostgreSQL server: addresses as linked. */
struct postgres_params {
	/* where the programs are attached */
	__u64 pgstat_report_activity, EndCommand, pq_sendstring, InitPostgres;
	__u64 HandleFunctionRequest;
	/* variables */
	__u64 MyProcPort;         /* struct Port *: its first field is the socket */
	__u64 PG_exception_stack; /* sigjmp_buf *: a variable of PostgresMain() */
	__u64 debug_query_string; /* const char *: the text of the statement that runs */
	__u64 application_name, cluster_name; /* char * */
	__u64 am_walsender;                   /* bool */
};
