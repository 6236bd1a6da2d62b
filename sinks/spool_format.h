/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The files of a spool. Pure; what is read is foreign. All numbers are little endian.
 *
 * A segment, spool-<number>-<stream>-<first_seq>.seg, holds chunks of one stream in their order:
 *     head      64 bytes: "PNSPOOL\1" · u32 head_crc (of the 52 bytes behind it) · u32 opening_n ·
 *               u32 opening_crc · u32 0 · u64 number · u64 stream · u64 first_seq · 16 bytes 0
 *     opening   opening_n bytes: what its events are understood behind
 *     records   to the end of the file
 * A record, which is one chunk:
 *     u32 len (of the payload) · u32 crc (of all that follows, payload included) · u32 head_crc (of
 *     len, and of what follows up to the payload) · u32 flags · u64 first_seq · u64 last_seq ·
 *     u64 first_ns · u64 last_ns · u64 opened_ns · u64 touched_ns · u64 unix_ns · u32 records ·
 *     u32 reports · u32 generation · u32 opening_n · u32 by_kind[16] · u64 0 · payload
 * So what a record is can be told, and it can be passed over, where only its payload is damaged.
 * The cursor, 40 bytes: "PNCURSR\1" · u32 crc (of the 28 bytes behind it) · u32 0 · u64 number ·
 * u64 stream · u64 offset in that segment: everything before it is done.
 *
 * Numbers of segments grow, and are never used twice while a cursor could mean them. `stream` is a
 * hash of the opening bytes (FNV-1a, 64 bits): the same for every format, and different wherever
 * what follows has to be understood differently. CRCs are CRC-32C.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/spool.h"

enum {
	SPOOL_HEAD = 64,
	SPOOL_RECORD = 160,
	SPOOL_CURSOR = 40,
	SPOOL_NAME = 96,
	SPOOL_OPENING = CHUNK_SIZE, /* most opening bytes */
};

#define SPOOL_NUMBERS (UINT64_MAX / 2) /* so that there is always a next one */

struct spool_head {
	uint32_t opening_n, opening_crc;
	uint64_t number, stream, first_seq;
};

struct spool_cursor {
	uint64_t number, stream, offset;
};

/* 0 where there are none. */
uint64_t spool_stream_of(const void *opening, size_t n);

void spool_head_write(const struct spool_head *h, uint8_t ret[SPOOL_HEAD]);
/* False: it is none, or damaged. */
bool spool_head_read(const uint8_t in[SPOOL_HEAD], struct spool_head *ret);
void spool_head_name(const struct spool_head *h, char ret[SPOOL_NAME]);
/* Where its first record begins. */
static inline uint64_t spool_head_size(const struct spool_head *h)
{
	return SPOOL_HEAD + (uint64_t)h->opening_n;
}

/* What of a chunk has to be known, and the checksum of it with its payload. */
void spool_record_write(const struct chunk *c, uint8_t ret[SPOOL_RECORD]);
/* False: it is none, or damaged. Else a chunk without its bytes (p NULL, cap 0), whose len has a
 * payload that CHUNK_JUMBO has room for. */
bool spool_record_read(const uint8_t in[SPOOL_RECORD], struct chunk *ret);
bool spool_record_fits(const uint8_t record[SPOOL_RECORD], const void *payload, size_t n);
/* Its events, all of them. */
struct loss spool_record_loss(const struct chunk *c);

void spool_cursor_write(const struct spool_cursor *c, uint8_t ret[SPOOL_CURSOR]);
bool spool_cursor_read(const uint8_t in[SPOOL_CURSOR], struct spool_cursor *ret);
