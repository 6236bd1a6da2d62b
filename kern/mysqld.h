/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
#include <linux/types.h>

/* Facts of one server, of MariaDB or of MySQL: where fields are, in bytes; 0 = not known, where
 * that is said. THD is the structure of a connection. */
struct mysqld_params {
	/* in THD */
	__u32 thread_id, thread_id_size;
	__u32 query, db; /* db: 0 = not known */
	__u32 security;  /* pointer to who the client is: */
	__u32 user, host, ip;
	__u32 user_n, host_n, ip_n; /* lengths of these; 0 = they end with a NUL */
	__u32 da;                   /* pointer to the area of diagnostics: */
	__u32 da_status, da_failed; /* da_failed: what the status is after an error */
	__u32 da_affected, da_warnings, da_error, da_message, da_sqlstate;
	/* in THD again; 0 = not known */
	__u32 vio;       /* pointer to what begins with the descriptor of the socket */
	__u32 sent_sums; /* rows sent are counted on in statements that others run */
	__u32 sent_rows, server_status, command;
	__u32 protocol; /* MySQL: pointer to what the client is talked to by, a class Protocol: */
	__u32 protocol_thd; /* pointer back to THD */
	__u32 packet, packet_n, capabilities;
	__u32 statement; /* in class Prepared_statement: its text and the length of that */
	__u32 executed;  /* mysqld_executed() is attached */
};
