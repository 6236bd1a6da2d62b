/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Reads raw recordings (capture/raw.h). */
#include <stdint.h>

#include "capture/raw.h"
#include "capture/source.h"

/* Opens path ("-" = stdin). -EBADMSG with text when it is no raw recording. The order of bytes is
 * the recorder's; a file from a machine of the other order is refused. */
int source_raw_open(const char *path, struct source *ret, struct err *err);
/* Bytes at the end that form no whole record: 0 = the file is not cut. Valid after SOURCE_END. */
uint64_t source_raw_torn(const struct source *source);
