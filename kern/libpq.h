/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
#include <linux/types.h>

/* Facts of one libpq: where fields are in its objects; -1 = not known. */
struct libpq_params {
	/* PGconn */
	__s32 socket, database, user;
	__s32 status;   /* ConnStatusType; asyncStatus and xactStatus follow it */
	__s32 pipeline; /* PGpipelineStatus */
	__s32 backend_pid;
	/* PGresult */
	__s32 result_status, command_status, tuples, message, fields;
};
