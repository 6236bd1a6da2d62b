/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The raw recording: RAW_MAGIC, then the records of kern/events.h as they came, each padded with
 * zeroes to RAW_ALIGN. A file cut anywhere is read up to its last whole record. Where a recording
 * begins anew (after a gap, for a new reader) the magic comes again, and behind it what a replay
 * needs: RUN, CLOCK, CGROUP and PROC records.
 */
#include <stddef.h>

#define RAW_MAGIC "PENSTOCK-RAW-1\r\n" /* 16 bytes, the NUL not included */
enum {
	RAW_MAGIC_SIZE = 16,
	RAW_ALIGN = 8
};

/* What a record of that length takes. */
static inline size_t raw_padded(size_t len)
{
	return (len + RAW_ALIGN - 1) / RAW_ALIGN * RAW_ALIGN;
}
