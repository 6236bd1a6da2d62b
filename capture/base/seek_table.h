/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The seek table at the end of a zstd archive: a skippable frame that says how large each frame
 * before it is. Format: "Zstandard Seekable Format" 0.1.0 (contrib/seekable_format of zstd), with
 * checksums: those of the frames themselves.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum {
	SEEK_TABLE_SKIPPABLE = 0x184D2A5E, /* magic number of the frame */
	SEEK_TABLE_MAGIC = 0x8F92EAB1,     /* of its last four bytes */
	SEEK_TABLE_HEAD = 8,
	SEEK_TABLE_ENTRY = 12, /* size, decompressed size, checksum: 32 bits each, little endian */
	SEEK_TABLE_FOOTER = 9,
	SEEK_TABLE_MAX = 1 << 19, /* frames: of more no table is made */
};

/* Zeroed, it is empty. */
struct seek_table {
	uint8_t *p; /* room for the head, then entries */
	size_t cap;
	uint32_t frames;
	bool unfit; /* a frame could not be entered: there will be no table */
};

void seek_table_clear(struct seek_table *t);
void seek_table_free(struct seek_table *t);
void seek_table_add(struct seek_table *t, uint64_t size, uint64_t raw_size, uint32_t checksum);
/* The whole skippable frame; none when there is no table. Valid until the next call. */
struct bytes seek_table_bytes(struct seek_table *t);

/* Reading, of foreign bytes: the number of entries of what may be a table, -1 when it is none. */
int64_t seek_table_count(struct bytes table);

struct seek_table_entry {
	uint32_t size, raw_size;
	uint32_t checksum; /* where it has checksums */
};
bool seek_table_has_checksums(struct bytes table);
/* i is less than seek_table_count(). */
struct seek_table_entry seek_table_get(struct bytes table, uint32_t i);
