/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Reads raw recordings (capture/raw.h), compressed or not, as a source of records. */
#include <stdint.h>

#include "capture/archive/stream.h"
#include "capture/raw.h"
#include "capture/source.h"

/* The source takes the stream, unless that fails. -EBADMSG with text when it is no raw recording.
 * The order of bytes is the recorder's; a file from a machine of the other order is refused. */
int raw_source_open(struct stream *stream, struct source *ret, struct err *err);
/* Is the recording cut? *ret: how many bytes at the end form no whole record. Valid after
 * SOURCE_END. */
bool raw_source_torn(const struct source *source, uint64_t *ret);
