/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
#include <linux/types.h>

/* Facts of one libpq: where fields are in its objects, as its own accessors use them; -1 = not
 * known. */
struct libpq_params {
	/* PGconn */
	__s32 socket, database, user;
	__s32 status; /* ConnStatusType; behind it PGAsyncStatusType and PGTransactionStatusType */
	__s32 pipeline; /* PGpipelineStatus: versions before 14 have none */
	__s32 backend_pid;
	/* PGresult */
	__s32 result_status, command_status, tuples;
	__s32 message; /* char *, where the server had nothing to say */
	__s32 fields;  /* list of the fields of an error: next, code (1 byte), text */
};
