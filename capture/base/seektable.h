/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The table at the end of a file of zstd frames that says where each is (the "seekable format" 0.1.0
 * of zstd's contrib folder): a skippable frame, which decompressors pass over. Its last bytes are a
 * magic number, so that a reader finds it from the end.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum {
	SEEKTABLE_FOOT = 9,       /* number of frames, descriptor, magic */
	SEEKTABLE_HEAD = 8,       /* of any skippable frame: magic, size of what follows */
	SEEKTABLE_MAX = 1u << 20, /* frames that a table may have: 4 TiB of 4 MiB each */
};

#define SEEKTABLE_SKIPPABLE 0x184d2a5eu /* the skippable frame that it is */

struct seektable_frame {
	uint32_t size, raw_size; /* compressed, decompressed */
	uint32_t checksum;       /* the frame's own: its last four bytes */
};

/* Collects frames; zeroed, it has none. */
struct seektable {
	uint8_t *p; /* head, then entries */
	size_t n, cap;
	uint32_t frames;
	bool broken; /* what it should say cannot be said: a frame of 4 GiB, or too many frames */
};

/* A frame has ended. -ENOMEM */
int seektable_add(struct seektable *t, uint64_t size, uint64_t raw_size, uint32_t checksum);
/* The whole table, valid until the next call; none at all when it is broken. -ENOMEM */
int seektable_finish(struct seektable *t, struct bytes *ret);
/* It has no frames again; the memory stays. */
void seektable_reset(struct seektable *t);
void seektable_free(struct seektable *t);

/* Reading, of foreign bytes. The number of frames in the table whose whole skippable frame is
 * `table`, -1 when that is none. */
int64_t seektable_count(struct bytes table);
/* Does it say checksums? */
bool seektable_has_checksums(struct bytes table);
/* The entry of that number, which is below seektable_count(). */
struct seektable_frame seektable_get(struct bytes table, uint32_t i);
/* The size of the table that ends a file whose last SEEKTABLE_FOOT bytes are foot; 0 = there is
 * none. */
uint64_t seektable_size(const uint8_t foot[SEEKTABLE_FOOT]);
