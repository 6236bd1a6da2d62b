/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The raw recording: RAW_MAGIC, then the records of kern/events.h as they came, each padded with
 * zeroes to 8 bytes. A file cut anywhere is read up to its last whole record.
 */
#include <stdint.h>

#include "capture/source.h"

#define RAW_MAGIC "PENSTOCK-RAW-1\r\n" /* 16 bytes, the NUL not included */
enum {
	RAW_MAGIC_SIZE = 16,
	RAW_ALIGN = 8
};

/* Opens path ("-" = stdin). -EBADMSG with text when it is no raw recording. The order of bytes is
 * the recorder's; a file from a machine of the other order is refused. */
int source_raw_open(const char *path, struct source *ret, struct err *err);
/* Bytes at the end that form no whole record: 0 = the file is not cut. Valid after SOURCE_END. */
uint64_t source_raw_torn(const struct source *source);
