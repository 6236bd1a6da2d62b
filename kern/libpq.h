/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
#include <linux/types.h>

/* Facts of one libpq: where fields are, as its own exported accessors use them. -1 = not known. */
struct libpq_params {
	/* in PGconn */
	__s32 socket, db, user;
	__s32 status;   /* behind it: PGAsyncStatusType, 0 = nothing is under way */
	__s32 pipeline; /* PGpipelineStatus; versions before 14 have none */
	__s32 backend;  /* pid of the server's process */
	/* in PGresult */
	__s32 rows, result_status, tag;
	__s32 fields;  /* list of the fields of an error: next, code (1 byte), text */
	__s32 message; /* char *, where the server had nothing to say */
};
