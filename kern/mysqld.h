/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
#include <linux/types.h>

/* Facts of one MariaDB server: where fields are. THD is the structure of a connection. */
struct mysqld_params {
	/* in THD */
	__u32 thread_id, query, db;
	__u32 security; /* pointer to who the client is: */
	__u32 user, host, ip;
	__u32 da; /* pointer to the area of diagnostics: */
	__u32 da_error, da_message, da_status;
	/* in THD again; 0 = not known */
	__u32 vio; /* pointer to what begins with the descriptor of the socket */
	__u32 sent_rows, server_status, command;
	__u32 protocol_thd; /* in class Protocol: pointer to THD */
	__u32 executed;     /* mysqld_executed() is attached */
};
