/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Archives made of the samples, and read again, by code that has nothing in common with
 * capture/archive: libzstd itself, and the shortest walk over the records of each format.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"

/* Reads a file; the bytes are malloc'd. */
struct bytes archives_load(const char *path);
/* What such a file has that a raw recording becomes; malloc'd. */
struct bytes archives_replay(const char *path, const char *format);
/* The size of the first record; 0 = none lies there whole. */
size_t archives_record(const char *format, struct bytes in);
/* How many of the first n bytes are whole records. */
size_t archives_whole(const char *format, struct bytes in);

/* Compressed in frames of that many records, flushed after each, with a checksum; malloc'd. A
 * pcapng is one frame, everything else has a seek table behind the frames. */
struct bytes archives_compress(const char *format, struct bytes contents, unsigned records);
/* What can be had of it, malloc'd; *ret_whole: is it at the end of a frame? */
struct bytes archives_decompress(struct bytes file, bool *ret_whole);
/* Either, by how the bytes look. */
struct bytes archives_contents(struct bytes file);
